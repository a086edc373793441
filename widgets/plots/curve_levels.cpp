#include "widgets/plots/curve_levels.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace sparsescope {

namespace {

constexpr std::size_t kBlock = 8;    ///< points of which the next level keeps two
constexpr std::size_t kShort = 4096; ///< points that any frame draws
constexpr double kEnoughAColumn = 8; ///< points of a level, for the column to show what all of them would

/// The lowest and the highest of every block, in order of x.
Series coarser(const Series &points)
{
    Series result;
    result.reserve(2 * (points.size() / kBlock + 1));
    for (std::size_t begin = 0; begin < points.size(); begin += kBlock) {
        const std::size_t end = std::min(points.size(), begin + kBlock);
        std::size_t lowest = begin, highest = begin;
        for (std::size_t i = begin; i < end; ++i) {
            if (std::isnan(points[lowest].y) || points[i].y < points[lowest].y) {
                lowest = i;
            }
            if (std::isnan(points[highest].y) || points[i].y > points[highest].y) {
                highest = i;
            }
        }
        result.push_back(points[std::min(lowest, highest)]);
        if (lowest != highest) {
            result.push_back(points[std::max(lowest, highest)]);
        }
    }
    return result;
}

} // namespace

CurveLevels::CurveLevels(const Series &points)
{
    const Series *finer = &points;
    while (finer->size() > kShort) {
        m_coarser.push_back(coarser(*finer));
        finer = &m_coarser.back();
    }
}

Series CurveLevels::between(const Series &points, double low, double high, int columns) const
{
    const double span = points.back().x - points.front().x;
    const double share = span > 0 ? std::min(1.0, (high - low) / span) : 1.0;
    const Series *level = &points;
    for (const Series &next : m_coarser) {
        if (static_cast<double>(next.size()) * share < kEnoughAColumn * columns) {
            break;
        }
        level = &next;
    }
    return decimate(*level, low, high, columns);
}

Series CurveLevels::within(const Series &points, const AxisWindow &window) const
{
    if (m_coarser.empty()) {
        return points;
    }
    if (!window.logarithmic) {
        return between(points, window.low, window.high, window.columns);
    }
    // Octave by octave: inside one the columns are of nearly equal width.
    const int octaves = std::max(1, static_cast<int>(std::ceil(std::log2(window.high / window.low))));
    const int columns = std::max(1, window.columns / octaves);
    Series result;
    for (int octave = 0; octave < octaves; ++octave) {
        const double low = window.low * std::exp2(octave);
        const Series part = between(points, low, std::min(window.high, 2 * low), columns);
        result.insert(result.end(), part.begin(), part.end());
    }
    return result;
}

} // namespace sparsescope
