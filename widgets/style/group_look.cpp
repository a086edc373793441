#include "widgets/style/group_look.h"

#include "widgets/style/marks.h"

#include <array>

namespace sparsescope {

namespace {

/// Below 0: so far towards the text. Above: a share of the way towards the panel on which it can still be seen.
constexpr std::array<double, 5> kShades = {0, 1, -0.35, 0.5, -0.6};
constexpr std::array<Qt::PenStyle, 5> kLines = {Qt::SolidLine, Qt::DashLine, Qt::DotLine, Qt::DashDotLine,
                                                Qt::DashDotDotLine};
constexpr double kVisible = 3; ///< contrast of every line and mark

} // namespace

QColor groupColour(Family family, int variant, const Tokens &tokens)
{
    const QColor colour = familyColour(family, tokens);
    const double shade = kShades[static_cast<std::size_t>(variant) % kShades.size()];
    if (shade <= 0) {
        return mix(colour, tokens.text, -shade);
    }
    constexpr double kPalest = 0.5, kStep = 0.01;
    double way = 0;
    while (way < kPalest && contrast(mix(colour, tokens.panel, way + kStep), tokens.panel) >= kVisible) {
        way += kStep;
    }
    return mix(colour, tokens.panel, shade * way);
}

Qt::PenStyle groupLine(int variant)
{
    const auto index = static_cast<std::size_t>(variant);
    // A step further each time the shades begin again, so that no two look alike.
    return kLines[(index + index / kShades.size()) % kLines.size()];
}

} // namespace sparsescope
