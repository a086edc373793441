#pragma once

#include "widgets/plots/plot_content.h"
#include "widgets/style/tokens.h"

class QCPScatterStyle;
class QCustomPlot;

namespace sparsescope {

/// Brings the plot's graphs in line with the curves and bands of `content`; bands first, so that lines lie on top.
void setGraphs(QCustomPlot &plot, const PlotContent &content, const Tokens &tokens);

/// A marker with this line, filled with the panel's colour.
QCPScatterStyle markerOf(Marker marker, const QColor &line, const Tokens &tokens, double size);
/// A family's marker, filled with the panel's colour so that the line under it does not show.
QCPScatterStyle markerOf(Family family, const Tokens &tokens, double size, bool second = false);

} // namespace sparsescope
