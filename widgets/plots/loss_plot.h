#pragma once

#include "core/base/series.h"
#include "widgets/plots/series_plot.h"
#include "widgets/plots/view.h"

#include <QPointer>
#include <QTimer>
#include <QWidget>

#include <optional>
#include <set>
#include <vector>

class QComboBox;
class QLabel;
class QSlider;
class QToolButton;

namespace sparsescope {

class RunData;

/// What of a run may differ beside family and seed, in words: "L = 64", "L = 64, top_k 32". Curves share a plot when it is equal.
QString settingText(const RunConfig &config);

/// The runs of one family that differ by their seed only, brought together.
struct LossGroup {
    Family family = Family::Classic;
    std::vector<const RunData *> runs;
    std::vector<BandPoint> train;      ///< smoothed, mean over the seeds that reached the step
    std::vector<BandPoint> validation; ///< at its own steps
    std::vector<double> best;          ///< best validation loss of each seed that has one
    int reached = 0;                   ///< seeds that have a training loss
};

struct LossPlotOptions {
    double smoothing = 0.94;           ///< weight of the moving average
    bool raw = true;                   ///< show the unsmoothed loss of the current run
    std::set<Family> hidden;
};

/// Pure: groups of the runs that share `setting`, families in their fixed order.
std::vector<LossGroup> lossGroups(const std::vector<RunData *> &runs, const QString &setting, double smoothing);
/// Pure: what the plot shows of them. `current` (may be null) gives the raw trace, stages, snapshot ticks and "Now".
PlotContent lossContent(const std::vector<LossGroup> &groups, const RunData *current, const LossPlotOptions &options);
/// One metric of one run: raw 1 px at 30 %, smoothed 2 px, its chance baseline where there is one.
PlotContent metricContent(const RunData &run, const std::string &metric, double smoothing);

/// The loss of every family over steps, with its controls.
class LossPlot : public QWidget, public ExportableView {
    Q_OBJECT

public:
    explicit LossPlot(QWidget *parent = nullptr);

    void setRuns(const std::vector<RunData *> &runs);
    void setCurrent(RunData *run);
    void setHidden(const std::set<Family> &hidden);
    const std::set<Family> &hidden() const { return m_options.hidden; }
    const std::vector<LossGroup> &groups() const { return m_groups; }
    SeriesPlot *plot() const { return m_plot; }
    QString setting() const { return m_setting; }
    double smoothing() const { return m_options.smoothing; }
    void toggleLogX();
    void toggleLogY();
    void toggleRaw();
    /// Brings curves up to date now instead of within 30 ms.
    void refresh();

    QString figureTitle() const override;
    QSizeF figureSize() const override { return {900, 520}; }
    void paintFigure(QPainter &painter, QSizeF size, const Tokens &tokens) const override;
    QString csv() const override;
    nlohmann::ordered_json exportContext() const override;

Q_SIGNALS:
    void groupsChanged();
    void cursorMoved(std::int64_t step);
    void hovered(std::optional<std::int64_t> step);
    void menuRequested(QPoint globalPosition);

private:
    void chooseSetting();
    void watch(RunData *run);

    SeriesPlot *m_plot;
    QSlider *m_slider;
    QLabel *m_smoothingText;
    QComboBox *m_group;
    QLabel *m_groupLabel;
    QToolButton *m_logX, *m_logY, *m_raw;
    QTimer m_refresh;
    std::vector<QPointer<RunData>> m_runs;
    QPointer<RunData> m_current;
    QString m_setting;
    LossPlotOptions m_options;
    std::vector<LossGroup> m_groups;
};

} // namespace sparsescope
