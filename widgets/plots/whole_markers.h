#pragma once

class QCPAxis;
class QCPCurve;
class QCPGraph;
class QCustomPlot;

namespace sparsescope {

/// Markers of these are drawn whole at the edges of the plot: lines end there, and a marker is drawn where its middle lies
/// inside. The line of a graph with several points in a column of pixels is filled from their lowest to their highest, and a
/// channel column by column. The plot takes ownership, as it does of every plottable.
QCPGraph *makeGraph(QCPAxis *x, QCPAxis *y);
QCPCurve *makeCurve(QCPAxis *x, QCPAxis *y);

/// What the graphs are drawn into next is a picture with so many pixels to one of the plot's; 0: the screen again, or a file
/// without pixels.
void setPictureRatio(QCustomPlot &plot, double ratio);

} // namespace sparsescope
