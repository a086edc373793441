#include "core/base/statistics.h"

#include <boost/math/distributions/students_t.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace sparsescope {

namespace {

constexpr double kConfidence = 0.95;
constexpr int kSmallestForAClaim = 3;

} // namespace

std::string toString(Verdict verdict)
{
    switch (verdict) {
    case Verdict::NotMeasured:
        return "not measured";
    case Verdict::NotComparable:
        return "not comparable";
    case Verdict::OneSeed:
        return "one seed: no interval";
    case Verdict::NotClear:
        return "not clear";
    case Verdict::NoDifference:
        return "no difference within the margin";
    case Verdict::Better:
        return "better";
    case Verdict::Worse:
        return "worse";
    }
    return {};
}

double tQuantile(double confidence, int degreesOfFreedom)
{
    return boost::math::quantile(boost::math::students_t(degreesOfFreedom), 0.5 + confidence / 2);
}

std::optional<double> meanOf(const std::vector<double> &values)
{
    if (values.empty())
        return std::nullopt;
    return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

std::optional<double> sdOf(const std::vector<double> &values)
{
    if (values.size() < 2)
        return std::nullopt;
    const double mean = *meanOf(values);
    double squares = 0;
    for (const double value : values)
        squares += (value - mean) * (value - mean);
    return std::sqrt(squares / static_cast<double>(values.size() - 1));
}

std::optional<double> medianOf(std::vector<double> values)
{
    if (values.empty())
        return std::nullopt;
    std::sort(values.begin(), values.end());
    const std::size_t middle = values.size() / 2;
    return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

PairedDifference pairedDifference(const std::vector<double> &differences, double margin, BetterIs betterIs)
{
    PairedDifference result;
    result.n = static_cast<int>(differences.size());
    result.mean = meanOf(differences);
    result.sd = sdOf(differences);
    if (result.n < 2) {
        result.verdict = result.n == 1 ? Verdict::OneSeed : Verdict::NotMeasured;
        return result;
    }
    const double error = *result.sd / std::sqrt(static_cast<double>(result.n));
    const double half = *resolvableHalfWidth(result.n, *result.sd);
    const Interval interval{*result.mean - half, *result.mean + half};
    result.ci95 = interval;
    if (error > 0)
        result.p = 2 * boost::math::cdf(boost::math::complement(boost::math::students_t(result.n - 1),
                                                                std::abs(*result.mean) / error));
    else
        result.p = *result.mean == 0 ? 1 : 0;

    const bool excludesZero = interval.low > 0 || interval.high < 0;
    if (result.n >= kSmallestForAClaim && excludesZero && std::abs(*result.mean) >= margin)
        result.verdict = (*result.mean < 0) == (betterIs == BetterIs::Less) ? Verdict::Better : Verdict::Worse;
    else if (interval.low >= -margin && interval.high <= margin)
        result.verdict = Verdict::NoDifference;
    else
        result.verdict = Verdict::NotClear;
    return result;
}

Interval wilsonInterval(double hits, double trials)
{
    if (!(trials > 0))
        return {0, 1};
    constexpr double z = 1.959963984540054; // the normal distribution's 97.5 %
    const double share = hits / trials, weight = 1 + z * z / trials;
    const double middle = (share + z * z / (2 * trials)) / weight;
    const double half = z / weight * std::sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials));
    // At the ends the bound is exact, and rounding would leave a trace of it.
    return {hits <= 0 ? 0 : middle - half, hits >= trials ? 1 : middle + half};
}

std::optional<double> resolvableHalfWidth(int n, double sd)
{
    if (n < 2)
        return std::nullopt;
    return tQuantile(kConfidence, n - 1) * sd / std::sqrt(static_cast<double>(n));
}

std::string resolutionText(int seeds)
{
    const std::optional<double> half = resolvableHalfWidth(seeds, kUsualSd);
    if (!half)
        return toString(Verdict::OneSeed);
    const std::string text =
        fmt::format("{} seeds tell differences of {:.3f} nats from none (at an sd of {:g})", seeds, *half, kUsualSd);
    return seeds < kSmallestForAClaim ? text + "; better and worse need three" : text;
}

void applyHolm(std::vector<PairedDifference> &table)
{
    std::vector<PairedDifference *> order;
    for (PairedDifference &comparison : table) {
        if (comparison.p)
            order.push_back(&comparison);
    }
    std::stable_sort(order.begin(), order.end(), [](const auto *a, const auto *b) { return *a->p < *b->p; });
    bool rejects = true;
    for (std::size_t i = 0; i < order.size(); ++i) {
        rejects = rejects && *order[i]->p <= (1 - kConfidence) / static_cast<double>(order.size() - i);
        const bool claims = order[i]->verdict == Verdict::Better || order[i]->verdict == Verdict::Worse;
        if (claims && !rejects)
            order[i]->verdict = Verdict::NotClear;
    }
}

} // namespace sparsescope
