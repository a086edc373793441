#pragma once

#include "widgets/panels/legend_table.h"
#include "widgets/plots/loss_plot.h"
#include "widgets/plots/visible_refresh.h"

#include <QFrame>
#include <QPointer>

#include <array>
#include <string>
#include <vector>

class QLabel;

namespace sparsescope {

class ComboBox;
class RunData;
class SeriesPlot;

/// One metric of one run over the same steps as the loss; the combo in the title picks another metric.
class MetricCard : public QFrame {
    Q_OBJECT

public:
    MetricCard(const char *plotName, std::string metric, QWidget *parent = nullptr);

    void setRun(RunData *run, const QString &title);
    void setMetric(const std::string &metric);
    const std::string &metric() const { return m_metric; }
    void setOptions(double smoothing, XAxis xAxis);
    SeriesPlot *plot() const { return m_plot; }

private:
    void refresh();

    std::string m_metric;
    QPointer<RunData> m_run;
    ComboBox *m_choice;
    QLabel *m_title;
    SeriesPlot *m_plot;
    VisibleRefresh m_refresh;
    double m_smoothing = 0.94;
    XAxis m_xAxis = XAxis::Step;
};

/// The centre of the Train page: loss over its legend, two metrics below.
class TrainPage : public QWidget {
    Q_OBJECT

public:
    explicit TrainPage(QWidget *parent = nullptr);

    /// The runs of the experiment that `current` belongs to.
    void setRuns(const std::vector<RunData *> &runs, RunData *current);
    void setCursor(std::optional<std::int64_t> step);
    void setHover(std::optional<std::int64_t> step);
    LossPlot *loss() const { return m_loss; }
    LegendTable *legend() const { return m_legend; }
    /// The run that the small plots show: the current one, or a sparse one beside it when it has no indexer.
    RunData *indexerRun() const { return m_indexerRun; }
    void plotMetric(const std::string &metric);
    /// Toggles and choices of the plots, for the next time the window opens.
    nlohmann::ordered_json state() const;
    void restoreState(const nlohmann::ordered_json &state);

Q_SIGNALS:
    void cursorMoved(std::int64_t step);
    void hovered(std::optional<std::int64_t> step);

protected:
    void resizeEvent(QResizeEvent *event) override;

private:
    std::array<SeriesPlot *, 3> plots() const;
    void shareX(SeriesPlot *from);
    void showLegend();

    LossPlot *m_loss;
    LegendTable *m_legend;
    MetricCard *m_left, *m_right;
    QWidget *m_cards;
    QPointer<RunData> m_indexerRun;
    QPointer<RunData> m_current;
    std::optional<std::int64_t> m_cursor;
    bool m_sharing = false;
};

} // namespace sparsescope
