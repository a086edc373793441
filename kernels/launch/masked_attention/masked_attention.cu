#include "kernels/launch/masked_attention/masked_attention.h"

#include "kernels/launch/choice.cuh"
#include "kernels/launch/masked_attention/hopper.h"

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
extern template HopperChoice hopperForwardChoice<__nv_bfloat16>(const Params &);
extern template HopperChoice hopperQueryGradientChoice<__nv_bfloat16>(const Params &);
extern template HopperChoice hopperKeyGradientChoice<__nv_bfloat16>(const Params &);

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

/// Whether this device and these sizes are for the Hopper kernels: what was held to the reference and measured on such a card.
bool onHopper(const Params &p)
{
    return !p.portable && p.type == Type::BFloat16 && p.width > 32 && p.width == p.valueWidth && p.heads == p.keyHeads && p.queries > 0 && p.keys > 0 && hopperRuns();
}

/// As many heads as have 8 MiB of what blocks share: measured, reads from the far half of the cache limit these kernels.
int headsTogether(const Params &p)
{
    const std::int64_t bytes = std::max(p.keys, p.queries) * (p.width + p.valueWidth) * 2;
    return static_cast<int>(std::clamp<std::int64_t>((std::int64_t{8} << 20) / std::max<std::int64_t>(bytes, 1), 1, 1 << 20));
}

cudaError_t keyMaps(CUtensorMap &keys, CUtensorMap &values, const Params &p)
{
    const cudaError_t error = tileMap(keys, p.k, p.type, p.batch, p.keyHeads, p.keys, p.width, p.kStrides);
    return error == cudaSuccess ? tileMap(values, p.v, p.type, p.batch, p.keyHeads, p.keys, p.valueWidth, p.vStrides) : error;
}

cudaError_t queryMaps(CUtensorMap &queries, CUtensorMap &grads, const Params &p)
{
    const cudaError_t error = tileMap(queries, p.q, p.type, p.batch, p.heads, p.queries, p.width, p.qStrides);
    return error == cudaSuccess ? tileMap(grads, p.gradO, p.type, p.batch, p.heads, p.queries, p.valueWidth, p.gradOStrides) : error;
}

cudaError_t launchQueryGradient(const Params &p, cudaStream_t stream)
{
    const std::int64_t blocks = p.batch * p.heads * tilesOf(p.queries);
    if (blocks == 0) {
        return cudaSuccess;
    }
    HopperParams hopper{p, {}, {}, {}, headsTogether(p)};
    if (onHopper(p) && keyMaps(hopper.first, hopper.second, p) == cudaSuccess && queryMaps(hopper.own[0], hopper.own[1], p) == cudaSuccess) {
        return launchChoice(hopperQueryGradientChoice<__nv_bfloat16>(p), blocks, hopper, stream);
    }
    return launchChoice(queryGradientOf(p), blocks, p, stream);
}

cudaError_t launchKeyGradient(const Params &p, cudaStream_t stream)
{
    const std::int64_t blocks = p.batch * p.keyHeads * tilesOf(p.keys);
    if (blocks == 0) {
        return cudaSuccess;
    }
    HopperParams hopper{p, {}, {}, {}, headsTogether(p)};
    if (onHopper(p) && queryMaps(hopper.first, hopper.second, p) == cudaSuccess && keyMaps(hopper.own[0], hopper.own[1], p) == cudaSuccess) {
        return launchChoice(hopperKeyGradientChoice<__nv_bfloat16>(p), blocks, hopper, stream);
    }
    return launchChoice(keyGradientOf(p), blocks, p, stream);
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

std::size_t workspaceBytes(const Params &p)
{
    constexpr std::int64_t kFewTiles = 8; // up to so many a block looks for itself: the map would take longer than it spares
    const std::int64_t rows = tilesOf(p.queries), columns = tilesOf(p.keys);
    if (!p.bits || std::max(rows, columns) <= kFewTiles || p.batch < 1 || !onHopper(p)) {
        return 0;
    }
    return static_cast<std::size_t>(p.batch * rows * ((columns + 31) / 32)) * sizeof(std::uint32_t);
}

cudaError_t launchForward(const Params &p, cudaStream_t stream)
{
    if (!supported(p)) {
        return cudaErrorInvalidValue;
    }
    const std::int64_t blocks = p.batch * p.heads * tilesOf(p.queries);
    if (blocks == 0) {
        return cudaSuccess;
    }
    HopperParams hopper{p, {}, {}, {}, headsTogether(p)};
    if (onHopper(p) && keyMaps(hopper.first, hopper.second, p) == cudaSuccess &&
        tileMap(hopper.own[0], p.q, p.type, p.batch, p.heads, p.queries, p.width, p.qStrides) == cudaSuccess) {
        const cudaError_t error = p.tileMap ? launchTileMap(p, stream) : cudaSuccess;
        return error == cudaSuccess ? launchChoice(hopperForwardChoice<__nv_bfloat16>(p), blocks, hopper, stream) : error;
    }
    return launchChoice(forwardOf(p), blocks, p, stream);
}

cudaError_t launchBackward(const Params &p, cudaStream_t stream)
{
    if (!supported(p) || (p.bits && !p.bitsT)) {
        return cudaErrorInvalidValue;
    }
    cudaError_t error = p.tileMap && p.batch > 0 && p.heads > 0 ? launchTileMap(p, stream) : cudaSuccess;
    error = error == cudaSuccess ? launchQueryGradient(p, stream) : error;
    return error == cudaSuccess ? launchKeyGradient(p, stream) : error;
}

cudaError_t describeForward(const Params &p, KernelInfo &info)
{
    const cudaError_t error = onHopper(p) ? describeChoice(hopperForwardChoice<__nv_bfloat16>(p), info) : describeChoice(forwardOf(p), info);
    info.hopper = onHopper(p);
    return error;
}

cudaError_t describeBackward(const Params &p, KernelInfo &info)
{
    KernelInfo other;
    cudaError_t error = onHopper(p) ? describeChoice(hopperQueryGradientChoice<__nv_bfloat16>(p), info) : describeChoice(queryGradientOf(p), info);
    if (error == cudaSuccess) {
        error = onHopper(p) ? describeChoice(hopperKeyGradientChoice<__nv_bfloat16>(p), other) : describeChoice(keyGradientOf(p), other);
    }
    // One line for both: what is largest in either.
    info = {info.name + ", then " + other.name, std::max(info.registers, other.registers), std::max(info.spilledBytes, other.spilledBytes),
            std::max(info.sharedBytes, other.sharedBytes), onHopper(p)};
    return error;
}

} // namespace dsa::launch::masked_attention
