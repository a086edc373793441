#pragma once

#include <QRectF>
#include <QVector>

class QCPAxis;
class QCPCurve;
class QCPGraph;

namespace sparsescope {

/// Markers of these are drawn whole at the edges of the plot: lines end there, and a marker is drawn where its middle lies
/// inside. The line of a graph with several points in a column of pixels is filled from their lowest to their highest. The
/// plot takes ownership, as it does of every plottable.
QCPGraph *makeGraph(QCPAxis *x, QCPAxis *y);
QCPCurve *makeCurve(QCPAxis *x, QCPAxis *y);

/// What a line of this width covers of each column, through points that ascend in x; neighbours touch, except across a gap
/// (NaN).
QVector<QRectF> columnSpans(const QVector<QPointF> &points, double column, double width);

} // namespace sparsescope
