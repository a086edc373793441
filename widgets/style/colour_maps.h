#pragma once

#include "widgets/style/tokens.h"

#include <QRgb>

#include <array>
#include <string>

namespace sparsescope {

enum class ColourMapName { Cividis, Viridis, Magma, Grey, Diverging };
using ColourTable = std::array<QRgb, 256>;

/// 256 opaque colours, low to high. Diverging has the panel's lightness in the middle, so it depends on the theme.
const ColourTable &colourTable(ColourMapName name, bool dark = false);
/// As the combo box says it.
QString displayName(ColourMapName name);

/// From a value to a place in a colour table.
struct ColourScale {
    ColourMapName map = ColourMapName::Cividis;
    bool logarithmic = false; ///< from `low`, which is then > 0; smaller values take the lowest colour
    double low = 0, high = 1;
    /// 0 to 255; NaN has no colour and must be asked for before.
    int index(double value) const;
    /// 0 at `low`, 1 at `high`, not clamped.
    double position(double value) const;
    bool operator==(const ColourScale &) const = default;
};

} // namespace sparsescope
