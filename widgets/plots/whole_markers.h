#pragma once

#include <qcustomplot.h>

namespace sparsescope {

/// A graph or curve of QCustomPlot whose markers are drawn whole at the edges of the plot: lines end there, and a marker
/// is drawn where its middle lies inside. The plot takes ownership, as it does of every plottable.
template <class Plottable>
class WholeMarkers : public Plottable {
public:
    using Plottable::Plottable;

protected:
    void drawScatterPlot(QCPPainter *painter, const QVector<QPointF> &points,
                         const QCPScatterStyle &style) const override
    {
        const QRectF inside = QRectF(this->clipRect()).adjusted(-0.5, -0.5, 0.5, 0.5);
        const double reach = style.size() / 2 + 2; // with its line
        QVector<QPointF> seen;
        seen.reserve(points.size());
        for (const QPointF &point : points) {
            if (inside.contains(point)) {
                seen.push_back(point);
            }
        }
        painter->save();
        painter->setClipRect(inside.adjusted(-reach, -reach, reach, reach));
        Plottable::drawScatterPlot(painter, seen, style);
        painter->restore();
    }
};

/// A graph whose line is drawn in a time that depends on the pixels it covers and not on its points: where several lie in
/// each column of pixels the column is filled from their lowest to their highest. No extreme is lost. Files get every point.
class DenseGraph : public WholeMarkers<QCPGraph> {
public:
    using WholeMarkers<QCPGraph>::WholeMarkers;

protected:
    void drawLinePlot(QCPPainter *painter, const QVector<QPointF> &lines) const override;
};

/// What a line of this width covers of each column, through points that ascend in x; neighbours touch, except across a gap
/// (NaN).
QVector<QRectF> columnSpans(const QVector<QPointF> &points, double column, double width);

} // namespace sparsescope
