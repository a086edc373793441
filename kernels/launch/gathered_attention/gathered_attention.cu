#include "kernels/launch/gathered_attention/gathered_attention.h"

#include "kernels/launch/choice.cuh"
#include "kernels/launch/masked_attention/hopper.h"

#include <algorithm>
#include <limits>

namespace dsa::launch::gathered_attention {

namespace {

constexpr std::int64_t kHeadsPerBlock = 64, kMostQueries = std::int64_t{1} << 24, kMostKeys = std::int64_t{1} << 30;
constexpr int kCountThreads = 256;

/// Up to which slot each list has keys; a warp a list, from its end on: as a rule the first look finds one.
__global__ void __launch_bounds__(kCountThreads) countSlots(Params p)
{
    const int t = static_cast<int>((blockIdx.x * static_cast<unsigned>(kCountThreads) + threadIdx.x) / 32), lane = threadIdx.x % 32, k = static_cast<int>(p.k);
    if (t >= p.queries) {
        return;
    }
    const std::int32_t *list = p.idx + static_cast<long long>(t) * k;
    int end = 0;
    for (int first = (k - 1) / 32 * 32; first >= 0; first -= 32) {
        const bool key = first + lane < k && static_cast<unsigned>(__ldg(list + first + lane)) < static_cast<unsigned>(p.keys);
        const unsigned found = __ballot_sync(~0u, key);
        if (found) {
            end = first + 32 - __clz(static_cast<int>(found));
            break;
        }
    }
    if (lane == 0) {
        p.slots[t] = end;
    }
}

std::int64_t headBlocks(const Params &p)
{
    return (p.heads + kHeadsPerBlock - 1) / kHeadsPerBlock;
}

cudaError_t launchCount(const Params &p, cudaStream_t stream)
{
    if (p.k == 0) {
        return cudaMemsetAsync(p.slots, 0, static_cast<std::size_t>(p.queries) * sizeof(std::int32_t), stream);
    }
    constexpr std::int64_t kRows = kCountThreads / 32;
    countSlots<<<static_cast<unsigned>((p.queries + kRows - 1) / kRows), kCountThreads, 0, stream>>>(p);
    return cudaGetLastError();
}

/// As many blocks as run at a time: each goes on to further queries.
std::int64_t blocksAtOnce(std::int64_t wanted)
{
    int device = 0, count = 1;
    if (cudaGetDevice(&device) == cudaSuccess) {
        cudaDeviceGetAttribute(&count, cudaDevAttrMultiProcessorCount, device);
    }
    return std::min<std::int64_t>(wanted, count);
}

} // namespace

bool supported(const Params &p, const char **why)
{
    const char *reason = nullptr;
    if (p.queries < 0 || p.keys < 0 || p.heads < 0 || p.k < 0) {
        reason = "a size is negative";
    } else if (p.width != kWidth || p.valueWidth != kValueWidth) {
        reason = "the gathering kernels are for rows 576 wide with 512 values";
    } else if (p.queries > kMostQueries || p.keys > kMostKeys || p.k > kMostKeys) {
        reason = "more than 2^24 queries or 2^30 keys";
    } else if (p.queries > 0 && headBlocks(p) > std::numeric_limits<std::int32_t>::max() / p.queries) {
        reason = "more than 2^31 - 1 blocks";
    } else if (!(p.scale > 0)) {
        reason = "the scale must be more than 0";
    } else if (!masked_attention::hopperRuns()) {
        reason = "the gathering kernels run on compute capability 9.0 alone";
    }
    if (why) {
        *why = reason;
    }
    return reason == nullptr;
}

cudaError_t launchForward(const Params &p, cudaStream_t stream)
{
    if (!supported(p)) {
        return cudaErrorInvalidValue;
    }
    const std::int64_t work = p.queries * headBlocks(p);
    if (work == 0) {
        return cudaSuccess;
    }
    const cudaError_t error = launchCount(p, stream);
    return error == cudaSuccess ? launchChoice(forwardChoice(), blocksAtOnce(work), p, stream) : error;
}

cudaError_t launchBackward(const Params &p, cudaStream_t stream)
{
    if (!supported(p)) {
        return cudaErrorInvalidValue;
    }
    const std::int64_t work = p.queries * headBlocks(p);
    if (work == 0) {
        return cudaSuccess;
    }
    const cudaError_t error = launchCount(p, stream);
    return error == cudaSuccess ? launchChoice(backwardChoice(p), work, p, stream) : error;
}

cudaError_t describeForward(const Params &, KernelInfo &info)
{
    const cudaError_t error = describeChoice(forwardChoice(), info);
    info.hopper = true;
    return error;
}

cudaError_t describeBackward(const Params &p, KernelInfo &info)
{
    const cudaError_t error = describeChoice(backwardChoice(p), info);
    info.hopper = true;
    return error;
}

} // namespace dsa::launch::gathered_attention
