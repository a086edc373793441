#include "widgets/plots/plot_content.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <tuple>
#include <utility>
#include <vector>

namespace sparsescope {

namespace {

/// The values that y is fitted to. Of many only those near a rank are sorted: the rest is counted.
class FittedValues {
public:
    FittedValues(const PlotContent &content, bool logarithmic)
        : m_content(content)
        , m_logarithmic(logarithmic)
    {
        each([this](double value) {
            ++m_count;
            m_low = std::min(m_low, value);
            m_high = std::max(m_high, value);
        });
        if (m_count > 0) {
            each([this](double value) { ++m_counts[bin(value)]; });
        }
    }

    std::size_t count() const { return m_count; }
    double lowest() const { return m_low; }
    double highest() const { return m_high; }
    /// Those which these shares of the others lie below.
    template <std::size_t N>
    std::array<double, N> at(const std::array<double, N> &shares) const
    {
        struct Rank {
            std::size_t in = 0, left = 0;
            double low = 0, high = 0; // nothing of the bin lies beyond
            std::vector<double> values;
        };
        std::array<Rank, N> ranks;
        for (std::size_t i = 0; i < N; ++i) {
            Rank &rank = ranks[i];
            rank.left = static_cast<std::size_t>(shares[i] * static_cast<double>(m_count - 1));
            for (; rank.left >= m_counts[rank.in]; ++rank.in) {
                rank.left -= m_counts[rank.in];
            }
            const double width = (m_high - m_low) / kBins;
            rank.low = m_low + (static_cast<double>(rank.in) - 1) * width;
            rank.high = m_low + (static_cast<double>(rank.in) + 2) * width;
            rank.values.reserve(m_counts[rank.in]);
        }
        each([&](double value) {
            for (Rank &rank : ranks) {
                if (value >= rank.low && value <= rank.high && bin(value) == rank.in) {
                    rank.values.push_back(value);
                }
            }
        });
        std::array<double, N> found{};
        for (std::size_t i = 0; i < N; ++i) {
            const auto position = ranks[i].values.begin() + static_cast<std::ptrdiff_t>(ranks[i].left);
            std::nth_element(ranks[i].values.begin(), position, ranks[i].values.end());
            found[i] = *position;
        }
        return found;
    }

private:
    static constexpr std::size_t kBins = 1024;

    template <class Function>
    void each(Function function) const
    {
        for (const PlotCurve &curve : m_content.curves) {
            for (const Point &point : curve.points) {
                if (std::isfinite(point.y) && (!m_logarithmic || point.y > 0)) {
                    function(point.y);
                }
            }
        }
    }
    std::size_t bin(double value) const
    {
        const double share = m_high > m_low ? (value - m_low) / (m_high - m_low) : 0;
        return std::min(kBins - 1, static_cast<std::size_t>(share * kBins));
    }

    const PlotContent &m_content;
    bool m_logarithmic;
    std::size_t m_count = 0;
    double m_low = INFINITY, m_high = -INFINITY;
    std::array<std::size_t, kBins> m_counts{};
};

} // namespace

std::pair<double, double> fittedY(const PlotContent &content, bool logarithmic)
{
    const FittedValues values(content, logarithmic);
    double low = 0, high = 1;
    const bool few = values.count() > 0 && values.count() < 100;
    if (values.count() > 0) {
        std::tie(low, high) = few ? std::pair(values.lowest(), values.highest())
                                  : std::make_from_tuple<std::pair<double, double>>(values.at<2>({0.01, 0.99}));
    }
    for (const PlotLine &line : content.lines) {
        low = values.count() == 0 ? 0 : std::min(low, line.y);
        high = values.count() == 0 ? line.y : std::max(high, line.y);
    }
    for (const PlotBand &band : content.bands) {
        for (const BandPoint &point : band.points) {
            if ((content.zero || few) && point.n >= 2 &&
                std::isfinite(point.std)) { // an interval that is cut off would mislead
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
