#include "kernels/launch/index_kl_tiles/index_kl_tiles.h"

#include "kernels/launch/choice.cuh"

#include <algorithm>
#include <limits>

namespace dsa::launch::index_kl_tiles {

namespace {

constexpr std::int64_t kTile = 64, kLongest = 8192 * kTile, kMostBlocks = std::numeric_limits<std::int32_t>::max();
constexpr int kMeanThreads = 1024;

std::int64_t tilesOf(std::int64_t rows)
{
    return (rows + kTile - 1) / kTile;
}

/// The mean over the rows that count, and one over their number (at least 1), in one order.
__global__ void __launch_bounds__(kMeanThreads) meanOfRows(Params p)
{
    __shared__ float losses[kMeanThreads], counts[kMeanThreads];
    float loss = 0, count = 0;
    for (std::int64_t i = threadIdx.x; i < p.batch * p.queries; i += kMeanThreads) {
        loss += p.rows[i];
        count += p.used[i];
    }
    losses[threadIdx.x] = loss;
    counts[threadIdx.x] = count;
    for (int step = kMeanThreads / 2; step > 0; step /= 2) {
        __syncthreads();
        if (threadIdx.x < step) {
            losses[threadIdx.x] += losses[threadIdx.x + step];
            counts[threadIdx.x] += counts[threadIdx.x + step];
        }
    }
    if (threadIdx.x == 0) {
        const float share = 1 / fmaxf(counts[0], 1);
        p.mean[0] = losses[0] * share;
        p.mean[1] = share;
    }
}

} // namespace

bool supported(const Params &p, const char **why)
{
    const char *reason = nullptr;
    if (p.batch < 0 || p.queries < 0 || p.keys < 0 || p.heads < 0 || p.indexHeads < 0) {
        reason = "a size is negative";
    } else if (p.keyHeads < 1 || p.heads % p.keyHeads != 0) {
        reason = "the key heads do not divide the heads";
    } else if (p.queries > kLongest || p.keys > kLongest) {
        reason = "more than 524288 queries or keys";
    } else if (std::min(p.width, p.indexWidth) < 8 || std::max(p.width, p.indexWidth) > 128 || p.width % 8 != 0 || p.indexWidth % 8 != 0) {
        reason = "the widths of a head must be multiples of 8, up to 128";
    } else if (!(p.scale > 0)) {
        reason = "the scale must be more than 0";
    } else if (p.batch > 0 && tilesOf(std::max(p.queries, p.keys)) > kMostBlocks / p.batch / std::max<std::int64_t>(p.indexHeads, 1)) {
        reason = "more than 2^31 - 1 tiles";
    }
    if (why) {
        *why = reason;
    }
    return reason == nullptr;
}

std::size_t sharedBytes(const Params &p)
{
    constexpr std::size_t kStatic = 4096; // what the kernels declare besides
    return kStatic + std::max({lossChoice(p).dynamicBytes, queryGradientChoice(p).dynamicBytes, keyGradientChoice(p).dynamicBytes});
}

cudaError_t launch(const Params &p, cudaStream_t stream)
{
    if (!supported(p)) {
        return cudaErrorInvalidValue;
    }
    if (p.batch * p.queries == 0) {
        return cudaSuccess;
    }
    const auto start = [&](const Choice &choice, std::int64_t blocks) { return blocks == 0 ? cudaSuccess : launchChoice(choice, blocks, p, stream); };
    cudaError_t error = start(lossChoice(p), p.batch * tilesOf(p.queries));
    if (error == cudaSuccess) {
        meanOfRows<<<1, kMeanThreads, 0, stream>>>(p);
        error = cudaGetLastError();
    }
    if (error == cudaSuccess && p.gradScores) {
        const Choice choice = queryGradientChoice(p);
        error = start(choice, p.batch * tilesOf(p.queries) * ((p.indexHeads + choice.groups - 1) / choice.groups));
    }
    if (error == cudaSuccess && p.gradScores) {
        error = start(keyGradientChoice(p), p.batch * tilesOf(p.keys));
    }
    return error;
}

cudaError_t describe(const Params &p, KernelInfo &info)
{
    cudaError_t error = cudaSuccess;
    info = {};
    for (const Choice &choice : {lossChoice(p), queryGradientChoice(p), keyGradientChoice(p)}) {
        KernelInfo one;
        error = error == cudaSuccess ? describeChoice(choice, one) : error;
        info = {info.name.empty() ? one.name : info.name + ", then " + one.name, std::max(info.registers, one.registers), std::max(info.spilledBytes, one.spilledBytes),
                std::max(info.sharedBytes, one.sharedBytes)};
    }
    return error;
}

} // namespace dsa::launch::index_kl_tiles
