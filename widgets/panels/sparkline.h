#pragma once

#include "core/base/series.h"

#include <QColor>
#include <QRectF>

class QPainter;

namespace sparsescope {

/// A series in a few pixels, without axes: 40 points (each the mean of its stretch), own range.
void paintSparkline(QPainter &painter, const QRectF &box, const Series &series, const QColor &colour,
                    double width = 1.4);

} // namespace sparsescope
