#include "widgets/plots/heatmap_image.h"

#include "widgets/plots/state_counts.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace sparsescope {

namespace {

constexpr int kSmallestLevel = 64;
constexpr std::size_t kManyCells = 1 << 16; // from here on a table of colours costs less than the logarithms
constexpr double kTopPercentile = 0.997;
constexpr double kLogDecadesBelowTop = 50; // the floor lies at most this factor below the top

float combine(float a, float b, Reducer reducer)
{
    if (std::isnan(a)) {
        return b;
    }
    if (std::isnan(b)) {
        return a;
    }
    switch (reducer) {
    case Reducer::Maximum:
        return std::max(a, b);
    case Reducer::LargestMagnitude:
        return std::abs(b) > std::abs(a) ? b : a;
    case Reducer::Sum:
        return a + b;
    }
    return a;
}

std::vector<StateCounts> countStates(const MaskMap &mask)
{
    std::vector<StateCounts> counts(mask.states.size());
    for (std::size_t i = 0; i < counts.size(); ++i) {
        counts[i].add(mask.states[i]);
    }
    return counts;
}

std::vector<StateCounts> reduceCounts(const std::vector<StateCounts> &counts, int rows, int columns)
{
    const int halfRows = (rows + 1) / 2, halfColumns = (columns + 1) / 2;
    std::vector<StateCounts> half(static_cast<std::size_t>(halfRows) * halfColumns);
    for (int t = 0; t < rows; ++t) {
        for (int s = 0; s < columns; ++s) {
            const StateCounts &from = counts[static_cast<std::size_t>(t) * columns + s];
            StateCounts &to = half[static_cast<std::size_t>(t / 2) * halfColumns + s / 2];
            to.add(from);
        }
    }
    return half;
}

QImage colourCounts(const std::vector<StateCounts> &counts, int rows, int columns, const Tokens &tokens)
{
    QImage image(columns, rows, QImage::Format_RGB32);
    for (int t = 0; t < rows; ++t) {
        auto *line = reinterpret_cast<QRgb *>(image.scanLine(t));
        for (int s = 0; s < columns; ++s) {
            line[s] = countsRgb(counts[static_cast<std::size_t>(t) * columns + s], tokens);
        }
    }
    return image;
}

/// ColourScale::index() without a logarithm for nearly every cell: numbers that share their upper bits share their colour,
/// but for those few stretches in which it changes.
class LogIndex {
public:
    explicit LogIndex(const ColourScale &scale)
        : m_scale(scale)
        , m_first(prefix(static_cast<float>(scale.low)))
    {
        const std::uint32_t last = prefix(static_cast<float>(scale.high));
        for (std::uint32_t at = m_first; at <= last && at - m_first < kMost; ++at) {
            const int low = scale.index(std::bit_cast<float>(at << kDropped));
            const int high = scale.index(std::bit_cast<float>((at << kDropped) | ((1U << kDropped) - 1)));
            m_indices.push_back(static_cast<std::int16_t>(low == high ? low : -1));
        }
    }
    int operator()(float value) const
    {
        const std::uint32_t at = prefix(value) - m_first; // wraps below the first, and negative numbers lie far above
        const int index = at < m_indices.size() ? m_indices[at] : -1;
        return index >= 0 ? index : m_scale.index(value);
    }

private:
    static constexpr int kDropped = 12;
    static constexpr std::uint32_t kMost = 1U << 16;
    static std::uint32_t prefix(float value) { return std::bit_cast<std::uint32_t>(value) >> kDropped; }

    const ColourScale &m_scale;
    std::uint32_t m_first;
    std::vector<std::int16_t> m_indices;
};

/// Value at a share of the sorted finite values.
double percentile(std::vector<float> values, double share)
{
    if (values.empty()) {
        return 0;
    }
    const auto nth = values.begin() + static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size() - 1));
    std::nth_element(values.begin(), nth, values.end());
    return *nth;
}

} // namespace

QString displayName(Reducer reducer)
{
    switch (reducer) {
    case Reducer::Maximum:
        return QStringLiteral("maximum");
    case Reducer::LargestMagnitude:
        return QStringLiteral("largest magnitude");
    case Reducer::Sum:
        return QStringLiteral("mass per pixel");
    }
    return {};
}

