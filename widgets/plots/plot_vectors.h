#pragma once

#include <QPointF>
#include <QSize>

class QCustomPlot;
class QPainter;

namespace sparsescope {

/// Draws a plot as lines and text, `size` large at `at`, whatever the painter's device: paper has other dots an inch than the
/// screen that the plot was made for.
void paintVectors(QPainter &painter, QPointF at, QCustomPlot &plot, QSize size);

} // namespace sparsescope
