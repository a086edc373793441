#include "kernels/launch/index_kl/index_kl.h"

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cfloat>
#include <limits>

namespace dsa::launch::index_kl {

namespace {

constexpr int kThreads = 128, kWarps = kThreads / 32;
constexpr std::int64_t kMostKeys = 6000; // two floats a key in the shared memory that every launch may have

__device__ float maximum(float a, float b) { return a > b || isnan(a) ? a : b; }

template <class Combine>
__device__ float acrossWarp(float value, Combine combine)
{
    for (int step = 16; step > 0; step /= 2) {
        value = combine(value, __shfl_xor_sync(0xffffffffu, value, step));
    }
    return value;
}

/// The same in every thread; the order is fixed.
template <class Combine>
__device__ float acrossBlock(float value, float *scratch, Combine combine)
{
    value = acrossWarp(value, combine);
    __syncthreads();
    if (threadIdx.x % 32 == 0) {
        scratch[threadIdx.x / 32] = value;
    }
    __syncthreads();
    value = scratch[0];
    for (int warp = 1; warp < kWarps; ++warp) {
        value = combine(value, scratch[warp]);
    }
    return value;
}

__device__ void store(float *to, float value) { *to = value; }
__device__ void store(__nv_bfloat16 *to, float value) { *to = __float2bfloat16(value); }
__device__ void store(__half *to, float value) { *to = __float2half(value); }

/// One row a block. `mass` holds the teacher, then the gradient in the scores; `score` the index scores.
template <class Low>
__global__ void __launch_bounds__(kThreads) klRow(Params p)
{
    extern __shared__ float shared[];
    __shared__ float scratch[kWarps];
    const int n = static_cast<int>(p.keys), heads = static_cast<int>(p.heads), indexHeads = static_cast<int>(p.indexHeads);
    float *mass = shared, *score = shared + n;
    const std::int64_t t = blockIdx.x % p.queries, b = blockIdx.x / p.queries;
    const auto add = [](float x, float y) { return x + y; };

    const std::int64_t *words = p.bits ? p.bits + b * p.bitStrides[0] + t * p.bitStrides[1] : nullptr;
    const std::int64_t visible = t + p.offset;
    const float *weights = p.weights + b * p.weightStrides[0] + t * p.weightStrides[1];
    const float *lse = p.lse + b * p.lseStrides[0] + t;
    const float *scores = p.scores + (b * heads * p.queries + t) * n;
    const float *dots = p.dots + (b * p.queries + t) * indexHeads * n;
    const auto inSet = [&](int s) { return words ? (words[s / 64] >> (s % 64) & 1) != 0 : s <= visible; };

    float sum = 0, top = -FLT_MAX;
    for (int s = threadIdx.x; s < n; s += kThreads) {
        float probability = 0, index = 0;
        if (inSet(s)) {
            for (int h = 0; h < heads; ++h) {
                const float shift = maximum(lse[h * p.lseStrides[1]], -FLT_MAX);
                probability += expf(scores[h * p.queries * n + s] * p.scale - shift);
            }
            for (int j = 0; j < indexHeads; ++j) {
                index += weights[j] * maximum(dots[j * n + s], 0.f);
            }
            top = maximum(index, top);
        }
        mass[s] = probability;
        score[s] = index;
        sum += probability;
    }
    sum = acrossBlock(sum, scratch, add);

    float norm;
    if (p.lseSelected) {
        norm = maximum(p.lseSelected[b * p.lseSelectedStride + t], -FLT_MAX);
    } else {
        top = acrossBlock(top, scratch, [](float x, float y) { return maximum(x, y); });
        float total = 0;
        for (int s = threadIdx.x; s < n; s += kThreads) {
            total += inSet(s) ? expf(score[s] - top) : 0.f;
        }
        norm = maximum(logf(acrossBlock(total, scratch, add)) + top, -FLT_MAX);
    }

    const std::int64_t phase = p.phase ? *p.phase % p.rowStride : 0;
    const bool sampled = p.rowStride <= 1 || (p.firstRow + t) / 64 % p.rowStride == phase;
    const float counts = sampled && !(sum <= 0) ? 1.f : 0.f; // a row that is NaN counts, so that it shows
    const float inverse = 1 / maximum(sum, FLT_MIN);
    float divergence = 0;
    for (int s = threadIdx.x; s < n; s += kThreads) {
        float gradient = 0;
        if (inSet(s)) {
            const float teacher = mass[s] * inverse, logStudent = score[s] - norm;
            divergence += (teacher == 0 ? 0.f : teacher * logf(teacher)) - teacher * logStudent;
            gradient = (expf(logStudent) - teacher) * counts;
        }
        mass[s] = gradient;
    }
    divergence = acrossBlock(divergence, scratch, add); // and everything in `mass` is written
    if (threadIdx.x == 0) {
        p.rows[b * p.rowsStride + t] = counts > 0 ? divergence : 0.f;
        p.used[b * p.usedStride + t] = counts;
    }
    if (!p.gradWeights) {
        return;
    }
    Low *gradDots = static_cast<Low *>(p.gradDots) + (b * p.queries + t) * indexHeads * n;
    const int lane = threadIdx.x % 32;
    for (int j = threadIdx.x / 32; j < indexHeads; j += kWarps) {
        float total = 0;
        for (int s = lane; s < n; s += 32) {
            const float dot = dots[j * n + s];
            total += maximum(dot, 0.f) * mass[s];
            store(gradDots + j * n + s, dot > 0 ? mass[s] * weights[j] : 0.f);
        }
        total = acrossWarp(total, add);
        if (lane == 0) {
            p.gradWeights[(b * p.queries + t) * indexHeads + j] = total;
        }
    }
}

} // namespace

bool supported(const Params &params, const char **why)
{
    const char *reason = nullptr;
    if (params.batch < 0 || params.queries < 0 || params.keys < 0 || params.heads < 0 || params.indexHeads < 0) {
        reason = "a size is negative";
    } else if (params.keys > kMostKeys) {
        reason = "more than 6000 keys";
    } else if (params.batch > 0 && params.queries > std::numeric_limits<std::int32_t>::max() / params.batch) {
        reason = "more than 2^31 - 1 rows";
    }
    if (why) {
        *why = reason;
    }
    return reason == nullptr;
}

cudaError_t launch(const Params &params, cudaStream_t stream)
{
    if (!supported(params)) {
        return cudaErrorInvalidValue;
    }
    const std::int64_t rows = params.batch * params.queries;
    if (rows == 0) {
        return cudaSuccess;
    }
    const auto kernel = params.type == Type::BFloat16 ? klRow<__nv_bfloat16> : params.type == Type::Half ? klRow<__half> : klRow<float>;
    kernel<<<static_cast<unsigned>(rows), kThreads, 2 * sizeof(float) * params.keys, stream>>>(params);
    return cudaGetLastError();
}

} // namespace dsa::launch::index_kl
