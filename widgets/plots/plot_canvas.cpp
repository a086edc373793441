#include "widgets/plots/plot_canvas.h"

#include <qcustomplot.h>

#include <QResizeEvent>

namespace sparsescope {

namespace {

class PlotCanvas : public QCustomPlot {
public:
    using QCustomPlot::QCustomPlot;

protected:
    void resizeEvent(QResizeEvent *event) override
    {
        if (!event->size().isEmpty()) {
            QCustomPlot::resizeEvent(event);
        }
    }
};

} // namespace

QCustomPlot *makePlotCanvas(QWidget *parent) { return new PlotCanvas(parent); }

} // namespace sparsescope
