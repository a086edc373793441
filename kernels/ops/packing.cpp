#include "kernels/ops/packing.h"

#include "kernels/ops/reference.h"

#include <ATen/Parallel.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <bit>

#ifdef SPARSESCOPE_HAS_KERNELS
#include "kernels/launch/pack_bits/pack_bits.h"

#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#endif

namespace dsa {

namespace {

constexpr std::int64_t kWord = 64;

std::int64_t wordsFor(std::int64_t bits) { return (bits + kWord - 1) / kWord; }

/// mask [...,n] bool -> int64 [...,ceil(n/64)]; the sum of distinct powers of two is their union, the sign bit included.
Tensor packLast(const Tensor &mask)
{
    const std::int64_t words = wordsFor(mask.size(-1));
    Tensor padded = mask;
    if (words * kWord != mask.size(-1)) {
        padded = at::constant_pad_nd(mask, {0, words * kWord - mask.size(-1)}, 0);
    }
    const Tensor shifts = at::arange(kWord, mask.options().dtype(at::kLong));
    return padded.unflatten(-1, {words, kWord}).to(at::kLong).bitwise_left_shift(shifts).sum(-1);
}

PackedMask emptyPacked(const Tensor &mask)
{
    const std::int64_t batch = mask.size(0), rows = mask.size(1), keys = mask.size(2);
    const auto words = mask.options().dtype(at::kLong);
    return {at::empty({batch, rows, wordsFor(keys)}, words), at::zeros({batch, wordsFor(rows), keys}, words),
            at::zeros({batch, rows}, mask.options().dtype(at::kInt))};
}

/// A block of 64 rows at a time: each owns its words of bits and of bitsT.
PackedMask packOnCpu(const Tensor &mask, std::int64_t offset)
{
    PackedMask packed = emptyPacked(mask);
    const Tensor source = mask.contiguous();
    const std::int64_t batch = mask.size(0), rows = mask.size(1), keys = mask.size(2), keyWords = wordsFor(keys),
                       rowWords = wordsFor(rows);
    const bool *in = source.const_data_ptr<bool>();
    auto *bits = reinterpret_cast<std::uint64_t *>(packed.bits.mutable_data_ptr<std::int64_t>());
    auto *bitsT = reinterpret_cast<std::uint64_t *>(packed.bitsT.mutable_data_ptr<std::int64_t>());
    std::int32_t *count = packed.count.mutable_data_ptr<std::int32_t>();
    at::parallel_for(0, batch * rowWords, 4, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t block = begin; block < end; ++block) {
            const std::int64_t b = block / rowWords, firstRow = block % rowWords * kWord;
            std::uint64_t *columns = bitsT + block * keys;
            for (std::int64_t t = firstRow; t < std::min(firstRow + kWord, rows); ++t) {
                const std::int64_t row = b * rows + t, visible = std::clamp<std::int64_t>(t + offset + 1, 0, keys);
                std::int32_t total = 0;
                for (std::int64_t word = 0; word < keyWords; ++word) {
                    const std::int64_t first = word * kWord, last = std::min(first + kWord, visible);
                    std::uint64_t value = 0;
                    for (std::int64_t s = first; s < last; ++s) {
                        const std::uint64_t set = in[row * keys + s];
                        value |= set << (s - first);
                        columns[s] |= set << (t - firstRow);
                    }
                    bits[row * keyWords + word] = value;
                    total += std::popcount(value);
                }
                count[row] = total;
            }
        }
    });
    return packed;
}

#ifdef SPARSESCOPE_HAS_KERNELS
launch::pack_bits::Params sizesOf(const Tensor &mask, std::int64_t offset)
{
    launch::pack_bits::Params params;
    params.batch = mask.size(0);
    params.queries = mask.size(1);
    params.keys = mask.size(2);
    params.offset = offset;
    return params;
}

PackedMask packWithKernel(const Tensor &mask, std::int64_t offset)
{
    const c10::cuda::CUDAGuard device(mask.device());
    PackedMask packed = emptyPacked(mask);
    const Tensor source = mask.contiguous();
    launch::pack_bits::Params params = sizesOf(mask, offset);
    params.mask = source.const_data_ptr<bool>();
    params.bits = packed.bits.mutable_data_ptr<std::int64_t>();
    params.bitsT = packed.bitsT.mutable_data_ptr<std::int64_t>();
    params.count = packed.count.mutable_data_ptr<std::int32_t>();
    C10_CUDA_CHECK(launch::pack_bits::launch(params, c10::cuda::getCurrentCUDAStream()));
    return packed;
}
#endif

} // namespace

PackedMask plainPackMask(const Tensor &mask, std::int64_t offset)
{
    const Tensor seen = mask.logical_and(reference::visibleKeys(0, mask.size(1), mask.size(2), offset, mask.device()));
    return {packLast(seen), packLast(seen.transpose(1, 2)).transpose(1, 2).contiguous(), seen.sum(-1).to(at::kInt)};
}

bool packsWithKernel(const Tensor &mask, const char **why)
{
    if (!mask.is_cuda()) {
        *why = "the tensors are on the CPU";
        return false;
    }
#ifdef SPARSESCOPE_HAS_KERNELS
    if (!launch::pack_bits::supported(sizesOf(mask, 0), why)) {
        return false;
    }
    *why = "the kernel takes every mask";
    return true;
#else
    *why = "built without CUDA kernels";
    return false;
#endif
}

PackedMask packMask(const Tensor &mask, std::int64_t offset)
{
    if (mask.is_cpu()) {
        return packOnCpu(mask, offset);
    }
#ifdef SPARSESCOPE_HAS_KERNELS
    const char *why = nullptr;
    if (packsWithKernel(mask, &why)) {
        return packWithKernel(mask, offset);
    }
#endif
    return plainPackMask(mask, offset);
}

} // namespace dsa
