#include "core/base/series.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace sparsescope {

Series smooth(const Series &series, double weight)
{
    Series result;
    smooth(series, weight, result);
    return result;
}

void smooth(const Series &series, double weight, Series &result)
{
    if (weight <= 0) {
        result = series;
        return;
    }
    result.clear();
    result.reserve(series.size());
    // Zero-started average m_n = w m_(n-1) + (1-w) y_n, divided by the weight 1 - w^n that it has gathered so far.
    constexpr double kNone = 0x1p-54; // 1 less this is 1
    double average = 0, missing = 1;
    for (const Point &point : series) {
        if (std::isnan(point.y))
            continue;
        average = weight * average + (1 - weight) * point.y;
        missing *= weight;
        if (missing < kNone) { // as it is after some points: there is nothing to correct any more
            missing = 0;
            result.push_back({point.x, average});
            continue;
        }
        // A weight of 1 gathers nothing: the first value stands for all.
        result.push_back(
            {point.x, missing < 1 ? average / (1 - missing) : (result.empty() ? point.y : result.front().y)});
    }
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

namespace {

BandPoint bandPoint(double x, const std::vector<double> &ys)
{
    const auto n = static_cast<double>(ys.size());
    BandPoint point{x, 0, std::numeric_limits<double>::quiet_NaN(), static_cast<int>(ys.size())};
    for (const double y : ys)
        point.mean += y;
    point.mean /= n;
    if (ys.size() >= 2) {
        double squares = 0;
        for (const double y : ys)
            squares += (y - point.mean) * (y - point.mean);
        point.std = std::sqrt(squares / (n - 1));
    }
    return point;
}

} // namespace

std::vector<BandPoint> meanAndStd(const std::vector<const Series *> &series)
{
    std::vector<BandPoint> band;
    meanAndStd(series, band);
    return band;
}

void meanAndStd(const std::vector<const Series *> &series, std::vector<BandPoint> &band)
{
    std::vector<std::size_t> next(series.size(), 0);
    std::vector<double> ys;
    band.clear();
    std::size_t longest = 0;
    for (const Series *one : series)
        longest = std::max(longest, one->size());
    band.reserve(longest);
    const auto front = [&](std::size_t i) {
        return next[i] < series[i]->size() ? (*series[i])[next[i]].x : std::numeric_limits<double>::infinity();
    };
    // Seeds of one recipe have their points at the same steps: while they do nothing has to be looked for.
    std::size_t common = 0;
    for (; !series.empty(); ++common) {
        const auto alike = [&, at = common](const Series *one) {
            return at < one->size() && (*one)[at].x == (*series.front())[at].x && !std::isnan((*one)[at].y) &&
                   (at + 1 == one->size() || (*one)[at + 1].x != (*one)[at].x);
        };
        if (!std::all_of(series.begin(), series.end(), alike))
            break;
        ys.clear();
        for (const Series *one : series)
            ys.push_back((*one)[common].y);
        band.push_back(bandPoint((*series.front())[common].x, ys));
    }
    std::fill(next.begin(), next.end(), common);
    for (;;) {
        // The series ascend: the smallest x that is left stands at the front of one of them.
        double x = std::numeric_limits<double>::infinity();
        for (std::size_t i = 0; i < series.size(); ++i)
            x = std::min(x, front(i));
        if (x == std::numeric_limits<double>::infinity())
            return;
        ys.clear();
        for (std::size_t i = 0; i < series.size(); ++i) {
            for (; front(i) == x; ++next[i]) {
                const double y = (*series[i])[next[i]].y;
                if (!std::isnan(y))
                    ys.push_back(y);
            }
        }
        if (!ys.empty())
            band.push_back(bandPoint(x, ys));
    }
}

std::vector<BandPoint> meanAndStd(const std::vector<Series> &series)
{
    std::vector<const Series *> each;
    for (const Series &one : series)
        each.push_back(&one);
    return meanAndStd(each);
}

} // namespace sparsescope
