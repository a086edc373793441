#include "widgets/panels/throughput_view.h"

#include "widgets/plots/series_plot.h"
#include "widgets/state/run_data.h"
#include "widgets/style/theme.h"

#include <QLabel>
#include <QVBoxLayout>

#include <algorithm>

namespace sparsescope {

namespace {

constexpr int kRefreshMilliseconds = 250; ///< a speed needs no frame of its own
constexpr int kLeastHeight = 100;         ///< px; below it nothing can be read

} // namespace

ThroughputView::ThroughputView(QWidget *parent)
    : QWidget(parent)
    , m_title(new QLabel(QStringLiteral("Throughput (thousand tokens/s)"), this))
    , m_plot(new SeriesPlot(this))
    , m_refresh(this, kRefreshMilliseconds, [this] { refresh(); })
{
    m_plot->setObjectName(QStringLiteral("throughputPlot"));
    m_plot->setAccessibleName(QStringLiteral("Throughput"));
    m_plot->setMinimumSize(1, 1);
    m_plot->setCompact(true);
    setRole(m_title, "sub");
    auto *layout = new QVBoxLayout(this);
    layout->setContentsMargins(10, 6, 4, 2);
    layout->setSpacing(0);
    layout->addWidget(m_title);
    layout->addWidget(m_plot, 1);
    connect(m_plot, &SeriesPlot::cursorMoved, this, &ThroughputView::cursorMoved);
    refresh();
}

void ThroughputView::setRun(RunData *run)
{
    if (m_run == run) {
        return;
    }
    if (m_run) {
        disconnect(m_run, nullptr, &m_refresh, nullptr);
    }
    m_run = run;
    if (run != nullptr) {
        connect(run, &RunData::seriesChanged, &m_refresh, &VisibleRefresh::request);
    }
    m_plot->resetView();
    refresh();
}

void ThroughputView::refresh()
{
    m_refresh.done();
    PlotContent content;
    content.empty = QStringLiteral("No speed yet");
    content.xLabel = QStringLiteral("Training time (s)");
    content.yLow = 0;
    if (m_run && !m_run->series("time.tokens_per_s").empty()) {
        const double last = StepAxis(*m_run, XAxis::Time).at(static_cast<double>(m_run->step()));
        const AxisUnit unit = axisUnit(XAxis::Time, last);
        content.axis = StepAxis(*m_run, XAxis::Time, unit.unit);
        content.xLabel = unit.label;
        content.xHigh = last / unit.unit;
        PlotCurve curve{QStringLiteral("Throughput"), m_run->config().model.family,
                        content.axis.moved(m_run->series("time.tokens_per_s"))};
        curve.width = 1.3;
        double highest = 0;
        for (Point &point : curve.points) {
            point.y /= 1e3;
            highest = std::max(highest, point.y);
        }
        content.yHigh = 1.08 * highest;
        content.curves.push_back(std::move(curve));
    }
    m_plot->setContent(std::move(content));
}

void ThroughputView::resizeEvent(QResizeEvent *event)
{
    QWidget::resizeEvent(event);
    m_plot->setVisible(height() >= kLeastHeight);
    m_title->setVisible(height() >= kLeastHeight);
}

} // namespace sparsescope
