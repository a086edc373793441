#include "kernels/launch/rotary/rotary.h"

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <limits>

namespace dsa::launch::rotary {

namespace {

constexpr int kThreads = 256;

__device__ float wide(float x) { return x; }
__device__ float wide(__nv_bfloat16 x) { return __bfloat162float(x); }
__device__ float wide(__half x) { return __half2float(x); }
__device__ void store(float *to, float value) { *to = value; }
__device__ void store(__nv_bfloat16 *to, float value) { *to = __float2bfloat16(value); }
__device__ void store(__half *to, float value) { *to = __float2half(value); }

/// A thread rotates one pair, or copies one of the elements behind them.
template <class T>
__global__ void __launch_bounds__(kThreads) rotate(Params p, unsigned items, unsigned total)
{
    const unsigned thread = blockIdx.x * kThreads + threadIdx.x;
    if (thread >= total) {
        return;
    }
    const unsigned row = thread / items, item = thread % items;
    unsigned place[3];
    place[2] = row % static_cast<unsigned>(p.sizes[2]);
    const unsigned rest = row / static_cast<unsigned>(p.sizes[2]);
    place[1] = rest % static_cast<unsigned>(p.sizes[1]);
    place[0] = rest / static_cast<unsigned>(p.sizes[1]);
    const T *x = static_cast<const T *>(p.x) + place[0] * p.strides[0] + place[1] * p.strides[1] + place[2] * p.strides[2];
    T *out = static_cast<T *>(p.out) + row * p.width;
    const unsigned pairs = static_cast<unsigned>(p.pairs);
    if (item >= pairs) {
        out[item + pairs] = x[item + pairs];
        return;
    }
    const unsigned position = p.positionDim == 2 ? place[2] : p.positionDim == 1 ? place[1] : place[0];
    const float c = p.cos[position * pairs + item], s = p.inverse ? -p.sin[position * pairs + item] : p.sin[position * pairs + item];
    const unsigned first = p.interleaved ? 2 * item : item, second = p.interleaved ? first + 1 : item + pairs;
    const float a = wide(x[first]), b = wide(x[second]);
    store(out + first, a * c - b * s);
    store(out + second, b * c + a * s);
}

} // namespace

bool supported(const Params &p, const char **why)
{
    const char *reason = nullptr;
    const auto most = static_cast<double>(std::numeric_limits<std::int32_t>::max());
    if (p.sizes[0] < 0 || p.sizes[1] < 0 || p.sizes[2] < 0 || p.width < 0 || p.pairs < 0 || p.width < 2 * p.pairs) {
        reason = "a size is negative, or the width holds fewer than two elements a pair";
    } else if (static_cast<double>(p.sizes[0]) * p.sizes[1] * p.sizes[2] * p.width > most) {
        reason = "more than 2^31 - 1 elements";
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
    const std::int64_t items = p.width - p.pairs, total = p.sizes[0] * p.sizes[1] * p.sizes[2] * items;
    if (total == 0) {
        return cudaSuccess;
    }
    const auto kernel = p.type == Type::BFloat16 ? rotate<__nv_bfloat16> : p.type == Type::Half ? rotate<__half> : rotate<float>;
    kernel<<<static_cast<unsigned>((total + kThreads - 1) / kThreads), kThreads, 0, stream>>>(p, static_cast<unsigned>(items),
                                                                                              static_cast<unsigned>(total));
    return cudaGetLastError();
}

} // namespace dsa::launch::rotary
