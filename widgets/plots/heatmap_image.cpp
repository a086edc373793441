#include "widgets/plots/heatmap_image.h"

#include "widgets/plots/state_counts.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <mutex>
#include <thread>

namespace sparsescope {

namespace {

constexpr int kSmallestLevel = 64;
constexpr std::size_t kManyCells = 1 << 16; // from here on a table of colours costs less than the logarithms
constexpr double kTopPercentile = 0.997;
constexpr double kLogDecadesBelowTop = 50; // the floor lies at most this factor below the top

/// The work for every row below `rows`, of a large map on more than one thread.
template <class Work>
void overRows(int rows, std::size_t cells, const Work &work)
{
    constexpr std::size_t kWorthThreads = 1 << 20;
    constexpr unsigned kMostThreads = 8;
    constexpr int kRowsAtOnce = 64;
    std::atomic<int> next = 0;
    const auto share = [&] {
        for (int from = next.fetch_add(kRowsAtOnce); from < rows; from = next.fetch_add(kRowsAtOnce)) {
            work(from, std::min(rows, from + kRowsAtOnce));
        }
    };
    std::vector<std::jthread> helpers;
    const unsigned threads = cells < kWorthThreads ? 1 : std::min(kMostThreads, std::thread::hardware_concurrency());
    for (unsigned i = 1; i < threads; ++i) {
        helpers.emplace_back(share);
    }
    share();
}

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

template <Reducer kReducer>
void reduceRows(const Map &map, Map &half, int from, int to)
{
    for (int row = from; row < to; ++row) {
        const float *first = map.values.data() + static_cast<std::size_t>(2 * row) * map.columns;
        const float *second = 2 * row + 1 < map.rows ? first + map.columns : nullptr;
        float *out = half.values.data() + static_cast<std::size_t>(row) * half.columns;
        for (int column = 0; column < half.columns; ++column) {
            const int left = 2 * column;
            const bool pair = left + 1 < map.columns;
            float value = pair ? combine(first[left], first[left + 1], kReducer) : first[left];
            if (second != nullptr) {
                value = combine(value, second[left], kReducer);
                value = pair ? combine(value, second[left + 1], kReducer) : value;
            }
            out[column] = value;
        }
    }
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

/// What a scale is made from, of the finite values of a map; `isSigned`: of their magnitudes.
struct Spread {
    std::size_t count = 0, negative = 0, positive = 0;
    float low = std::numeric_limits<float>::infinity();
    double top = 0; ///< at kTopPercentile of the sorted values
};

/// By counting: the values are sorted only among those that share their upper bits with the one that is sought.
Spread spreadOf(const Map &map, bool isSigned)
{
    constexpr std::uint32_t kSign = 1U << 31;
    constexpr int kDropped = 16, kStretch = 4096;
    const auto bin = [](float value) { // ascends as the numbers do
        const auto bits = std::bit_cast<std::uint32_t>(value);
        return ((bits & kSign) != 0 ? ~bits : bits | kSign) >> kDropped;
    };
    // All that there are, in stretches: those of several maps together have no rows.
    const std::vector<float> &values = map.values;
    const int stretches = static_cast<int>((values.size() + kStretch - 1) / kStretch);
    const auto each = [&](int from, int to, const auto &take) {
        const auto end = values.begin() +
                         static_cast<std::ptrdiff_t>(std::min(values.size(), static_cast<std::size_t>(to) * kStretch));
        for (auto value = values.begin() + static_cast<std::ptrdiff_t>(from) * kStretch; value != end; ++value) {
            if (std::isfinite(*value)) {
                take(isSigned ? std::abs(*value) : *value);
            }
        }
    };
    Spread spread;
    std::vector<std::uint32_t> counts(std::size_t{1} << (32 - kDropped));
    std::mutex mutex;
    overRows(stretches, values.size(), [&](int from, int to) {
        std::vector<std::uint32_t> own(counts.size());
        Spread part;
        each(from, to, [&](float value) {
            ++own[bin(value)];
            part.negative += value < 0 ? 1 : 0;
            part.positive += value > 0 ? 1 : 0;
            part.low = std::min(part.low, value);
        });
        const std::lock_guard lock(mutex);
        for (std::size_t i = 0; i < own.size(); ++i) {
            counts[i] += own[i];
            spread.count += own[i];
        }
        spread.negative += part.negative;
        spread.positive += part.positive;
        spread.low = std::min(spread.low, part.low);
    });
    if (spread.count == 0) {
        return spread;
    }
    auto rank = static_cast<std::size_t>(kTopPercentile * static_cast<double>(spread.count - 1));
    std::uint32_t in = 0;
    for (; rank >= counts[in]; ++in) {
        rank -= counts[in];
    }
    std::vector<float> near;
    near.reserve(counts[in]);
    each(0, stretches, [&](float value) {
        if (bin(value) == in) {
            near.push_back(value);
        }
    });
    const auto nth = near.begin() + static_cast<std::ptrdiff_t>(rank);
    std::nth_element(near.begin(), nth, near.end());
    spread.top = *nth;
    return spread;
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
    half.values.resize(static_cast<std::size_t>(half.rows) * half.columns);
    overRows(half.rows, map.values.size(), [&](int from, int to) {
        switch (reducer) {
        case Reducer::Maximum:
            return reduceRows<Reducer::Maximum>(map, half, from, to);
        case Reducer::LargestMagnitude:
            return reduceRows<Reducer::LargestMagnitude>(map, half, from, to);
        case Reducer::Sum:
            return reduceRows<Reducer::Sum>(map, half, from, to);
        }
    });
    return half;
}

QImage colourMap(const Map &map, const ColourScale &scale, const Tokens &tokens)
{
    const ColourTable &table = colourTable(scale.map, tokens.dark);
    QImage image(map.columns, map.rows, QImage::Format_RGB32);
    const QRgb future = tokens.future.rgb();
    uchar *bits = image.bits();
    const qsizetype stride = image.bytesPerLine();
    const auto paint = [&](const auto &index) {
        overRows(map.rows, map.values.size(), [&](int from, int to) {
            for (int t = from; t < to; ++t) {
                auto *line = reinterpret_cast<QRgb *>(bits + t * stride);
                for (int s = 0; s < map.columns; ++s) {
                    const float value = map.at(t, s);
                    line[s] = std::isnan(value) ? future : table[static_cast<std::size_t>(index(value))];
                }
            }
        });
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
    Map reduced;
    const Map *finer = &map;
    ColourScale levelScale = scale;
    while (std::max(finer->rows, finer->columns) > kSmallestLevel) {
        reduced = reduceMap(*finer, reducer);
        finer = &reduced;
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
    const Spread spread = spreadOf(map, isSigned);
    ColourScale scale;
    scale.map = colours;
    if (spread.count == 0) {
        return scale;
    }
    const double top = spread.top;
    if (isSigned) {
        scale.high = top > 0 ? top : 1;
        scale.low = -scale.high;
        return scale;
    }
    scale.high = top;
    scale.low = spread.low;
    if (logarithmic && top > 0 && spread.negative <= spread.positive) {
        scale.logarithmic = true;
        scale.low = std::min(logFloor, top / kLogDecadesBelowTop);
    } else if (scale.high <= scale.low) {
        scale.high = scale.low + 1;
    }
    return scale;
}

} // namespace sparsescope
