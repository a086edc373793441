#include "kernels/ops/reference.h"

#include <ATen/Parallel.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <atomic>
#include <limits>

namespace dsa::reference {

namespace {

// A CPU chunk should stay near the caches; a GPU chunk should fill the card.
constexpr std::int64_t kCpuChunkBytes = std::int64_t{32} << 20;
constexpr std::int64_t kCudaChunkBytes = std::int64_t{256} << 20;
std::atomic<std::int64_t> chunkBytesOverride{0};

template <class T>
void fillBias(T *out, const std::int64_t *words, std::int64_t batch, std::int64_t rows, std::int64_t keys,
              std::int64_t batchStride, std::int64_t rowStride)
{
    const T table[2] = {static_cast<T>(-kInfinity), T(0)};
    at::parallel_for(0, batch * rows, std::max<std::int64_t>(1, 32768 / std::max<std::int64_t>(keys, 1)),
                     [&](std::int64_t begin, std::int64_t end) {
                         for (std::int64_t row = begin; row < end; ++row) {
                             const std::int64_t *source = words + (row / rows) * batchStride + (row % rows) * rowStride;
                             T *target = out + row * keys;
                             for (std::int64_t first = 0; first < keys; first += 64) {
                                 const auto word = static_cast<std::uint64_t>(source[first / 64]);
                                 const std::int64_t last = std::min<std::int64_t>(64, keys - first);
                                 for (std::int64_t bit = 0; bit < last; ++bit) {
                                     target[first + bit] = table[(word >> bit) & 1u];
                                 }
                             }
                         }
                     });
}

} // namespace

void setChunkBytes(std::int64_t bytes) { chunkBytesOverride = bytes; }

std::int64_t chunkRows(std::int64_t rows, std::int64_t bytesPerRow, const at::Device &device)
{
    std::int64_t budget = chunkBytesOverride;
    if (budget <= 0) {
        budget = device.is_cuda() ? kCudaChunkBytes : kCpuChunkBytes;
    }
    const std::int64_t fit = budget / std::max<std::int64_t>(bytesPerRow, 1);
    if (fit >= rows) {
        return std::max<std::int64_t>(rows, 1);
    }
    return std::max<std::int64_t>(fit / 64 * 64, 64);
}

at::ScalarType accumulateType(at::ScalarType type) { return type == at::kDouble ? at::kDouble : at::kFloat; }

Tensor product(const Tensor &a, const Tensor &b)
{
    const at::ScalarType type = accumulateType(a.scalar_type());
    if (a.scalar_type() == type && b.scalar_type() == type) {
        return at::bmm(a, b);
    }
    if (a.is_cuda() && a.scalar_type() == b.scalar_type()) {
        return at::bmm(a, b, type);
    }
    return at::bmm(a.to(type), b.to(type));
}

std::int64_t Mask::keys(std::int64_t end, std::int64_t allKeys) const
{
    return bits.defined() ? allKeys : std::clamp<std::int64_t>(end + offset, 0, allKeys);
}

Tensor Mask::bias(std::int64_t begin, std::int64_t end, std::int64_t keys, const at::TensorOptions &options) const
{
    const std::int64_t rows = end - begin;
    if (!bits.defined()) {
        return at::full({1, rows, keys}, -kInfinity, options).triu_(begin + offset + 1);
    }
    const Tensor words = bits.narrow(1, begin, rows);
    const std::int64_t batch = bits.size(0);
    if (bits.is_cpu() && words.stride(2) == 1) {
        Tensor out = at::empty({batch, rows, keys}, options);
        if (options.dtype() == at::kDouble) {
            fillBias(out.mutable_data_ptr<double>(), words.const_data_ptr<std::int64_t>(), batch, rows, keys,
                     words.stride(0), words.stride(1));
        } else {
            fillBias(out.mutable_data_ptr<float>(), words.const_data_ptr<std::int64_t>(), batch, rows, keys,
                     words.stride(0), words.stride(1));
        }
        return out;
    }
    return at::zeros({batch, rows, keys}, options).masked_fill_(unpackRows(words, keys).logical_not_(), -kInfinity);
}

void maskedExp(Tensor &scores, const Tensor &shift, const Tensor &bias)
{
    if (scores.is_cuda()) {
        scores.sub_(shift).exp_();
        return;
    }
    // The CPU's exponential takes a path four times slower where its result is no normal number, which is every hidden cell.
    const double lowest = scores.scalar_type() == at::kDouble ? -700 : -80;
    scores.sub_(shift).clamp_(lowest, 1).exp_().mul_(bias.eq(0).to(scores.scalar_type()).unsqueeze(1));
}

} // namespace dsa::reference
