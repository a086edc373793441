#include "widgets/plots/plot_paper.h"

#include "widgets/style/fonts.h"

#include <qcustomplot.h>

#include <QPicture>

namespace sparsescope {

void styleAxes(QCustomPlot &plot, const Tokens &tokens)
{
    plot.setBackground(QBrush(tokens.panel));
    for (QCPAxis *axis : {plot.xAxis, plot.yAxis}) {
        axis->setBasePen(QPen(tokens.hint, 1));
        axis->setTickPen(QPen(tokens.border, 1));
        axis->setTickLabelFont(uiFont(11));
        axis->setTickLabelColor(tokens.text2);
        axis->setLabelFont(uiFont(12));
        axis->setLabelColor(tokens.text2);
        axis->setTickLength(0);
        axis->setSubTicks(false);
        axis->setTickLabelPadding(4);
        axis->setLabelPadding(3);
        axis->grid()->setPen(QPen(tokens.grid, 1));
        axis->grid()->setZeroLinePen(QPen(tokens.hint, 1));
    }
}

void paintPlot(QCustomPlot &plot, QPainter &painter, QSize size)
{
    QPicture picture;
    {
        QCPPainter recorder(&picture);
        recorder.setMode(QCPPainter::pmVectorized);
        recorder.setMode(QCPPainter::pmNoCaching);
        plot.toPainter(&recorder, size.width(), size.height());
    }
    painter.drawPicture(0, 0, picture);
}

} // namespace sparsescope