Map reduceMap(const Map &map, Reducer reducer)
{
    Map half;
    half.rows = (map.rows + 1) / 2;
    half.columns = (map.columns + 1) / 2;
    half.values.assign(static_cast<std::size_t>(half.rows) * half.columns, std::numeric_limits<float>::quiet_NaN());
    for (int t = 0; t < map.rows; ++t) {
        for (int s = 0; s < map.columns; ++s) {
            float &to = half.values[static_cast<std::size_t>(t / 2) * half.columns + s / 2];
            to = combine(to, map.at(t, s), reducer);
        }
    }
    return half;
}

QImage colourMap(const Map &map, const ColourScale &scale, const Tokens &tokens)
{
    const ColourTable &table = colourTable(scale.map, tokens.dark);
    QImage image(map.columns, map.rows, QImage::Format_RGB32);
    const QRgb future = tokens.future.rgb();
    const auto paint = [&](const auto &index) {
        for (int t = 0; t < map.rows; ++t) {
            auto *line = reinterpret_cast<QRgb *>(image.scanLine(t));
            for (int s = 0; s < map.columns; ++s) {
                const float value = map.at(t, s);
                line[s] = std::isnan(value) ? future : table[static_cast<std::size_t>(index(value))];
            }
        }
    };
    if (scale.logarithmic && map.values.size() > kManyCells) {
        paint(LogIndex(scale));
    } else {
        paint([&scale](float value) { return scale.index(value); });
    }
    return image;
}

std::vector<MapLevel> mapLevels(const Map &map, Reducer reducer, const ColourScale &scale, const Tokens &tokens)
{
    std::vector<MapLevel> levels{{colourMap(map, scale, tokens), scale}};
    Map reduced = map;
    ColourScale levelScale = scale;
    while (std::max(reduced.rows, reduced.columns) > kSmallestLevel) {
        reduced = reduceMap(reduced, reducer);
        if (reducer == Reducer::Sum) {
            levelScale = suitableScale(reduced, scale.map, scale.logarithmic, false, scale.low);
        }
        levels.push_back({colourMap(reduced, levelScale, tokens), levelScale});
    }
    return levels;
}

std::vector<MapLevel> maskLevels(const MaskMap &mask, const Tokens &tokens)
{
    std::vector<StateCounts> counts = countStates(mask);
    int rows = mask.rows, columns = mask.columns;
    std::vector<MapLevel> levels{{colourCounts(counts, rows, columns, tokens), {}}};
    while (std::max(rows, columns) > kSmallestLevel) {
        counts = reduceCounts(counts, rows, columns);
        rows = (rows + 1) / 2;
        columns = (columns + 1) / 2;
        levels.push_back({colourCounts(counts, rows, columns, tokens), {}});
    }
    return levels;
}

ColourScale suitableScale(const Map &map, ColourMapName colours, bool logarithmic, bool isSigned, double logFloor)
{
    std::vector<float> values;
    values.reserve(map.values.size() / 2 + 1);
    for (const float value : map.values) {
        if (std::isfinite(value)) {
            values.push_back(isSigned ? std::abs(value) : value);
        }
    }
    ColourScale scale;
    scale.map = colours;
    if (values.empty()) {
        return scale;
    }
    const double top = percentile(values, kTopPercentile);
    if (isSigned) {
        scale.high = top > 0 ? top : 1;
        scale.low = -scale.high;
        return scale;
    }
    scale.high = top;
    scale.low = *std::min_element(values.begin(), values.end());
    const auto negative = std::count_if(values.begin(), values.end(), [](float value) { return value < 0; });
    const auto positive = std::count_if(values.begin(), values.end(), [](float value) { return value > 0; });
    if (logarithmic && top > 0 && negative <= positive) {
        scale.logarithmic = true;
        scale.low = std::min(logFloor, top / kLogDecadesBelowTop);
    } else if (scale.high <= scale.low) {
        scale.high = scale.low + 1;
    }
    return scale;
}

} // namespace sparsescope
