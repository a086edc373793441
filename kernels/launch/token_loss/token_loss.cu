#include "kernels/launch/token_loss/token_loss.h"

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <limits>

namespace dsa::launch::token_loss {

namespace {

/// Long rows take so many threads that the rows under way stay in the L2 until their gradient is written.
constexpr int kFewThreads = 256, kManyThreads = 1024;
constexpr std::int64_t kLongRow = 8192;

__device__ float wide(float x) { return x; }
__device__ float wide(__nv_bfloat16 x) { return __bfloat162float(x); }
__device__ float wide(__half x) { return __half2float(x); }
__device__ void store(float *to, float value) { *to = value; }
__device__ void store(__nv_bfloat16 *to, float value) { *to = __float2bfloat16(value); }
__device__ void store(__half *to, float value) { *to = __float2half(value); }

/// Largest number so far and the sum of exp(x - largest).
struct Sum {
    float top = -FLT_MAX, total = 0;

    /// All at once: their largest first, so that what was there is brought to the new scale but once.
    template <class T, int kCount>
    __device__ void add(const T (&values)[kCount])
    {
        float higher = top;
        for (int i = 0; i < kCount; ++i) {
            higher = fmaxf(higher, wide(values[i]));
        }
        total *= __expf(top - higher);
        for (int i = 0; i < kCount; ++i) {
            total += __expf(wide(values[i]) - higher); // NaN stays
        }
        top = higher;
    }
    __device__ void join(float otherTop, float otherTotal)
    {
        const float higher = fmaxf(top, otherTop);
        total = total * __expf(top - higher) + otherTotal * __expf(otherTop - higher);
        top = higher;
    }
};

/// 16 bytes of a row.
template <class T>
struct alignas(16) Pack {
    T values[16 / sizeof(T)];
};

/// Calls visit(index, values), an array each, for this thread's share of a row; `whole`: rows start on 16 bytes.
template <class T, class Visit>
__device__ void eachOf(const T *row, std::int64_t count, bool whole, Visit visit)
{
    constexpr int kWide = 16 / sizeof(T);
    const std::int64_t packs = whole ? count / kWide : 0;
    for (std::int64_t i = threadIdx.x; i < packs; i += blockDim.x) {
        const Pack<T> pack = reinterpret_cast<const Pack<T> *>(row)[i];
        visit(i * kWide, pack.values);
    }
    for (std::int64_t i = packs * kWide + threadIdx.x; i < count; i += blockDim.x) {
        const T one[1] = {row[i]};
        visit(i, one);
    }
}

template <class T, int kThreads>
__global__ void __launch_bounds__(kThreads) rowLoss(Params p, bool whole)
{
    constexpr int kWarps = kThreads / 32;
    __shared__ float tops[kWarps], totals[kWarps], logSum;
    const T *row = static_cast<const T *>(p.logits) + blockIdx.x * p.stride;
    const std::int64_t target = p.targets[blockIdx.x];
    Sum sum;
    eachOf(row, p.kinds, whole, [&]<int kCount>(std::int64_t, const T(&values)[kCount]) { sum.add(values); });
    for (int step = 16; step > 0; step /= 2) {
        const float top = __shfl_xor_sync(0xffffffffu, sum.top, step), total = __shfl_xor_sync(0xffffffffu, sum.total, step);
        sum.join(top, total);
    }
    if (threadIdx.x % 32 == 0) {
        tops[threadIdx.x / 32] = sum.top;
        totals[threadIdx.x / 32] = sum.total;
    }
    __syncthreads();
    if (threadIdx.x == 0) {
        for (int warp = 1; warp < kWarps; ++warp) {
            sum.join(tops[warp], totals[warp]);
        }
        logSum = sum.top + logf(sum.total);
        p.loss[blockIdx.x] = target < 0 ? 0.f : target < p.kinds ? logSum - wide(row[target]) : NAN;
    }
    if (!p.gradient) {
        return;
    }
    __syncthreads();
    T *gradient = static_cast<T *>(p.gradient) + blockIdx.x * p.kinds;
    const float lse = logSum, factor = target < 0 ? 0.f : *p.factor;
    eachOf(row, p.kinds, whole, [&]<int kCount>(std::int64_t first, const T(&values)[kCount]) {
        alignas(16) T out[kCount];
        for (int i = 0; i < kCount; ++i) {
            store(out + i, factor == 0 ? 0.f : (__expf(wide(values[i]) - lse) - (first + i == target)) * factor);
        }
        if constexpr (kCount == 1) {
            gradient[first] = out[0];
        } else {
            *reinterpret_cast<uint4 *>(gradient + first) = *reinterpret_cast<const uint4 *>(out);
        }
    });
}

template <class T>
__global__ void __launch_bounds__(kFewThreads) scale(Params p)
{
    const float factor = *p.factor;
    if (factor == 1) {
        return;
    }
    T *gradient = static_cast<T *>(p.gradient);
    const std::int64_t count = p.rows * p.kinds;
    for (std::int64_t i = blockIdx.x * static_cast<std::int64_t>(kFewThreads) + threadIdx.x; i < count; i += static_cast<std::int64_t>(gridDim.x) * kFewThreads) {
        store(gradient + i, wide(gradient[i]) * factor);
    }
}

template <class T>
cudaError_t launchRows(const Params &p, bool whole, cudaStream_t stream)
{
    const unsigned rows = static_cast<unsigned>(p.rows);
    if (p.kinds >= kLongRow) {
        rowLoss<T, kManyThreads><<<rows, kManyThreads, 0, stream>>>(p, whole);
    } else {
        rowLoss<T, kFewThreads><<<rows, kFewThreads, 0, stream>>>(p, whole);
    }
    return cudaGetLastError();
}

std::int64_t bytesOf(Type type)
{
    return type == Type::Float ? 4 : 2;
}

bool wholeRows(const Params &p)
{
    const auto fits = [&](const void *start, std::int64_t stride) {
        return reinterpret_cast<std::uintptr_t>(start) % 16 == 0 && stride * bytesOf(p.type) % 16 == 0;
    };
    return fits(p.logits, p.stride) && (!p.gradient || fits(p.gradient, p.kinds));
}

} // namespace

bool supported(const Params &p, const char **why)
{
    const char *reason = nullptr;
    if (p.rows < 0 || p.kinds < 1) {
        reason = "a size is negative, or there are no token kinds";
    } else if (p.rows > std::numeric_limits<std::int32_t>::max()) {
        reason = "more than 2^31 - 1 rows";
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
    if (p.rows == 0) {
        return cudaSuccess;
    }
    const auto rows = p.type == Type::BFloat16 ? launchRows<__nv_bfloat16> : p.type == Type::Half ? launchRows<__half> : launchRows<float>;
    return rows(p, wholeRows(p), stream);
}

cudaError_t launchScale(const Params &p, cudaStream_t stream)
{
    if (!supported(p)) {
        return cudaErrorInvalidValue;
    }
    if (p.rows == 0) {
        return cudaSuccess;
    }
    constexpr std::int64_t kMostBlocks = 2048;
    const std::int64_t blocks = std::min(kMostBlocks, (p.rows * p.kinds + kFewThreads - 1) / kFewThreads);
    const auto kernel = p.type == Type::BFloat16 ? scale<__nv_bfloat16> : p.type == Type::Half ? scale<__half> : scale<float>;
    kernel<<<static_cast<unsigned>(blocks), kFewThreads, 0, stream>>>(p);
    return cudaGetLastError();
}

} // namespace dsa::launch::token_loss
