#pragma once

#include "widgets/plots/plot_content.h"
#include "widgets/style/tokens.h"

class QCustomPlot;

namespace sparsescope {

/// Brings the plot's graphs in line with the curves and bands of `content`; bands first, so that lines lie on top.
void setGraphs(QCustomPlot &plot, const PlotContent &content, const Tokens &tokens);

} // namespace sparsescope
