#include "kernels/launch/index_kl_tiles/index_kl_tiles.h"

#include "kernels/launch/choice.cuh"
#include "kernels/launch/index_kl_tiles/hopper.h"

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
#pragma unroll 8 // reads that do not wait for each other
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

/// The three kernels behind each other, the mean in between. `given` is what they take.
template <class Given, class Choice>
cudaError_t launchAll(const Given &given, const Params &p, const Choice &loss, const Choice &queryGradient, const Choice &keyGradient, cudaStream_t stream)
{
    const auto start = [&](const Choice &choice, std::int64_t blocks) { return blocks == 0 ? cudaSuccess : launchChoice(choice, blocks, given, stream); };
    cudaError_t error = start(loss, p.batch * tilesOf(p.queries));
    if (error == cudaSuccess) {
        meanOfRows<<<1, kMeanThreads, 0, stream>>>(p);
        error = cudaGetLastError();
    }
    if (error == cudaSuccess && p.gradScores) {
        error = start(queryGradient, p.batch * tilesOf(p.queries) * ((p.indexHeads + queryGradient.groups - 1) / queryGradient.groups));
    }
    if (error == cudaSuccess && p.gradScores) {
        error = start(keyGradient, p.batch * tilesOf(p.keys));
    }
    return error;
}

template <class Choice>
cudaError_t describeAll(KernelInfo &info, bool hopper, const Choice &loss, const Choice &queryGradient, const Choice &keyGradient)
{
    cudaError_t error = cudaSuccess;
    info = {};
    for (const Choice &choice : {loss, queryGradient, keyGradient}) {
        KernelInfo one;
        error = error == cudaSuccess ? describeChoice(choice, one) : error;
        info = {info.name.empty() ? one.name : info.name + ", then " + one.name, std::max(info.registers, one.registers), std::max(info.spilledBytes, one.spilledBytes),
                std::max(info.sharedBytes, one.sharedBytes), hopper};
    }
    return error;
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
    HopperParams hopper;
    if (hopperTakes(p) && hopperParams(hopper, p) == cudaSuccess) {
        return launchAll(hopper, p, hopperLossChoice(hopper), hopperQueryGradientChoice(), hopperKeyGradientChoice(), stream);
    }
    return launchAll(p, p, lossChoice(p), queryGradientChoice(p), keyGradientChoice(p), stream);
}

cudaError_t describe(const Params &p, KernelInfo &info)
{
    HopperParams hopper;
    // No tensor need be there yet: what a launch does is known from the sizes.
    if (hopperTakes(p)) {
        hopper.p = p;
        hopper.stages = hopperStages(p);
        return describeAll(info, true, hopperLossChoice(hopper), hopperQueryGradientChoice(), hopperKeyGradientChoice());
    }
    return describeAll(info, false, lossChoice(p), queryGradientChoice(p), keyGradientChoice(p));
}

} // namespace dsa::launch::index_kl_tiles
