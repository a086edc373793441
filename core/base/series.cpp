#include "core/base/series.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

namespace sparsescope {

Series smooth(const Series &series, double weight)
{
    if (weight <= 0)
        return series;
    Series result;
    result.reserve(series.size());
    // Zero-started average m_n = w m_(n-1) + (1-w) y_n, divided by the weight 1 - w^n that it has gathered so far.
    double average = 0, missing = 1;
    for (const Point &point : series) {
        if (std::isnan(point.y))
            continue;
        average = weight * average + (1 - weight) * point.y;
        missing *= weight;
        // A weight of 1 gathers nothing: the first value stands for all.
        result.push_back(
            {point.x, missing < 1 ? average / (1 - missing) : (result.empty() ? point.y : result.front().y)});
    }
    return result;
}

Series decimate(const Series &series, double xLow, double xHigh, int columns)
{
    const auto before = [](const Point &point, double x) { return point.x < x; };
    const auto after = [](double x, const Point &point) { return x < point.x; };
    const auto begin = std::lower_bound(series.begin(), series.end(), xLow, before);
    const auto end = std::upper_bound(begin, series.end(), xHigh, after);
    if (columns < 1 || end - begin <= 4 * static_cast<std::ptrdiff_t>(columns) || !(xHigh > xLow))
        return Series(begin, end);
    Series result;
    const auto columnOf = [&](const Point &point) {
        return std::min(static_cast<int>((point.x - xLow) / (xHigh - xLow) * columns), columns - 1);
    };
    for (auto first = begin; first != end;) {
        const int column = columnOf(*first);
        auto lowest = first, highest = first, last = first;
        for (auto next = first; next != end && columnOf(*next) == column; ++next) {
            last = next;
            if (std::isnan(next->y))
                continue;
            if (std::isnan(lowest->y) || next->y < lowest->y)
                lowest = next;
            if (std::isnan(highest->y) || next->y > highest->y)
                highest = next;
        }
        const auto [lower, upper] = std::minmax(lowest, highest);
        auto taken = end;
        for (const auto point : {first, lower, upper, last}) {
            if (point != taken)
                result.push_back(*point);
            taken = point;
        }
        first = last + 1;
    }
    return result;
}

std::vector<BandPoint> meanAndStd(const std::vector<Series> &series)
{
    std::map<double, std::vector<double>> values;
    for (const Series &one : series) {
        for (const Point &point : one) {
            if (!std::isnan(point.y))
                values[point.x].push_back(point.y);
        }
    }
    std::vector<BandPoint> band;
    for (const auto &[x, ys] : values) {
        BandPoint point{x, 0, std::numeric_limits<double>::quiet_NaN(), static_cast<int>(ys.size())};
        for (const double y : ys)
            point.mean += y / static_cast<double>(ys.size());
        if (ys.size() >= 2) {
            double squares = 0;
            for (const double y : ys)
                squares += (y - point.mean) * (y - point.mean);
            point.std = std::sqrt(squares / static_cast<double>(ys.size() - 1));
        }
        band.push_back(point);
    }
    return band;
}

} // namespace sparsescope
