#pragma once

#include "core/base/maps.h"
#include "widgets/style/colour_maps.h"

#include <QImage>
#include <QString>

#include <vector>

/// From values to ready images. Pure functions, run off the GUI thread.
namespace sparsescope {

/// How four cells become one. Missed and future-selected cells of a mask survive every reduction.
enum class Reducer { Maximum, LargestMagnitude, Sum };
QString displayName(Reducer reducer); ///< "maximum", "largest magnitude", "mass per pixel"

/// One mip level: every pixel of the image is 2^level x 2^level cells.
struct MapLevel {
    QImage image;
    ColourScale scale; ///< differs between levels only where values are summed
};

/// Half the size in both directions (odd edges keep their own cells); NaN cells do not count, all NaN stays NaN.
Map reduceMap(const Map &map, Reducer reducer);
QImage colourMap(const Map &map, const ColourScale &scale, const Tokens &tokens);
/// Levels down to 64 pixels; the first one is the map itself.
std::vector<MapLevel> mapLevels(const Map &map, Reducer reducer, const ColourScale &scale, const Tokens &tokens);

/// Colours of the states; a reduced pixel shows the share selected, or missed / future-selected where any cell is that.
std::vector<MapLevel> maskLevels(const MaskMap &mask, const Tokens &tokens);

/// Limits that show a map of this kind well: log from a floor to the 99.7th percentile, linear from the least value, or
/// symmetric about zero for signed maps. Where more values are negative than positive, log would hide most of them: linear.
ColourScale suitableScale(const Map &map, ColourMapName colours, bool logarithmic, bool isSigned, double logFloor);

} // namespace sparsescope
