#include "widgets/plots/plot_ground.h"

#include <qcustomplot.h>

#include <algorithm>

namespace sparsescope {

namespace {

class Ground : public QCPLayerable {
public:
    Ground(QCustomPlot *plot, const PlotScene &scene)
        : QCPLayerable(plot, QStringLiteral("background"))
        , m_scene(scene)
    {}

protected:
    void applyDefaultAntialiasingHint(QCPPainter *painter) const override { painter->setAntialiasing(false); }
    void draw(QCPPainter *painter) override
    {
        const QRectF area = mParentPlot->axisRect()->rect();
        painter->setClipRect(area);
        for (const PlotStage &stage : m_scene.content.stages) {
            if (stage.shaded && stage.to > stage.from) {
                const double left =
                    mParentPlot->xAxis->coordToPixel(std::max(stage.from, m_scene.logX ? 1e-3 : -1e300));
                const double right = mParentPlot->xAxis->coordToPixel(stage.to);
                painter->fillRect(QRectF(QPointF(std::max(left, area.left()), area.top()),
                                         QPointF(std::min(right, area.right()), area.bottom())),
                                  m_scene.tokens.stage);
            }
        }
    }

private:
    const PlotScene &m_scene;
};

} // namespace

void addPlotGround(QCustomPlot *plot, const PlotScene &scene)
{
    new Ground(plot, scene); // puts itself into a layer of the plot
}

} // namespace sparsescope
