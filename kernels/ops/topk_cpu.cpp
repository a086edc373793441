#include "kernels/ops/topk_cpu.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <limits>
#include <tuple>
#include <utility>
#include <vector>

namespace dsa {

namespace {

/// Larger means earlier in the selection order. Unique in a row: the ordered score in the high half, ~key in the low one.
std::uint64_t composite(float score, std::uint32_t key)
{
    constexpr std::uint32_t kSign = 0x80000000u;
    std::uint32_t ordered = 0; // NaN: below -inf, whose value is 0x007fffff
    if (!std::isnan(score)) {
        const auto bits = std::bit_cast<std::uint32_t>(score + 0.0f); // -0 + 0 = +0
        ordered = bits & kSign ? ~bits : bits | kSign;
    }
    return static_cast<std::uint64_t>(ordered) << 32 | ~key;
}

/// Lowest selected score and log sum exp of one row; as ATen, a NaN among the selected makes both NaN.
std::pair<float, float> sumsOf(const float *scores, const bool *selected, std::int64_t visible)
{
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    float lowest = kInfinity, highest = -kInfinity;
    for (std::int64_t s = 0; s < visible; ++s) {
        if (selected[s]) {
            if (std::isnan(scores[s])) {
                return {scores[s], scores[s]};
            }
            lowest = std::min(lowest, scores[s]);
            highest = std::max(highest, scores[s]);
        }
    }
    if (std::isinf(highest)) {
        return {lowest, highest};
    }
    double sum = 0;
    for (std::int64_t s = 0; s < visible; ++s) {
        if (selected[s]) {
            sum += std::exp(scores[s] - highest);
        }
    }
    return {lowest, highest + static_cast<float>(std::log(sum))};
}

} // namespace

CpuSelection selectOnCpu(const Tensor &scores, std::int64_t k, std::int64_t firstRow, std::int64_t offset,
                         bool wantSums)
{
    const Tensor source = scores.contiguous();
    const std::int64_t rows = scores.size(1), keys = scores.size(2), lines = scores.size(0) * rows;
    CpuSelection result;
    result.mask = at::empty(scores.sizes(), scores.options().dtype(at::kBool));
    if (wantSums) {
        result.tau = at::empty({scores.size(0), rows}, scores.options());
        result.lse = at::empty({scores.size(0), rows}, scores.options());
    }
    const float *in = source.const_data_ptr<float>();
    bool *out = result.mask.mutable_data_ptr<bool>();
    float *tau = wantSums ? result.tau.mutable_data_ptr<float>() : nullptr,
          *lse = wantSums ? result.lse.mutable_data_ptr<float>() : nullptr;
    at::parallel_for(0, lines, std::max<std::int64_t>(1, 4096 / std::max<std::int64_t>(keys, 1)),
                     [&](std::int64_t begin, std::int64_t end) {
                         std::vector<std::uint64_t> order(keys), chosen(keys);
                         for (std::int64_t line = begin; line < end; ++line) {
                             const std::int64_t visible =
                                 std::clamp<std::int64_t>(firstRow + line % rows + offset + 1, 0, keys);
                             bool *row = out + line * keys;
                             std::fill_n(row, keys, false);
                             if (visible <= k) {
                                 std::fill_n(row, visible, true);
                             } else {
                                 for (std::int64_t s = 0; s < visible; ++s) {
                                     order[s] = composite(in[line * keys + s], static_cast<std::uint32_t>(s));
                                 }
                                 std::copy_n(order.begin(), visible, chosen.begin());
                                 std::nth_element(chosen.begin(), chosen.begin() + (k - 1), chosen.begin() + visible,
                                                  std::greater<>());
                                 const std::uint64_t threshold = chosen[k - 1];
                                 for (std::int64_t s = 0; s < visible; ++s) {
                                     row[s] = order[s] >= threshold;
                                 }
                             }
                             if (wantSums) {
                                 std::tie(tau[line], lse[line]) = sumsOf(in + line * keys, row, visible);
                             }
                         }
                     });
    return result;
}

} // namespace dsa
