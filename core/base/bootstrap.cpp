#include "core/base/bootstrap.h"

#include <algorithm>
#include <cstddef>
#include <random>
#include <stdexcept>

namespace sparsescope {
namespace {

double percentile(const std::vector<double> &sorted, double share)
{
    const double place = share * static_cast<double>(sorted.size() - 1);
    const auto below = static_cast<std::size_t>(place);
    const std::size_t above = std::min(below + 1, sorted.size() - 1);
    return sorted[below] + (place - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

} // namespace

std::optional<Interval> pairedBootstrap(const std::vector<double> &differences, const std::vector<double> &labels)
{
    if (differences.size() != labels.size())
        throw std::invalid_argument("a difference and a count of labels for each window");
    const std::size_t windows = differences.size();
    if (windows < 2)
        return std::nullopt;
    std::mt19937_64 random(0);
    // Not a distribution of <random>: those differ between libraries.
    const auto draw = [&] {
        return static_cast<std::size_t>(static_cast<double>(random() >> 11) * 0x1p-53 * static_cast<double>(windows));
    };
    std::vector<double> estimates;
    estimates.reserve(kResamples);
    for (int resample = 0; resample < kResamples; ++resample) {
        double sum = 0, count = 0;
        for (std::size_t i = 0; i < windows; ++i) {
            const std::size_t window = draw();
            sum += differences[window];
            count += labels[window];
        }
        if (count > 0)
            estimates.push_back(sum / count);
    }
    if (estimates.empty())
        return std::nullopt;
    std::sort(estimates.begin(), estimates.end());
    return Interval{percentile(estimates, 0.025), percentile(estimates, 0.975)};
}

std::optional<Interval> bootstrapInterval(const std::vector<double> &values)
{
    return pairedBootstrap(values, std::vector<double>(values.size(), 1));
}

} // namespace sparsescope
