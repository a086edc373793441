#include "widgets/panels/compare_header.h"

#include "widgets/panels/role_label.h"
#include "widgets/panels/tab_order.h"
#include "widgets/style/check_look.h"
#include "widgets/style/combo_box.h"
#include "widgets/style/fonts.h"
#include "widgets/style/icons.h"
#include "widgets/style/marks.h"
#include "widgets/style/theme.h"

#include <QComboBox>
#include <QDragEnterEvent>
#include <QGridLayout>
#include <QMimeData>
#include <QPainter>
#include <QPushButton>
#include <QSignalBlocker>
#include <QStandardItemModel>
#include <QUrl>

#include <algorithm>

namespace sparsescope {

namespace {

constexpr int kColumns = 9, kBadge = 22, kWordsFrom = 900,
              kOneRowFrom = 1560, ///< px of width from which everything stands in one row
    kFactGaps = 80;               ///< px beside the words of the facts: two signs, and room between

QPixmap badge(const QString &letter, const QColor &colour, const Tokens &t, qreal dpr)
{
    QPixmap pixmap(QSize(kBadge, kBadge) * dpr);
    pixmap.setDevicePixelRatio(dpr);
    pixmap.fill(Qt::transparent);
    QPainter painter(&pixmap);
    paintSideBadge(painter, QRectF(0, 0, kBadge, kBadge), letter, colour, t);
    return pixmap;
}

QPixmap sign(const CheckLook &look, const Tokens &t, qreal dpr)
{
    constexpr int kSize = 14;
    QPixmap pixmap(QSize(kSize, kSize) * dpr);
    pixmap.setDevicePixelRatio(dpr);
    pixmap.fill(Qt::transparent);
    QPainter painter(&pixmap);
    paintIcon(painter, QRectF(0, 0, kSize, kSize), look.icon, look.colour, t.panel);
    return pixmap;
}

} // namespace

CompareHeader::CompareHeader(ViewState *viewState, QWidget *parent)
    : QFrame(parent)
    , m_viewState(viewState)
    , m_badgeA(new QLabel(this))
    , m_badgeB(new QLabel(this))
    , m_match(makeLabel({}, "sub", this))
    , m_matchIcon(new QLabel(this))
    , m_differs(makeLabel({}, "sub", this))
    , m_differsIcon(new QLabel(this))
    , m_matchBox(new QWidget(this))
    , m_against(makeLabel(QStringLiteral("against"), "sub", this))
    , m_a(new ComboBox(this))
    , m_b(new ComboBox(this))
    , m_by(new ComboBox(this))
    , m_swap(new QPushButton(QStringLiteral("Swap"), this))
    , m_export(new QPushButton(QStringLiteral("Export comparison…"), this))
{
    setProperty("role", "card");
    const std::tuple<ComboBox *, const char *, QString> sides[] = {{m_a, "sideA", QStringLiteral("A")},
                                                                   {m_b, "sideB", QStringLiteral("B")}};
    for (const auto &[combo, name, letter] : sides) {
        combo->setObjectName(QLatin1String(name));
        combo->setAccessibleName(letter);
        combo->setToolTip(
            QStringLiteral("Side %1: all seeds of a group, or one run. A run folder can be dropped here.").arg(letter));
        combo->fitContents();
        combo->setMinimumWidth(140);
        combo->setMaximumWidth(320);
        combo->setMaxVisibleItems(24);
        combo->setAcceptDrops(true);
        combo->installEventFilter(this);
        connect(combo, &QComboBox::activated, this, [this, combo = combo](int index) {
            const QString key = combo->itemData(index).toString();
            const View &view = m_viewState->view();
            m_viewState->setSides(combo == m_a ? key : view.sideA, combo == m_a ? view.sideB : key);
        });
    }
    m_swap->setObjectName(QStringLiteral("swapButton"));
    m_swap->setAccessibleName(m_swap->text());
    m_swap->setToolTip(QStringLiteral("A becomes B and B becomes A"));
    m_by->setObjectName(QStringLiteral("compareByCombo"));
    m_by->setAccessibleName(QStringLiteral("Over"));
    m_by->addItems({QStringLiteral("By step"), QStringLiteral("By tokens"), QStringLiteral("By time"),
                    QStringLiteral("By FLOPs")});
    m_by->setToolTip(
        QStringLiteral("Time: of the optimiser steps. FLOPs: executed ones, those of the indexer included."));
    m_export->setObjectName(QStringLiteral("exportComparisonButton"));
    m_export->setProperty("role", "primary");
    m_matchBox->setObjectName(QStringLiteral("matchSummary"));
    for (QLabel *label : {m_match, m_differs}) {
        label->setWordWrap(true);
        QSizePolicy wide(QSizePolicy::Ignored, QSizePolicy::Preferred);
        wide.setHeightForWidth(true);
        label->setSizePolicy(wide);
    }
    auto *facts = new QGridLayout(m_matchBox);
    facts->setContentsMargins(0, 0, 0, 0);
    facts->setHorizontalSpacing(6);
    facts->setVerticalSpacing(2);
    facts->addWidget(m_matchIcon, 0, 0, Qt::AlignTop);
    facts->addWidget(m_match, 0, 1);
    facts->setColumnStretch(1, 3);
    auto *grid = new QGridLayout(this);
    grid->setContentsMargins(12, 7, 8, 7);
    grid->setHorizontalSpacing(8);
    grid->setVerticalSpacing(4);
    QWidget *const first[] = {m_badgeA, m_a, m_against, m_badgeB, m_b, m_swap};
    int column = 0;
    for (QWidget *widget : first) {
        grid->addWidget(widget, 0, column++);
    }
    grid->addWidget(m_matchBox, 0, column);
    grid->setColumnStretch(column, 1);
    grid->setColumnMinimumWidth(column++, 4);
    grid->addWidget(m_by, 0, column++);
    grid->addWidget(m_export, 0, column);
    sparsescope::setTabOrder({m_a, m_b, m_swap, m_by, m_export});
    connect(m_swap, &QPushButton::clicked, m_viewState, &ViewState::swapSides);
    connect(m_by, &QComboBox::activated, m_viewState,
            [this](int index) { m_viewState->setCompareBy(static_cast<XAxis>(index)); });
    connect(m_export, &QPushButton::clicked, this, &CompareHeader::exportRequested);
    connect(m_viewState, &ViewState::changed, this, &CompareHeader::showView);
    setExporting({});
    showView();
}

void CompareHeader::setSides(const std::vector<CompareSide> &sides)
{
    m_families.clear();
    for (const CompareSide &side : sides) {
        m_families.emplace_back(side.key, side.runs.front()->config().model.family);
    }
    fill(m_a, sides);
    fill(m_b, sides);
    showView();
}

void CompareHeader::fill(QComboBox *combo, const std::vector<CompareSide> &sides)
{
    const QSignalBlocker quiet(combo);
    combo->clear();
    combo->setPlaceholderText(QStringLiteral("Choose a side"));
    const bool several = std::any_of(sides.begin(), sides.end(), [&](const CompareSide &side) {
        return experimentPart(side.key) != experimentPart(sides.front().key);
    });
    QString experiment;
    for (const CompareSide &side : sides) {
        if (several && experimentPart(side.key) != experiment) { // a heading that cannot be chosen
            experiment = experimentPart(side.key);
            combo->addItem(side.experiment);
            auto *heading = qobject_cast<QStandardItemModel *>(combo->model())->item(combo->count() - 1);
            heading->setFlags(Qt::NoItemFlags);
            heading->setFont(uiFont(12, QFont::DemiBold));
        }
        combo->addItem(side.title, side.key);
        combo->setItemData(combo->count() - 1, side.experiment + QStringLiteral(": ") + side.title, Qt::ToolTipRole);
    }
}

void CompareHeader::showView()
{
    const View &view = m_viewState->view();
    const std::pair<QComboBox *, QString> sides[] = {{m_a, view.sideA}, {m_b, view.sideB}};
    for (const auto &[combo, key] : sides) {
        const QSignalBlocker quiet(combo);
        combo->setCurrentIndex(key.isEmpty() ? -1 : combo->findData(key));
    }
    const QSignalBlocker quiet(m_by);
    m_by->setCurrentIndex(static_cast<int>(view.compareBy));
    m_swap->setEnabled(!view.sideA.isEmpty() || !view.sideB.isEmpty());
    showBadges();
}

void CompareHeader::showBadges()
{
    const Tokens &t = currentTokens();
    const View &view = m_viewState->view();
    const auto familyOf = [this](const QString &key) {
        const auto found =
            std::find_if(m_families.begin(), m_families.end(), [&](const auto &entry) { return entry.first == key; });
        return found == m_families.end() ? std::nullopt : std::optional(found->second);
    };
    const auto a = familyOf(view.sideA), b = familyOf(view.sideB);
    m_badgeA->setPixmap(badge(QStringLiteral("A"), a ? sideColour(*a, false, t) : t.hint, t, devicePixelRatioF()));
    m_badgeB->setPixmap(badge(QStringLiteral("B"), b ? sideColour(*b, a == b, t) : t.hint, t, devicePixelRatioF()));
}

void CompareHeader::setFacts(const std::vector<MatchFact> &facts, bool chosen)
{
    m_facts = facts;
    m_chosen = chosen;
    showFacts();
}

void CompareHeader::showFacts()
{
    const Tokens &t = currentTokens();
    const QString same = equalText(m_facts);
    const MatchFact *differs = nullptr;
    QStringList all;
    for (const MatchFact &fact : m_facts) {
        if (fact.outcome != CheckOutcome::Passed) {
            differs = differs == nullptr ? &fact : differs;
            all << fact.words;
        }
    }
    const QString words = all.join(QStringLiteral(" · "));
    const QString matches = m_chosen ? same : QStringLiteral("Choose two sides: groups of seeds or single runs.");
    m_matchIcon->setVisible(!same.isEmpty());
    m_matchIcon->setPixmap(sign(checkLook(CheckOutcome::Passed, t), t, devicePixelRatioF()));
    m_match->setText(matches);
    m_differsIcon->setVisible(differs != nullptr);
    m_differs->setVisible(differs != nullptr);
    if (differs != nullptr) {
        const CheckLook look = checkLook(differs->outcome, t);
        m_differsIcon->setPixmap(sign(look, t, devicePixelRatioF()));
        if (m_differs->property("role").toString() != QLatin1String(look.role)) {
            setRole(m_differs, look.role);
        }
        m_differs->setText(words);
    }
    // Side by side where both fit, else under one another; nothing of them is left out.
    const int needed = m_match->fontMetrics().horizontalAdvance(matches) +
                       m_differs->fontMetrics().horizontalAdvance(words) + kFactGaps;
    auto *grid = static_cast<QGridLayout *>(m_matchBox->layout());
    const bool oneRow = differs == nullptr || needed <= m_matchBox->width();
    grid->addWidget(m_differsIcon, oneRow ? 0 : 1, oneRow ? 2 : 0, Qt::AlignTop);
    grid->addWidget(m_differs, oneRow ? 0 : 1, oneRow ? 3 : 1);
    grid->setColumnStretch(3, oneRow && differs != nullptr ? 2 : 0);
    QString tip = same;
    for (const QString &line : all) {
        tip += (tip.isEmpty() ? QString() : QStringLiteral("\n")) + line;
    }
    m_matchBox->setToolTip(tip);
    m_matchBox->setAccessibleName(QStringLiteral("What matches"));
    m_matchBox->setAccessibleDescription(tip);
}

void CompareHeader::setExporting(const QString &progress)
{
    m_export->setText(progress.isEmpty() ? QStringLiteral("Export comparison…")
                                         : QStringLiteral("Cancel, %1").arg(progress));
    m_export->setAccessibleName(m_export->text());
    m_export->setToolTip(
        progress.isEmpty()
            ? QStringLiteral("A folder with every figure, the tables, both configurations and one report")
            : QStringLiteral("Stop writing and remove what was written"));
    m_export->setIcon(makeIcon(Icon::Export, IconRole::OnAccent));
}

void CompareHeader::setExportable(bool exportable) { m_export->setEnabled(exportable); }

void CompareHeader::openSide(bool a)
{
    QComboBox *combo = a ? m_a : m_b;
    combo->setFocus(Qt::ShortcutFocusReason);
    combo->showPopup();
}

void CompareHeader::resizeEvent(QResizeEvent *event)
{
    QFrame::resizeEvent(event);
    auto *grid = static_cast<QGridLayout *>(layout());
    const bool oneRow = width() >= kOneRowFrom;
    int row = 0, column = 0, rows = 0, columns = 0;
    grid->getItemPosition(grid->indexOf(m_matchBox), &row, &column, &rows, &columns);
    m_against->setVisible(width() >= kWordsFrom);
    // What is compared, then by what, then what matches: as many rows as the width asks for.
    int wanted = grid->contentsMargins().left() + grid->contentsMargins().right();
    for (const QWidget *widget :
         std::initializer_list<const QWidget *>{m_badgeA, m_a, m_badgeB, m_b, m_swap, m_by, m_export}) {
        wanted += widget->minimumSizeHint().expandedTo(widget->minimumSize()).width() + grid->horizontalSpacing();
    }
    const bool folded = wanted > width();
    const int factsRow = oneRow ? 0 : folded ? 2 : 1;
    if (row != factsRow) {
        for (QWidget *widget : std::initializer_list<QWidget *>{m_matchBox, m_by, m_export}) {
            grid->removeWidget(widget);
        }
        if (oneRow) {
            grid->addWidget(m_matchBox, 0, 6);
        } else {
            grid->addWidget(m_matchBox, factsRow, 0, 1, kColumns);
        }
        if (folded) {
            grid->addWidget(m_by, 1, 0, 1, 2, Qt::AlignLeft);
            grid->addWidget(m_export, 1, 2, 1, kColumns - 2, Qt::AlignRight);
        } else {
            grid->addWidget(m_by, 0, kColumns - 2);
            grid->addWidget(m_export, 0, kColumns - 1);
        }
    }
    QMetaObject::invokeMethod(
        this, [this] { showFacts(); }, Qt::QueuedConnection); // labels have their widths by then
}

void CompareHeader::changeEvent(QEvent *event)
{
    QFrame::changeEvent(event);
    if (event->type() == QEvent::StyleChange) {
        m_export->setIcon(makeIcon(Icon::Export, IconRole::OnAccent));
        showBadges();
        showFacts();
    }
}

bool CompareHeader::eventFilter(QObject *watched, QEvent *event)
{
    if (event->type() == QEvent::DragEnter || event->type() == QEvent::Drop) {
        auto *drop = static_cast<QDropEvent *>(event);
        const QList<QUrl> urls = drop->mimeData()->urls();
        if (urls.size() == 1 && urls.front().isLocalFile()) {
            drop->acceptProposedAction();
            if (event->type() == QEvent::Drop) {
                Q_EMIT folderDropped(watched == m_a, urls.front().toLocalFile());
            }
            return true;
        }
    }
    return QFrame::eventFilter(watched, event);
}

FaultBar::FaultBar(QWidget *parent)
    : QFrame(parent)
    , m_icon(new QLabel(this))
    , m_title(makeLabel({}, "heading", this))
    , m_text(new QLabel(this))
{
    setObjectName(QStringLiteral("compareFault"));
    m_text->setWordWrap(true);
    auto *row = new QHBoxLayout(this);
    row->setContentsMargins(14, 8, 12, 8);
    row->setSpacing(8);
    row->addWidget(m_icon, 0, Qt::AlignTop);
    row->addWidget(m_title, 0, Qt::AlignTop);
    row->addWidget(m_text, 1);
    hide();
}

void FaultBar::setFault(const ComparisonFault &fault)
{
    m_fault = fault;
    setVisible(!fault.title.isEmpty());
    setAccessibleName(fault.title);
    setAccessibleDescription(fault.text);
    showFault();
}

void FaultBar::showFault()
{
    const Tokens &t = currentTokens();
    const CheckLook look = checkLook(m_fault.outcome, t);
    m_icon->setPixmap(sign(look, t, devicePixelRatioF()));
    m_title->setText(m_fault.title);
    m_text->setText(m_fault.text);
    update();
}

void FaultBar::paintEvent(QPaintEvent *)
{
    const Tokens &t = currentTokens();
    const bool failed = m_fault.outcome == CheckOutcome::Failed;
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    painter.setPen(Qt::NoPen);
    painter.setBrush(failed ? t.failedTint : t.checkTint);
    painter.drawRoundedRect(rect(), 6, 6);
    painter.setBrush(failed ? t.failed : t.check);
    painter.drawRoundedRect(QRectF(0, 0, 4, height()), 2, 2);
}

void FaultBar::changeEvent(QEvent *event)
{
    QFrame::changeEvent(event);
    if (event->type() == QEvent::StyleChange) {
        showFault();
    }
}

} // namespace sparsescope
