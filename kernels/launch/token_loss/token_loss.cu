#include "kernels/launch/token_loss/token_loss.h"

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cfloat>
#include <cmath>
#include <limits>

namespace dsa::launch::token_loss {

namespace {

constexpr int kThreads = 256, kWarps = kThreads / 32;

__device__ float wide(float x) { return x; }
__device__ float wide(__nv_bfloat16 x) { return __bfloat162float(x); }
__device__ float wide(__half x) { return __half2float(x); }
__device__ void store(float *to, float value) { *to = value; }
__device__ void store(__nv_bfloat16 *to, float value) { *to = __float2bfloat16(value); }
__device__ void store(__half *to, float value) { *to = __float2half(value); }

/// Largest number so far and the sum of exp(x - largest).
struct Sum {
    float top = -FLT_MAX, total = 0;

    __device__ void add(float x)
    {
        if (x > top) {
            total = total * __expf(top - x) + 1;
            top = x;
        } else {
            total += __expf(x - top); // NaN comes here and stays
        }
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

/// Calls visit(index, value) for this thread's share of a row; `whole`: rows start on 16 bytes.
template <class T, class Visit>
__device__ void eachOf(const T *row, std::int64_t count, bool whole, Visit visit)
{
    constexpr int kWide = 16 / sizeof(T);
    const std::int64_t packs = whole ? count / kWide : 0;
    for (std::int64_t i = threadIdx.x; i < packs; i += kThreads) {
        const Pack<T> pack = reinterpret_cast<const Pack<T> *>(row)[i];
        visit(i * kWide, pack.values, kWide);
    }
    for (std::int64_t i = packs * kWide + threadIdx.x; i < count; i += kThreads) {
        visit(i, row + i, 1);
    }
}

template <class T>
__global__ void __launch_bounds__(kThreads) rowLoss(Params p, bool whole)
{
    __shared__ float tops[kWarps], totals[kWarps];
    const T *row = static_cast<const T *>(p.logits) + blockIdx.x * p.stride;
    Sum sum;
    eachOf(row, p.kinds, whole, [&](std::int64_t, const T *values, int count) {
        for (int i = 0; i < count; ++i) {
            sum.add(wide(values[i]));
        }
    });
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
        const float lse = sum.top + logf(sum.total);
        const std::int64_t target = p.targets[blockIdx.x];
        p.lse[blockIdx.x] = lse;
        p.loss[blockIdx.x] = target < 0 ? 0.f : target < p.kinds ? lse - wide(row[target]) : NAN;
    }
}

template <class T>
__global__ void __launch_bounds__(kThreads) rowGradient(Params p, bool whole)
{
    const T *row = static_cast<const T *>(p.logits) + blockIdx.x * p.stride;
    T *gradient = static_cast<T *>(p.gradient) + blockIdx.x * p.kinds;
    const std::int64_t target = p.targets[blockIdx.x];
    const float lse = p.lse[blockIdx.x], factor = target < 0 ? 0.f : *p.factor;
    eachOf(row, p.kinds, whole, [&](std::int64_t first, const T *values, int count) {
        if (count == 1) {
            store(gradient + first, factor == 0 ? 0.f : (__expf(wide(*values) - lse) - (first == target)) * factor);
            return;
        }
        Pack<T> pack;
        for (int i = 0; i < 16 / static_cast<int>(sizeof(T)); ++i) {
            store(pack.values + i, factor == 0 ? 0.f : (__expf(wide(values[i]) - lse) - (first + i == target)) * factor);
        }
        *reinterpret_cast<Pack<T> *>(gradient + first) = pack;
    });
}

std::int64_t bytesOf(Type type)
{
    return type == Type::Float ? 4 : 2;
}

bool wholeRows(const Params &p, const void *also)
{
    const auto fits = [&](const void *start, std::int64_t stride) {
        return reinterpret_cast<std::uintptr_t>(start) % 16 == 0 && stride * bytesOf(p.type) % 16 == 0;
    };
    return fits(p.logits, p.stride) && (!also || fits(also, p.kinds));
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

cudaError_t launchForward(const Params &p, cudaStream_t stream)
{
    if (!supported(p)) {
        return cudaErrorInvalidValue;
    }
    if (p.rows == 0) {
        return cudaSuccess;
    }
    const auto kernel = p.type == Type::BFloat16 ? rowLoss<__nv_bfloat16> : p.type == Type::Half ? rowLoss<__half> : rowLoss<float>;
    kernel<<<static_cast<unsigned>(p.rows), kThreads, 0, stream>>>(p, wholeRows(p, nullptr));
    return cudaGetLastError();
}

cudaError_t launchBackward(const Params &p, cudaStream_t stream)
{
    if (!supported(p)) {
        return cudaErrorInvalidValue;
    }
    if (p.rows == 0) {
        return cudaSuccess;
    }
    const auto kernel =
        p.type == Type::BFloat16 ? rowGradient<__nv_bfloat16> : p.type == Type::Half ? rowGradient<__half> : rowGradient<float>;
    kernel<<<static_cast<unsigned>(p.rows), kThreads, 0, stream>>>(p, wholeRows(p, p.gradient));
    return cudaGetLastError();
}

} // namespace dsa::launch::token_loss
