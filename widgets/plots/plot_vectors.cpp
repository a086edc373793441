#include "widgets/plots/plot_vectors.h"

#include <QPicture>
#include <qcustomplot.h>

namespace sparsescope {

void paintVectors(QPainter &painter, QPointF at, QCustomPlot &plot, QSize size)
{
    QPicture picture;
    {
        QCPPainter recorder(&picture);
        recorder.setMode(QCPPainter::pmVectorized);
        recorder.setMode(QCPPainter::pmNoCaching);
        plot.toPainter(&recorder, size.width(), size.height());
    }
    painter.save();
    painter.translate(at);
    // A picture is enlarged by the dots an inch that its device has more: the figure has its size already.
    const QPaintDevice &device = *painter.device();
    painter.scale(static_cast<double>(picture.logicalDpiX()) / device.logicalDpiX(),
                  static_cast<double>(picture.logicalDpiY()) / device.logicalDpiY());
    painter.drawPicture(0, 0, picture);
    painter.restore();
}

} // namespace sparsescope
