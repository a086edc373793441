#include "kernels/launch/embedding/embedding.h"

#include <limits>

namespace dsa::launch::embedding {

namespace {

constexpr int kColumns = 16; ///< of four floats, those of a block
/// Few kinds have many tokens each, of many kinds most have one or none.
constexpr int kKindLanes = 64, kRunLanes = 16;

/// The first of the sorted kinds that is not below `kind`.
__device__ int firstOf(const std::int32_t *kinds, int count, int kind)
{
    int low = 0, high = count;
    while (low < high) {
        const int middle = (low + high) / 2;
        if (kinds[middle] < kind) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/// 64 columns of a kind's sum: lane i adds every kLanes-th of its tokens from the i-th on, then the lanes in order.
template <int kLanes, class More>
__device__ void sumColumns(const Params &p, int kind, int begin, More more)
{
    __shared__ float4 sums[kLanes][kColumns];
    const int column = threadIdx.x % kColumns, lane = threadIdx.x / kColumns;
    const std::int64_t place = (blockIdx.y * kColumns + column) * 4;
    float4 sum = {};
    if (place < p.width) {
        for (int i = begin + lane; more(i); i += kLanes) {
            const float4 value = *reinterpret_cast<const float4 *>(p.grad + p.places[i] * p.width + place);
            sum = {sum.x + value.x, sum.y + value.y, sum.z + value.z, sum.w + value.w};
        }
    }
    sums[lane][column] = sum;
    __syncthreads();
    if (lane == 0 && place < p.width) {
        for (int i = 1; i < kLanes; ++i) {
            const float4 value = sums[i][column];
            sum = {sum.x + value.x, sum.y + value.y, sum.z + value.z, sum.w + value.w};
        }
        *reinterpret_cast<float4 *>(p.gradTable + kind * p.width + place) = sum;
    }
}

/// A kind a block.
__global__ void __launch_bounds__(kKindLanes *kColumns) sumKinds(Params p)
{
    const int kind = static_cast<int>(blockIdx.x), count = static_cast<int>(p.tokens);
    const int begin = firstOf(p.kinds, count, kind), end = firstOf(p.kinds, count, kind + 1);
    sumColumns<kKindLanes>(p, kind, begin, [&](int i) { return i < end; });
}

/// A sorted token a block, which works if its kind begins there; the table is zero before.
__global__ void __launch_bounds__(kRunLanes *kColumns) sumRuns(Params p)
{
    const int begin = static_cast<int>(blockIdx.x), count = static_cast<int>(p.tokens), kind = p.kinds[begin];
    if (begin > 0 && p.kinds[begin - 1] == kind) {
        return;
    }
    sumColumns<kRunLanes>(p, kind, begin, [&](int i) { return i < count && p.kinds[i] == kind; });
}

} // namespace

bool supported(const Params &p, const char **why)
{
    const char *reason = nullptr;
    constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();
    if (p.tokens < 0 || p.kindCount < 1 || p.width < 1) {
        reason = "a size is negative, or there are no token kinds";
    } else if (p.width % 4 != 0 || p.width > 65535 * kColumns * 4) {
        reason = "the width must be a multiple of 4";
    } else if (p.tokens > kMost || p.kindCount >= kMost) {
        reason = "more than 2^31 - 1 tokens or kinds";
    }
    if (why) {
        *why = reason;
    }
    return reason == nullptr;
}

cudaError_t launch(const Params &p, cudaStream_t stream)
{
    if (!supported(p)) {
        return cudaErrorInvalidValue;
    }
    const unsigned across = static_cast<unsigned>((p.width + kColumns * 4 - 1) / (kColumns * 4));
    if (p.kindCount <= p.tokens / 4) {
        sumKinds<<<dim3(static_cast<unsigned>(p.kindCount), across), kKindLanes * kColumns, 0, stream>>>(p);
        return cudaGetLastError();
    }
    const cudaError_t error = cudaMemsetAsync(p.gradTable, 0, p.kindCount * p.width * sizeof(float), stream);
    if (error != cudaSuccess || p.tokens == 0) {
        return error;
    }
    sumRuns<<<dim3(static_cast<unsigned>(p.tokens), across), kRunLanes * kColumns, 0, stream>>>(p);
    return cudaGetLastError();
}

} // namespace dsa::launch::embedding
