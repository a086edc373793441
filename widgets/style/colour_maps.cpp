#include "widgets/style/colour_maps.h"

#include <algorithm>
#include <cmath>
#include <span>

namespace sparsescope {

namespace {

using Anchor = QRgb;

constexpr Anchor kCividis[] = {0xFF00224E, 0xFF123570, 0xFF3B496C, 0xFF575D6D, 0xFF707173,
                               0xFF8A8678, 0xFFA59C74, 0xFFC3B369, 0xFFE1CC55, 0xFFFEE838};
constexpr Anchor kViridis[] = {0xFF440154, 0xFF482878, 0xFF3E4A89, 0xFF31688E, 0xFF26828E,
                               0xFF1F9E89, 0xFF35B779, 0xFF6DCD59, 0xFFB4DE2C, 0xFFFDE725};
constexpr Anchor kMagma[] = {0xFF000004, 0xFF180F3E, 0xFF451077, 0xFF721F81, 0xFF9F2F7F,
                             0xFFCD4071, 0xFFF1605D, 0xFFFD9567, 0xFFFEC98D, 0xFFFCFDBF};
constexpr Anchor kGrey[] = {0xFF101214, 0xFFF4F5F7};
constexpr Anchor kDivergingLight[] = {0xFF053061, 0xFF2166AC, 0xFF4393C3, 0xFF92C5DE, 0xFFF7F7F7,
                                      0xFFF4A582, 0xFFD6604D, 0xFFB2182B, 0xFF67001F};
constexpr Anchor kDivergingDark[] = {0xFF8CC8FF, 0xFF56A0E6, 0xFF3C73AF, 0xFF304B6E, 0xFF282C34,
                                     0xFF784630, 0xFFBE5F32, 0xFFF08246, 0xFFFFB98C};

ColourTable interpolate(std::span<const Anchor> anchors)
{
    ColourTable table{};
    const double last = static_cast<double>(anchors.size() - 1);
    for (std::size_t i = 0; i < table.size(); ++i) {
        const double place = last * static_cast<double>(i) / 255.0;
        const std::size_t left = std::min(static_cast<std::size_t>(place), anchors.size() - 2);
        const double share = place - static_cast<double>(left);
        const auto channel = [&](int (*of)(QRgb)) {
            return static_cast<int>(std::lround(of(anchors[left]) * (1 - share) + of(anchors[left + 1]) * share));
        };
        table[i] = qRgb(channel(qRed), channel(qGreen), channel(qBlue));
    }
    return table;
}

} // namespace

const ColourTable &colourTable(ColourMapName name, bool dark)
{
    static const ColourTable cividis = interpolate(kCividis), viridis = interpolate(kViridis),
                             magma = interpolate(kMagma), grey = interpolate(kGrey),
                             divergingLight = interpolate(kDivergingLight), divergingDark = interpolate(kDivergingDark);
    switch (name) {
    case ColourMapName::Cividis:
        return cividis;
    case ColourMapName::Viridis:
        return viridis;
    case ColourMapName::Magma:
        return magma;
    case ColourMapName::Grey:
        return grey;
    case ColourMapName::Diverging:
        return dark ? divergingDark : divergingLight;
    }
    return cividis;
}

QString displayName(ColourMapName name)
{
    switch (name) {
    case ColourMapName::Cividis:
        return QStringLiteral("Cividis");
    case ColourMapName::Viridis:
        return QStringLiteral("Viridis");
    case ColourMapName::Magma:
        return QStringLiteral("Magma");
    case ColourMapName::Grey:
        return QStringLiteral("Grey");
    case ColourMapName::Diverging:
        return QStringLiteral("Diverging");
    }
    return {};
}

double ColourScale::position(double value) const
{
    if (logarithmic) {
        return value <= low ? 0 : (high > low ? std::log(value / low) / std::log(high / low) : 1);
    }
    return high > low ? (value - low) / (high - low) : (value > low ? 1 : 0);
}

int ColourScale::index(double value) const
{
    return static_cast<int>(std::clamp(std::floor(position(value) * 256), 0.0, 255.0));
}

} // namespace sparsescope
