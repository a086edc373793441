#include "kernels/ops/topk_cpu.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <functional>
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

} // namespace

Tensor topkMaskOnCpu(const Tensor &scores, std::int64_t k, std::int64_t firstRow, std::int64_t offset)
{
    const Tensor source = scores.contiguous();
    const std::int64_t rows = scores.size(1), keys = scores.size(2), lines = scores.size(0) * rows;
    Tensor mask = at::empty(scores.sizes(), scores.options().dtype(at::kBool));
    const float *in = source.const_data_ptr<float>();
    bool *out = mask.mutable_data_ptr<bool>();
    at::parallel_for(0, lines, std::max<std::int64_t>(1, 4096 / std::max<std::int64_t>(keys, 1)), [&](std::int64_t begin, std::int64_t end) {
        std::vector<std::uint64_t> order(keys), chosen(keys);
        for (std::int64_t line = begin; line < end; ++line) {
            const std::int64_t visible = std::clamp<std::int64_t>(firstRow + line % rows + offset + 1, 0, keys);
            bool *row = out + line * keys;
            std::memset(row, 0, keys);
            if (visible <= k) {
                std::memset(row, 1, visible);
                continue;
            }
            for (std::int64_t s = 0; s < visible; ++s) {
                order[s] = composite(in[line * keys + s], static_cast<std::uint32_t>(s));
            }
            std::copy_n(order.begin(), visible, chosen.begin());
            std::nth_element(chosen.begin(), chosen.begin() + (k - 1), chosen.begin() + visible, std::greater<>());
            const std::uint64_t threshold = chosen[k - 1];
            for (std::int64_t s = 0; s < visible; ++s) {
                row[s] = order[s] >= threshold;
            }
        }
    });
    return mask;
}

} // namespace dsa
