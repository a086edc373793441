#pragma once

#include <QColor>
#include <QRectF>
#include <QVector>

class QPainter;

namespace sparsescope {

/// What a line of this width covers of each column, through points that ascend in x; neighbours touch, except across a gap
/// (NaN).
QVector<QRectF> columnSpans(const QVector<QPointF> &points, double column, double width);

/// The same as a round pen draws it, also beside the points and between them, of the columns that are seen.
QVector<QRectF> strokeSpans(const QVector<QPointF> &points, const QRectF &seen, double column, double width);

/// Of `seen`, `ratio` pixels to a unit, what the spans cover: whole pixels, and of the others their share. Spans ascend; several
/// in one column of pixels have equal shares of it. In one image: a painter would go through every row of every column by
/// itself.
void paintSpans(QPainter &painter, const QVector<QRectF> &spans, const QRect &seen, double ratio, const QColor &colour);

} // namespace sparsescope
