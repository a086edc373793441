#include "kernels/launch/masked_attention/masked_attention.h"

#include "kernels/launch/choice.cuh"

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <algorithm>
#include <limits>

namespace dsa::launch::masked_attention {

extern template Choice forwardChoice<__nv_bfloat16>(const Params &);
extern template Choice forwardChoice<__half>(const Params &);
extern template Choice queryGradientChoice<__nv_bfloat16>(const Params &);
extern template Choice queryGradientChoice<__half>(const Params &);
extern template Choice keyGradientChoice<__nv_bfloat16>(const Params &);
extern template Choice keyGradientChoice<__half>(const Params &);

namespace {

constexpr std::int64_t kTile = 64, kLongest = 8192 * kTile, kMostBlocks = std::numeric_limits<std::int32_t>::max();

std::int64_t tilesOf(std::int64_t rows)
{
    return (rows + kTile - 1) / kTile;
}

Choice queryGradientOf(const Params &p)
{
    return p.type == Type::BFloat16 ? queryGradientChoice<__nv_bfloat16>(p) : queryGradientChoice<__half>(p);
}

Choice keyGradientOf(const Params &p)
{
    return p.type == Type::BFloat16 ? keyGradientChoice<__nv_bfloat16>(p) : keyGradientChoice<__half>(p);
}

Choice forwardOf(const Params &p)
{
    return p.type == Type::BFloat16 ? forwardChoice<__nv_bfloat16>(p) : forwardChoice<__half>(p);
}

cudaError_t launchBlocks(const Choice &choice, std::int64_t blocks, const Params &p, cudaStream_t stream)
{
    return blocks == 0 ? cudaSuccess : launchChoice(choice, blocks, p, stream);
}

} // namespace

bool supported(const Params &p, const char **why)
{
    const char *reason = nullptr;
    if (p.batch < 0 || p.queries < 0 || p.keys < 0 || p.heads < 0) {
        reason = "a size is negative";
    } else if (p.keyHeads < 1 || p.heads % p.keyHeads != 0) {
        reason = "the key heads do not divide the heads";
    } else if (p.queries > kLongest || p.keys > kLongest) {
        reason = "more than 524288 queries or keys";
    } else if (std::min(p.width, p.valueWidth) < 1 || std::max(p.width, p.valueWidth) > 128 || p.width % 8 != 0 || p.valueWidth % 8 != 0) {
        reason = "the widths of a head must be multiples of 8, up to 128";
    } else if (!(p.scale > 0)) {
        reason = "the scale must be more than 0";
    } else if (p.batch > 0 && p.heads > 0 && tilesOf(std::max(p.queries, p.keys)) > kMostBlocks / p.batch / p.heads) {
        reason = "more than 2^31 - 1 tiles";
    }
    if (why) {
        *why = reason;
    }
    return reason == nullptr;
}

cudaError_t launchForward(const Params &p, cudaStream_t stream)
{
    return supported(p) ? launchBlocks(forwardOf(p), p.batch * p.heads * tilesOf(p.queries), p, stream) : cudaErrorInvalidValue;
}

cudaError_t launchBackward(const Params &p, cudaStream_t stream)
{
    if (!supported(p) || (p.bits && !p.bitsT)) {
        return cudaErrorInvalidValue;
    }
    const cudaError_t error = launchBlocks(queryGradientOf(p), p.batch * p.heads * tilesOf(p.queries), p, stream);
    return error == cudaSuccess ? launchBlocks(keyGradientOf(p), p.batch * p.keyHeads * tilesOf(p.keys), p, stream) : error;
}

cudaError_t describeForward(const Params &p, KernelInfo &info)
{
    return describeChoice(forwardOf(p), info);
}

cudaError_t describeBackward(const Params &p, KernelInfo &info)
{
    KernelInfo other;
    cudaError_t error = describeChoice(queryGradientOf(p), info);
    error = error == cudaSuccess ? describeChoice(keyGradientOf(p), other) : error;
    // One line for both: what is largest in either.
    info = {info.name + ", then " + other.name, std::max(info.registers, other.registers), std::max(info.spilledBytes, other.spilledBytes),
            std::max(info.sharedBytes, other.sharedBytes)};
    return error;
}

} // namespace dsa::launch::masked_attention
