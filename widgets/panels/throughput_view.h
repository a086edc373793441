#pragma once

#include "widgets/plots/visible_refresh.h"

#include <QPointer>
#include <QWidget>

#include <cstdint>

class QLabel;

namespace sparsescope {

class RunData;
class SeriesPlot;

/// How fast one run trains, over the time it has trained.
class ThroughputView : public QWidget {
    Q_OBJECT

public:
    explicit ThroughputView(QWidget *parent = nullptr);

    void setRun(RunData *run);
    SeriesPlot *plot() const { return m_plot; }
    QSize minimumSizeHint() const override { return {0, 0}; } ///< folds away with the log beside it

Q_SIGNALS:
    void cursorMoved(std::int64_t step);

protected:
    void resizeEvent(QResizeEvent *event) override;

private:
    void refresh();

    QPointer<RunData> m_run;
    QLabel *m_title;
    SeriesPlot *m_plot;
    VisibleRefresh m_refresh;
};

} // namespace sparsescope
