#pragma once

class QCustomPlot;
class QWidget;

namespace sparsescope {

/// A plot that keeps the size that it had while a layout squeezes it to nothing: it cannot draw into a buffer without pixels.
QCustomPlot *makePlotCanvas(QWidget *parent);

} // namespace sparsescope
