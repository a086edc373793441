#include "widgets/panels/soundness_panel.h"

#include "core/base/gates.h"
#include "widgets/panels/role_label.h"
#include "widgets/state/run_data.h"
#include "widgets/style/check_look.h"
#include "widgets/style/fonts.h"
#include "widgets/style/theme.h"

#include <QHelpEvent>
#include <QPainter>
#include <QScrollArea>
#include <QToolTip>
#include <QVBoxLayout>

#include <algorithm>

namespace sparsescope {

namespace {

constexpr int kRow = 24, kWords = 36, kRight = 12, kSign = 15;

bool speaks(const CheckResult &check)
{
    return check.outcome == CheckOutcome::Failed || check.outcome == CheckOutcome::Warning;
}

QString title(const CheckResult &check) { return QString::fromStdString(gate(check.gate).title); }

QString remedy(const CheckResult &check) { return QString::fromStdString(gate(check.gate).remedy); }

/// A count of which nothing but 0 passes: "0 differ" says it without a limit.
bool countsDifferences(const CheckResult &check)
{
    return gate(check.gate).form == GateForm::AtMost && check.limit == 0.0;
}

QString value(const CheckResult &check)
{
    if (check.outcome == CheckOutcome::NotRun) {
        return QStringLiteral("not checked");
    }
    const QString number = QString::fromStdString(valueText(check));
    return countsDifferences(check) ? QStringLiteral("%1 differ").arg(number) : number;
}

QString limit(const CheckResult &check)
{
    return check.outcome == CheckOutcome::NotRun || countsDifferences(check) ? QString()
                                                                             : QString::fromStdString(limitText(check));
}

QString stateWord(CheckOutcome outcome)
{
    return outcome == CheckOutcome::NotRun ? QStringLiteral("not checked") : QString::fromStdString(toString(outcome));
}

QRect remedyBox(int width) { return {kWords, kRow - 3, width - kWords - kRight, 1000}; }

} // namespace

SoundnessList::SoundnessList(QWidget *parent)
    : QWidget(parent)
{
    setObjectName(QStringLiteral("soundnessList"));
    setAccessibleName(QStringLiteral("Checks"));
}

void SoundnessList::setChecks(std::vector<CheckResult> checks)
{
    if (std::equal(checks.begin(), checks.end(), m_checks.begin(), m_checks.end(), equal)) {
        return;
    }
    m_checks = std::move(checks);
    QStringList spoken;
    for (const CheckResult &check : m_checks) {
        spoken << QStringLiteral("%1 %2").arg(title(check), stateWord(check.outcome));
    }
    setAccessibleDescription(spoken.join(QStringLiteral(", ")));
    setMinimumHeight(heightForWidth(width()));
    update();
}

/// Words of a remedy take more lines in a narrower dock; the scroll area only looks at the smallest height.
void SoundnessList::resizeEvent(QResizeEvent *) { setMinimumHeight(heightForWidth(width())); }

int SoundnessList::rowHeight(const CheckResult &check, int width) const
{
    if (!speaks(check)) {
        return kRow;
    }
    const QFontMetrics metrics(uiFont(12));
    return kRow + metrics.boundingRect(remedyBox(width), Qt::TextWordWrap, remedy(check)).height() + 4;
}

int SoundnessList::heightForWidth(int width) const
{
    int height = 6;
    for (const CheckResult &check : m_checks) {
        height += rowHeight(check, width);
    }
    return height;
}

QSize SoundnessList::sizeHint() const { return {280, heightForWidth(std::max(240, width()))}; }

void SoundnessList::paintEvent(QPaintEvent *)
{
    const Tokens &t = currentTokens();
    QPainter painter(this);
    painter.fillRect(rect(), t.panel);
    int top = 0;
    for (const CheckResult &check : m_checks) {
        const CheckLook look = checkLook(check.outcome, t);
        const QRect box(0, top, width(), rowHeight(check, width()));
        if (look.tint.isValid()) {
            painter.fillRect(box, look.tint);
            painter.fillRect(QRect(0, top, 3, box.height()), look.colour);
        }
        paintIcon(painter, QRectF(12, top + (kRow - kSign) / 2.0, kSign, kSign), look.icon, look.colour,
                  look.tint.isValid() ? look.tint : t.panel);

        const QRect line(kWords, top, width() - kWords - kRight, kRow);
        painter.setFont(monoFont(12));
        const QString words = title(check), number = value(check);
        QString bound = limit(check);
        const auto widthOf = [&](const QString &text) {
            return text.isEmpty() ? 0 : painter.fontMetrics().horizontalAdvance(text) + 8;
        };
        // The words are not cut for the limit, which the tooltip has as well.
        if (QFontMetrics(uiFont(13)).horizontalAdvance(words) + widthOf(number) + widthOf(bound) > line.width()) {
            bound.clear();
        }
        painter.setPen(t.hint);
        painter.drawText(line, Qt::AlignRight | Qt::AlignVCenter, bound);
        painter.setPen(speaks(check) ? look.colour : check.outcome == CheckOutcome::NotRun ? t.hint : t.text2);
        painter.drawText(line.adjusted(0, 0, -widthOf(bound), 0), Qt::AlignRight | Qt::AlignVCenter, number);
        const int taken = widthOf(number) + widthOf(bound);
        painter.setFont(uiFont(13));
        painter.setPen(check.outcome == CheckOutcome::NotRun ? t.text2 : t.text);
        painter.drawText(line, Qt::AlignLeft | Qt::AlignVCenter,
                         painter.fontMetrics().elidedText(words, Qt::ElideRight, line.width() - taken));
        if (speaks(check)) {
            painter.setFont(uiFont(12));
            painter.setPen(t.text2);
            painter.drawText(remedyBox(width()).translated(0, top), Qt::TextWordWrap, remedy(check));
        }
        top += box.height();
    }
}

QString SoundnessList::tooltip(const CheckResult &check) const
{
    const GateInfo &info = gate(check.gate);
    return QStringLiteral("%1: %2.\n%3\nPasses when: %4.")
        .arg(title(check), QString::fromStdString(check.measured), QString::fromStdString(info.procedure),
             QString::fromStdString(info.passes));
}

bool SoundnessList::event(QEvent *event)
{
    if (event->type() != QEvent::ToolTip) {
        return QWidget::event(event);
    }
    const auto *help = static_cast<QHelpEvent *>(event);
    int top = 0;
    for (const CheckResult &check : m_checks) {
        const int height = rowHeight(check, width());
        if (help->pos().y() < top + height) {
            QToolTip::showText(help->globalPos(), tooltip(check), this, QRect(0, top, width(), height));
            return true;
        }
        top += height;
    }
    QToolTip::hideText();
    return true;
}

SoundnessPanel::SoundnessPanel(QWidget *parent)
    : QWidget(parent)
    , m_headline(makeLabel({}, "hint", this))
    , m_subject(makeLabel({}, "hint", this))
    , m_list(new SoundnessList)
    , m_scroll(new QScrollArea(this))
{
    setObjectName(QStringLiteral("soundnessPanel"));
    setAccessibleName(QStringLiteral("Soundness"));
    m_headline->setObjectName(QStringLiteral("soundnessHeadline"));
    m_headline->setWordWrap(true);
    m_scroll->setWidget(m_list);
    m_scroll->setWidgetResizable(true);
    m_scroll->setFrameShape(QFrame::NoFrame);
    m_scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    m_scroll->setAccessibleName(accessibleName());
    m_scroll->viewport()->setAutoFillBackground(true);
    m_scroll->viewport()->setBackgroundRole(QPalette::Button);
    auto *words = new QVBoxLayout;
    words->setContentsMargins(12, 8, 12, 4);
    words->setSpacing(1);
    words->addWidget(m_headline);
    words->addWidget(m_subject);
    auto *layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    layout->addLayout(words);
    layout->addWidget(m_scroll, 1);
    update();
}

void SoundnessPanel::setRun(RunData *run, const QString &title)
{
    if (m_run != run) {
        if (m_run) {
            disconnect(m_run, nullptr, this, nullptr);
        }
        m_run = run;
        if (run != nullptr) {
            connect(run, &RunData::checksChanged, this, &SoundnessPanel::update);
        }
    }
    m_title = title;
    update();
}

void SoundnessPanel::setMeasuring(bool measuring)
{
    m_measuring = measuring;
    update();
}

QString SoundnessPanel::headline() const { return m_headline->text(); }

void SoundnessPanel::update()
{
    std::vector<CheckResult> checks;
    if (m_run) {
        checks = m_run->checks();
    }
    const CheckSummary summary = checkSummary(checks);
    m_headline->setText(m_run ? summary.words : QStringLiteral("No run selected"));
    setRole(m_headline, checkLook(summary.worst, currentTokens()).role);
    m_subject->setText(m_measuring ? m_title + QStringLiteral(", checking…") : m_title);
    m_subject->setVisible(m_run != nullptr);
    m_list->setChecks(std::move(checks));
}

} // namespace sparsescope
