#include "widgets/panels/speed_page.h"

#include "widgets/panels/kernel_table.h"
#include "widgets/panels/message_view.h"
#include "widgets/panels/role_label.h"
#include "widgets/plots/breakdown_view.h"
#include "widgets/plots/layer_time_plot.h"
#include "widgets/plots/roofline_plot.h"
#include "widgets/state/number_text.h"
#include "widgets/style/combo_box.h"
#include "widgets/style/theme.h"

#include <QButtonGroup>
#include <QComboBox>
#include <QEvent>
#include <QGridLayout>
#include <QHBoxLayout>
#include <QLabel>
#include <QProgressBar>
#include <QPushButton>
#include <QScrollArea>
#include <QStackedWidget>
#include <QVBoxLayout>

#include <algorithm>
#include <tuple>
#include <utility>

namespace sparsescope {

namespace {

constexpr int kNarrow = 1300; ///< px

} // namespace

SpeedPage::SpeedPage(QWidget *parent)
    : QWidget(parent)
    , m_stack(new QStackedWidget(this))
    , m_message(new MessageView(this))
    , m_chosen(new ComboBox(this))
    , m_precision(new ComboBox(this))
    , m_chosenLabel(makeLabel(QStringLiteral("Measurement"), "sub", this))
    , m_precisionLabel(makeLabel(QStringLiteral("Precision"), "sub", this))
    , m_directions(new QWidget(this))
    , m_directionGroup(new QButtonGroup(this))
    , m_measured(makeLabel({}, "sub", this))
    , m_progressWords(makeLabel({}, "sub", this))
    , m_remark(makeLabel({}, "sub", this))
    , m_progress(new QProgressBar(this))
    , m_measure(new QPushButton(QStringLiteral("Measure again"), this))
    , m_cancel(new QPushButton(QStringLiteral("Cancel"), this))
    , m_time(new LayerTimePlot(this))
    , m_breakdown(new BreakdownView(this))
    , m_kernels(new KernelTable(this))
    , m_roof(new RooflinePlot(this))
{
    setObjectName(QStringLiteral("pageSpeed"));
    auto *layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->addWidget(m_stack);
    auto *page = new QWidget(this);
    auto *column = new QVBoxLayout(page);
    column->setContentsMargins(8, 8, 8, 8);
    column->setSpacing(8);
    column->addWidget(buildHeader());
    auto *scroll = new QScrollArea(page); // notices above may leave less than all of it needs
    scroll->setWidget(buildBody());
    scroll->setWidgetResizable(true);
    scroll->setFrameShape(QFrame::NoFrame);
    scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    scroll->setFocusPolicy(Qt::NoFocus);
    column->addWidget(scroll, 1);
    m_stack->addWidget(m_message);
    m_stack->addWidget(page);
    showEmpty();
    connect(m_chosen, &QComboBox::currentIndexChanged, this, &SpeedPage::showChosen);
    connect(m_precision, &QComboBox::activated, this, [this](int index) {
        change(counterpart(m_chosen->currentIndex(), m_content->document->direction,
                           m_precision->itemData(index).toString().toStdString()));
    });
    connect(m_directionGroup, &QButtonGroup::idClicked, this, &SpeedPage::chooseDirection);
    connect(m_measure, &QPushButton::clicked, this, &SpeedPage::measureRequested);
    connect(m_cancel, &QPushButton::clicked, this, &SpeedPage::cancelRequested);
    connect(m_time, &LayerTimePlot::pointChosen, this, &SpeedPage::setPoint);
}

QWidget *SpeedPage::buildCard(QLabel *&title, const QString &words, QLabel *&sub, QWidget *body)
{
    auto *card = new QFrame(this);
    setRole(card, "card");
    auto *column = new QVBoxLayout(card);
    column->setContentsMargins(12, 10, 12, 10);
    column->setSpacing(6);
    auto *head = new QHBoxLayout;
    head->setSpacing(8);
    title = makeLabel(words, "heading", card);
    sub = makeLabel({}, "sub", card);
    head->addWidget(title);
    head->addWidget(sub, 1);
    column->addLayout(head);
    column->addWidget(body, 1);
    return card;
}

QWidget *SpeedPage::buildBody()
{
    auto *box = new QWidget(this);
    auto *grid = new QGridLayout(box);
    grid->setContentsMargins(0, 0, 0, 0);
    grid->setSpacing(8);
    grid->addWidget(buildCard(m_timeTitle, QStringLiteral("Time by context"), m_timeSub, m_time), 0, 0);
    grid->addWidget(buildCard(m_breakdownTitle, QStringLiteral("Breakdown"), m_breakdownSub, m_breakdown), 0, 1);
    grid->addWidget(buildCard(m_kernelsTitle, QStringLiteral("Kernels"), m_kernelsSub, m_kernels), 1, 0);
    grid->addWidget(buildCard(m_roofTitle, QStringLiteral("Roofline"), m_roofSub, m_roof), 1, 1);
    m_grid = grid;
    grid->setRowStretch(0, 4);
    grid->setRowStretch(1, 3);
    m_timeSub->setText(QStringLiteral("click a pair of bars for its breakdown"));
    m_kernelsSub->setText(QStringLiteral("each checked against its reference on the same inputs"));
    m_roofSub->setText(QStringLiteral("ceilings measured in the same process"));
    return box;
}

void SpeedPage::add(std::shared_ptr<const BenchDocument> document, bool show)
{
    const auto same = std::find_if(m_documents.begin(), m_documents.end(),
                                   [&](const auto &known) { return known->file == document->file; });
    const int index = static_cast<int>(same - m_documents.begin());
    QString title = measurementTitle(*document);
    const bool first = m_documents.empty();
    {
        const QSignalBlocker quiet(m_chosen);
        if (same != m_documents.end()) {
            *same = document;
            m_chosen->setItemText(index, title);
        } else {
            m_documents.push_back(document);
            m_chosen->addItem(title);
        }
        m_chosen->setItemData(index, QString::fromStdString(document->file.string()), Qt::ToolTipRole);
        if (show || first) {
            m_chosen->setCurrentIndex(index);
        }
    }
    if (show || first || m_chosen->currentIndex() == index) {
        showChosen();
    } else {
        showDirections();
    }
}

void SpeedPage::showChosen()
{
    const int index = m_chosen->currentIndex();
    if (index < 0) {
        return;
    }
    m_content = std::make_shared<const SpeedContent>(speedContent(m_documents[static_cast<std::size_t>(index)]));
    m_stack->setCurrentIndex(1);
    m_timeTitle->setText(m_content->atLength() ? QStringLiteral("Layer time by context")
                                               : QStringLiteral("Time by shape"));
    const BenchDocument &document = *m_content->document;
    const double spread = m_content->largestSpread();
    m_measured->setText(QStringLiteral("%1%2 · largest spread %3")
                            .arg(document.measured.empty()
                                     ? QString()
                                     : QString::fromStdString(document.measured.substr(0, 10)) + QStringLiteral(" · "),
                                 QString::fromStdString(document.machine), percentText(spread)));
    m_time->setContent(m_content);
    foldHeader(); // its words may have other lengths
    // The longest context is what people come for.
    m_point = -1;
    setPoint(static_cast<int>(m_content->points.size()) - 1);
    showDirections();
}

void SpeedPage::setMeasurable(bool possible, const QString &why)
{
    m_measure->setEnabled(possible);
    m_measure->setToolTip(why);
    m_measure->setAccessibleDescription(why);
}

void SpeedPage::setFirst(const QString &words, const QString &why)
{
    if (words == m_first && why == m_whyNoFirst) {
        return;
    }
    m_first = words;
    m_whyNoFirst = why;
    showEmpty();
}

void SpeedPage::showEmpty()
{
    if (m_content) {
        return;
    }
    if (!m_measuring.isEmpty()) {
        m_message->setMessage(MessageView::Mood::Neutral, QStringLiteral("Measuring"), m_measuring);
        m_message->setWays({{"measureFirstCancel", QStringLiteral("Cancel"), [this] { Q_EMIT cancelRequested(); }}});
        return;
    }
    m_message->setMessage(MessageView::Mood::Neutral, QStringLiteral("No measurement is open"),
                          QStringLiteral("A measurement says what a sparse layer costs on one card, at which length it "
                                         "wins against dense attention, and why. ") +
                              (m_first.isEmpty() ? m_whyNoFirst : QString()));
    std::vector<MessageView::Way> ways{
        {"openMeasurement", QStringLiteral("Open a measurement…"), [this] { Q_EMIT openRequested(); }}};
    if (!m_first.isEmpty()) {
        ways.insert(ways.begin(), {"measureFirst", m_first, [this] { Q_EMIT firstRequested(); }});
    }
    m_message->setWays(std::move(ways));
}

void SpeedPage::setRemark(const QString &sentence)
{
    m_remark->setText(sentence);
    m_remark->setVisible(!sentence.isEmpty());
}

void SpeedPage::setMeasuring(const QString &what, double share)
{
    const bool measuring = !what.isEmpty();
    if (what != m_measuring) {
        m_measuring = what;
        showEmpty();
    }
    m_progressWords->setText(what);
    m_progress->setValue(static_cast<int>(1000 * share));
    for (QWidget *widget : std::initializer_list<QWidget *>{m_progressWords, m_progress, m_cancel}) {
        widget->setVisible(measuring);
    }
    m_measured->setVisible(!measuring);
    m_measure->setVisible(!measuring);
    foldHeader();
}

void SpeedPage::resizeEvent(QResizeEvent *event)
{
    QWidget::resizeEvent(event);
    const bool narrow = width() < kNarrow; // the table needs its columns
    m_grid->setColumnStretch(0, narrow ? 9 : 5);
    m_grid->setColumnStretch(1, narrow ? 4 : 3);
    foldHeader();
}

void SpeedPage::setPoint(int index)
{
    if (!m_content || index < 0 || index >= static_cast<int>(m_content->points.size()) || index == m_point) {
        return;
    }
    m_point = index;
    const QString label = m_content->points[static_cast<std::size_t>(index)].label;
    m_time->setPoint(index);
    m_breakdown->setPoint(m_content, index);
    m_kernels->setPoint(m_content, index);
    m_roof->setPoint(m_content, index);
    m_breakdownTitle->setText(QStringLiteral("Breakdown"));
    m_breakdownSub->setText(label);
    m_kernelsTitle->setText(QStringLiteral("Kernels at %1").arg(label));
    Q_EMIT statusChanged();
}

QString SpeedPage::subjectText() const
{
    if (!m_content || m_point < 0) {
        return {};
    }
    const MeasuredRow &row = *m_content->points[static_cast<std::size_t>(m_point)].whole;
    QStringList words;
    if (row.heads && row.width) {
        words << QStringLiteral("%1 heads of %2").arg(*row.heads).arg(*row.width);
    }
    if (row.k) {
        words << QStringLiteral("k %1").arg(countText(*row.k));
    }
    words << QStringLiteral("median of %1 rounds").arg(m_content->document->rounds);
    return words.join(QStringLiteral(" · "));
}

std::vector<std::pair<QString, const ExportableView *>> SpeedPage::exportableViews() const
{
    if (!m_content) {
        return {};
    }
    return {{QStringLiteral("speed"), m_time},
            {QStringLiteral("breakdown"), m_breakdown},
            {QStringLiteral("roofline"), m_roof},
            {QStringLiteral("kernels"), m_kernels}};
}

void SpeedPage::changeEvent(QEvent *event)
{
    // The table's colours are of its items.
    if (event->type() == QEvent::StyleChange && m_content && m_point >= 0) {
        m_kernels->setPoint(m_content, m_point);
    }
    QWidget::changeEvent(event);
}

} // namespace sparsescope
