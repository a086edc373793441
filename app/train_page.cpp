#include "app/train_page.h"

#include "widgets/panels/metrics_panel.h"
#include "widgets/plots/series_plot.h"
#include "widgets/state/run_data.h"
#include "widgets/state/run_table_model.h"
#include "widgets/style/combo_box.h"
#include "widgets/style/theme.h"

#include <QComboBox>
#include <QHBoxLayout>
#include <QLabel>
#include <QVBoxLayout>

namespace sparsescope {

namespace {

constexpr int kRefreshMilliseconds = 60; ///< small plots may lag a little behind the loss

} // namespace

MetricCard::MetricCard(const char *plotName, std::string metric, QWidget *parent)
    : QFrame(parent)
    , m_metric(std::move(metric))
    , m_choice(new ComboBox(this))
    , m_title(new QLabel(this))
    , m_plot(new SeriesPlot(this))
    , m_refresh(this, kRefreshMilliseconds, [this] { refresh(); })
{
    setRole(this, "card");
    m_plot->setObjectName(QLatin1String(plotName));
    m_choice->setAccessibleName(QStringLiteral("Metric"));
    m_choice->setObjectName(QStringLiteral("metricCombo"));
    m_choice->fitContents();
    setRole(m_title, "sub");
    auto *header = new QHBoxLayout;
    header->setContentsMargins(10, 7, 12, 0);
    header->setSpacing(8);
    m_choice->setMinimumWidth(90);
    header->addWidget(m_choice);
    header->addStretch(1);
    header->addWidget(m_title);
    auto *layout = new QVBoxLayout(this);
    layout->setContentsMargins(1, 1, 1, 4);
    layout->setSpacing(0);
    layout->addLayout(header);
    layout->addWidget(m_plot, 1);
    connect(m_choice, &QComboBox::activated, this, [this](int index) {
        m_metric = m_choice->itemData(index).toString().toStdString();
        m_plot->resetView();
        refresh();
    });
    refresh();
}

void MetricCard::setRun(RunData *run, const QString &title)
{
    if (m_run != run) {
        if (m_run) {
            disconnect(m_run, nullptr, &m_refresh, nullptr);
        }
        m_run = run;
        if (run != nullptr) {
            connect(run, &RunData::seriesChanged, &m_refresh, &VisibleRefresh::request);
        }
    }
    m_title->setText(title);
    refresh();
}

void MetricCard::setMetric(const std::string &metric)
{
    m_metric = metric;
    m_plot->resetView();
    refresh();
}

void MetricCard::setOptions(double smoothing, XAxis xAxis)
{
    m_smoothing = smoothing;
    m_xAxis = xAxis;
    refresh();
}

void MetricCard::refresh()
{
    m_refresh.done();
    PlotContent content;
    content.empty = QStringLiteral("No values yet");
    QStringList keys{QString::fromStdString(m_metric)};
    if (m_run) {
        content = metricContent(*m_run, m_metric, m_smoothing, m_xAxis);
        for (const std::string &metric : m_run->metrics()) {
            const QString key = QString::fromStdString(metric);
            if (!key.endsWith(QStringLiteral(".chance")) && !key.contains(QLatin1Char('/')) && !keys.contains(key)) {
                keys << key;
            }
        }
    }
    m_plot->setContent(std::move(content));
    m_plot->setAccessibleName(metricText(m_metric));
    keys.sort();
    if (m_choice->count() != keys.size() || m_choice->currentData().toString() != QString::fromStdString(m_metric)) {
        m_choice->clear();
        for (const QString &key : keys) {
            m_choice->addItem(metricText(key.toStdString()), key);
        }
        m_choice->setCurrentIndex(m_choice->findData(QString::fromStdString(m_metric)));
    }
}

TrainPage::TrainPage(QWidget *parent)
    : QWidget(parent)
    , m_loss(new LossPlot(this))
    , m_legend(new LegendTable(this))
    , m_left(new MetricCard("klPlot", "indexer.kl", this))
    , m_right(new MetricCard("massPlot", "selection.mass_kept", this))
    , m_cards(new QWidget(this))
{
    setObjectName(QStringLiteral("pageTrain"));
    setRole(this, "page");
    auto *card = new QFrame(this);
    setRole(card, "card");
    auto *cardLayout = new QVBoxLayout(card);
    cardLayout->setContentsMargins(1, 1, 1, 4);
    cardLayout->setSpacing(0);
    cardLayout->addWidget(m_loss, 1);
    cardLayout->addWidget(m_legend);
    auto *small = new QHBoxLayout(m_cards);
    small->setContentsMargins(0, 0, 0, 0);
    small->setSpacing(6);
    small->addWidget(m_left, 1);
    small->addWidget(m_right, 1);
    auto *layout = new QVBoxLayout(this);
    layout->setContentsMargins(6, 6, 6, 6);
    layout->setSpacing(6);
    layout->addWidget(card, 7);
    layout->addWidget(m_cards, 3);

    for (SeriesPlot *plot : {m_left->plot(), m_right->plot()}) {
        connect(plot, &SeriesPlot::cursorMoved, this, &TrainPage::cursorMoved);
        connect(plot, &SeriesPlot::hovered, this, &TrainPage::hovered);
    }
    connect(m_loss, &LossPlot::optionsChanged, this, [this] {
        for (MetricCard *card : {m_left, m_right}) {
            card->setOptions(m_loss->smoothing(), m_loss->xAxis());
        }
    });
    for (SeriesPlot *plot : plots()) {
        connect(plot, &SeriesPlot::viewChanged, this, [this, plot] { shareX(plot); });
    }
    connect(m_loss, &LossPlot::cursorMoved, this, &TrainPage::cursorMoved);
    connect(m_loss, &LossPlot::hovered, this, &TrainPage::hovered);
    connect(m_loss, &LossPlot::groupsChanged, this, &TrainPage::showLegend);
    connect(m_legend, &LegendTable::hiddenChanged, m_loss, &LossPlot::setHidden);
}

void TrainPage::setRuns(const std::vector<RunData *> &runs, RunData *current)
{
    m_current = current;
    m_loss->setRuns(runs);
    m_loss->setCurrent(current);
    m_indexerRun = current;
    if (current != nullptr && !isSparse(current->config().model.family)) {
        for (RunData *run : runs) {
            if (isSparse(run->config().model.family) && settingText(run->config()) == settingText(current->config()) &&
                run->config().training.seed == current->config().training.seed) {
                m_indexerRun = run;
                break;
            }
        }
    }
    const QString title = m_indexerRun ? runTitle(*m_indexerRun, runs) : QString();
    m_left->setRun(m_indexerRun, title);
    m_right->setRun(m_indexerRun, title);
}

std::array<SeriesPlot *, 3> TrainPage::plots() const { return {m_loss->plot(), m_left->plot(), m_right->plot()}; }

/// The three plots stand under one another in time: what one is zoomed to the others show.
void TrainPage::shareX(SeriesPlot *from)
{
    if (m_sharing) {
        return;
    }
    m_sharing = true;
    for (SeriesPlot *plot : plots()) {
        if (plot != from && (from->zoomedX() || plot->zoomedX())) {
            from->zoomedX() ? plot->followX(from->xRange(), true) : plot->resetView();
        }
    }
    m_sharing = false;
}

void TrainPage::setCursor(std::optional<std::int64_t> step)
{
    m_cursor = step;
    for (SeriesPlot *plot : plots()) {
        plot->setCursor(step);
    }
    showLegend();
}

void TrainPage::setHover(std::optional<std::int64_t> step)
{
    for (SeriesPlot *plot : plots()) {
        plot->setHover(step);
    }
}

void TrainPage::plotMetric(const std::string &metric) { m_left->setMetric(metric); }

nlohmann::ordered_json TrainPage::state() const
{
    return {{"loss", m_loss->state()}, {"left", m_left->metric()}, {"right", m_right->metric()}};
}

void TrainPage::restoreState(const nlohmann::ordered_json &state)
{
    if (!state.is_object()) {
        return;
    }
    m_loss->restoreState(state.value("loss", nlohmann::ordered_json()));
    m_left->setMetric(state.value("left", m_left->metric()));
    m_right->setMetric(state.value("right", m_right->metric()));
}

void TrainPage::showLegend() { m_legend->setGroups(m_loss->groups(), m_cursor, m_loss->hidden(), m_loss->smoothing()); }

void TrainPage::resizeEvent(QResizeEvent *event)
{
    QWidget::resizeEvent(event);
    m_cards->setVisible(height() >= 460); // the loss keeps its room in a small window
}

} // namespace sparsescope
