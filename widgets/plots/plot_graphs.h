#pragma once

#include "widgets/plots/curve_levels.h"
#include "widgets/plots/label_room.h"
#include "widgets/plots/plot_content.h"
#include "widgets/style/tokens.h"

#include <QVector>

#include <vector>

class QCPScatterStyle;
class QCustomPlot;

namespace sparsescope {

/// Where a band begins and ends, of the points of two seeds or more.
struct BandEdges {
    QVector<double> x, low, high;
};
/// From `from` on. A filled channel is drawn point by point: of many points to a column it keeps the lowest and the highest.
BandEdges bandEdges(const std::vector<BandPoint> &points, double from, int columns);

/// Brings the plot's graphs in line with the curves and bands of `content`; bands first, so that lines lie on top. What the
/// curves' graphs hold is left to setPoints().
void setGraphs(QCustomPlot &plot, const PlotContent &content, const Tokens &tokens);
/// What of the curves a window shows; `levels` are theirs, in their order.
void setPoints(QCustomPlot &plot, const PlotContent &content, const std::vector<CurveLevels> &levels,
               const AxisWindow &window);
/// Markers that would overlap say less than some of them: leaves out as many as the sizes on screen ask for, once they are
/// known; a marker on a line may be farther from the next, the line tells what lies between.
void spaceMarkers(QCustomPlot &plot);

/// What the curves of a plot leave free of its area, marker by marker where there are any. Bands are pale enough to be
/// written on.
LabelRoom roomBesideCurves(QCustomPlot &plot);

/// Of a curve or a band.
QColor curveColour(Family family, bool second, int variant, const Tokens &tokens);
/// A marker with this line, filled with the panel's colour.
QCPScatterStyle markerOf(Marker marker, const QColor &line, const Tokens &tokens, double size);
/// A family's marker, filled with the panel's colour so that the line under it does not show.
QCPScatterStyle markerOf(Family family, const Tokens &tokens, double size, bool second = false);

} // namespace sparsescope
