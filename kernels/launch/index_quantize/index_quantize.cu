#include "kernels/launch/index_quantize/index_quantize.h"

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_fp8.h>

#include <limits>

namespace dsa::launch::index_quantize {

namespace {

constexpr int kThreads = 256, kWarps = kThreads / 32, kMostWidth = 128, kColumns = kMostWidth / 32;
constexpr float kSmallest = 1e-4f;

__device__ __forceinline__ float widened(__nv_bfloat16 x)
{
    return __bfloat162float(x);
}
__device__ __forceinline__ float widened(__half x)
{
    return __half2float(x);
}
__device__ __forceinline__ float widened(float x)
{
    return x;
}

/// The exponent of a row whose largest value is a finite number. 448 is 1.75 times 2^8.
__device__ __forceinline__ int exponentFor(float largest)
{
    const unsigned bits = __float_as_uint(largest);
    return static_cast<int>(bits >> 23) - 127 - 8 + ((bits & 0x7fffffu) > 0x600000u ? 1 : 0);
}

__device__ __forceinline__ float powerOfTwo(int exponent)
{
    return __uint_as_float(static_cast<unsigned>(exponent + 127) << 23);
}

/// A warp a row; a lane holds every 32nd column.
template <class T>
__global__ void __launch_bounds__(kThreads) quantize(Params p)
{
    const int lane = threadIdx.x % 32, width = static_cast<int>(p.width);
    const std::int64_t row = blockIdx.x * static_cast<std::int64_t>(kWarps) + threadIdx.x / 32;
    if (row >= p.rows) {
        return;
    }
    const T *from = static_cast<const T *>(p.x) + row * width;
    float x[kColumns];
    unsigned largest = 0; // of the values without their signs, in whose order they are: NaN above infinity above all numbers
#pragma unroll
    for (int i = 0; i < kColumns; ++i) {
        const int column = lane + i * 32;
        x[i] = column < width ? widened(from[column]) : 0.0f;
        largest = max(largest, __float_as_uint(x[i]) & 0x7fffffffu);
    }
    largest = __reduce_max_sync(~0u, largest);
    const float nan = __uint_as_float(0x7fc00000u);
    float scale = nan, inverse = nan;
    if (largest < 0x7f800000u) {
        const int exponent = exponentFor(fmaxf(__uint_as_float(largest), kSmallest));
        scale = powerOfTwo(exponent);
        inverse = powerOfTwo(-exponent);
    }
    auto *to = static_cast<std::uint8_t *>(p.out) + row * width;
#pragma unroll
    for (int i = 0; i < kColumns; ++i) {
        if (lane + i * 32 < width) {
            to[lane + i * 32] = __nv_cvt_float_to_fp8(x[i] * inverse, __NV_SATFINITE, __NV_E4M3);
        }
    }
    if (lane == 0) {
        p.scales[row] = p.factors ? p.factors[row] * scale : scale;
    }
}

} // namespace

bool supported(const Params &p, const char **why)
{
    const char *reason = nullptr;
    if (p.rows < 0 || p.width < 1) {
        reason = "a size is negative, or the width is 0";
    } else if (p.width > kMostWidth) {
        reason = "rows wider than 128 have more than one scale";
    } else if (p.rows / kWarps >= std::numeric_limits<std::int32_t>::max()) {
        reason = "more than 2^31 - 1 blocks";
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
    const unsigned blocks = static_cast<unsigned>((p.rows + kWarps - 1) / kWarps);
    if (blocks > 0) {
        switch (p.type) {
        case Type::BFloat16: quantize<__nv_bfloat16><<<blocks, kThreads, 0, stream>>>(p); break;
        case Type::Half: quantize<__half><<<blocks, kThreads, 0, stream>>>(p); break;
        case Type::Float: quantize<float><<<blocks, kThreads, 0, stream>>>(p); break;
        }
    }
    return cudaGetLastError();
}

} // namespace dsa::launch::index_quantize
