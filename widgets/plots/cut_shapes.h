#pragma once

#include <QPolygonF>
#include <QRectF>
#include <QVector>

/// What of a shape lies inside the axes. Files of vectors know no clipping: what is drawn outside stands there.
namespace sparsescope {

/// The pieces of a line inside the box, from edge to edge; what is no number parts a line.
QVector<QVector<QPointF>> piecesInside(const QVector<QPointF> &line, const QRectF &box);
/// The part of a filled polygon inside the box; empty where none is.
QPolygonF partInside(QPolygonF polygon, const QRectF &box);

} // namespace sparsescope
