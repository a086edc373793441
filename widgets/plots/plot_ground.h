#pragma once

#include "widgets/plots/plot_layers.h"

namespace sparsescope {

/// Shading of stages, under the grid; it belongs to the plot.
void addPlotGround(QCustomPlot *plot, const PlotScene &scene);

} // namespace sparsescope
