#include "widgets/plots/plot_content.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iterator>

namespace sparsescope {

std::pair<double, double> fittedY(const PlotContent &content, bool logarithmic)
{
    std::vector<double> values;
    for (const PlotCurve &curve : content.curves) {
        for (const Point &point : curve.points) {
            if (std::isfinite(point.y) && (!logarithmic || point.y > 0)) {
                values.push_back(point.y);
            }
        }
    }
    double low = 0, high = 1;
    if (!values.empty()) {
        const auto at = [&](double share) {
            const auto position = static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size() - 1));
            std::nth_element(values.begin(), values.begin() + position, values.end());
            return values[static_cast<std::size_t>(position)];
        };
        low = at(0.01);
        high = at(0.99);
        if (values.size() < 100) {
            low = *std::min_element(values.begin(), values.end());
            high = *std::max_element(values.begin(), values.end());
        }
    }
    for (const PlotLine &line : content.lines) {
        low = values.empty() ? 0 : std::min(low, line.y);
        high = values.empty() ? line.y : std::max(high, line.y);
    }
    for (const PlotBand &band : content.bands) {
        for (const BandPoint &point : band.points) {
            if (content.zero && point.n >= 2 && std::isfinite(point.std)) { // an interval that is cut off would mislead
                low = std::min(low, point.mean - point.std);
                high = std::max(high, point.mean + point.std);
            }
        }
    }
    if (content.zero) {
        low = std::min(low, 0.0);
        high = std::max(high, 0.0);
    }
    if (content.yLow) {
        low = *content.yLow;
    }
    if (content.yHigh) {
        high = *content.yHigh;
    }
    if (high <= low) {
        high = low + std::max(1e-3, std::abs(low) * 0.1);
    }
    if (logarithmic) {
        low = std::max(low, high * 1e-6);
        const double ratio = std::pow(high / low, 0.06);
        return {low / ratio, high * ratio};
    }
    const double margin = 0.06 * (high - low);
    return {content.yLow ? low : low - margin, content.yHigh ? high : high + margin};
}

std::optional<double> valueBefore(const Series &points, double x)
{
    auto after =
        std::upper_bound(points.begin(), points.end(), x, [](double value, const Point &p) { return value < p.x; });
    if (after == points.begin()) {
        return std::nullopt;
    }
    const double y = std::prev(after)->y;
    return std::isfinite(y) ? std::optional(y) : std::nullopt;
}

} // namespace sparsescope
