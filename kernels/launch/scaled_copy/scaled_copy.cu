#include "kernels/launch/scaled_copy/scaled_copy.h"

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <algorithm>
#include <limits>

namespace dsa::launch::scaled_copy {

namespace {

constexpr int kThreads = 256, kVectors = 2; // reads of four numbers a thread

__device__ void write(float *to, float4 x)
{
    *reinterpret_cast<float4 *>(to) = x;
}

__device__ void write(__half *to, float4 x)
{
    const __half2 halves[2] = {__floats2half2_rn(x.x, x.y), __floats2half2_rn(x.z, x.w)};
    *reinterpret_cast<uint2 *>(to) = *reinterpret_cast<const uint2 *>(halves);
}

__device__ void write(__nv_bfloat16 *to, float4 x)
{
    const __nv_bfloat162 halves[2] = {__floats2bfloat162_rn(x.x, x.y), __floats2bfloat162_rn(x.z, x.w)};
    *reinterpret_cast<uint2 *>(to) = *reinterpret_cast<const uint2 *>(halves);
}

__device__ void writeOne(float *to, float x)
{
    *to = x;
}

__device__ void writeOne(__half *to, float x)
{
    *to = __float2half_rn(x);
}

__device__ void writeOne(__nv_bfloat16 *to, float x)
{
    *to = __float2bfloat16_rn(x);
}

template <class T>
__device__ void copyPart(const Array &array, float factor)
{
    T *const to = static_cast<T *>(array.to);
#pragma unroll
    for (int i = 0; i < kVectors; ++i) {
        const std::int64_t first = ((static_cast<std::int64_t>(blockIdx.x) * kVectors + i) * kThreads + threadIdx.x) * 4;
        if (first + 4 <= array.elements) {
            const float4 x = __ldg(reinterpret_cast<const float4 *>(array.from + first));
            write(to + first, make_float4(x.x * factor, x.y * factor, x.z * factor, x.w * factor));
        } else {
            for (std::int64_t j = first; j < array.elements; ++j) {
                writeOne(to + j, array.from[j] * factor);
            }
        }
    }
}

/// An array a row of blocks.
__global__ void __launch_bounds__(kThreads) copyScaled(const __grid_constant__ Params p)
{
    const Array &array = p.arrays[blockIdx.y];
    const float factor = __ldg(p.factor);
    switch (array.type) {
    case Type::Float: copyPart<float>(array, factor); break;
    case Type::Half: copyPart<__half>(array, factor); break;
    case Type::BFloat16: copyPart<__nv_bfloat16>(array, factor); break;
    }
}

bool isAligned(const void *pointer)
{
    return reinterpret_cast<std::uintptr_t>(pointer) % 16 == 0;
}

std::int64_t blocksFor(const Params &p)
{
    std::int64_t most = 0;
    for (const Array &array : p.arrays) {
        most = std::max(most, array.elements);
    }
    constexpr std::int64_t kPerBlock = kThreads * kVectors * 4;
    return most / kPerBlock + (most % kPerBlock != 0);
}

} // namespace

bool supported(const Params &p, const char **why)
{
    const char *reason = nullptr;
    for (const Array &array : p.arrays) {
        if (array.elements < 0) {
            reason = "a size is negative";
        } else if (!isAligned(array.from) || !isAligned(array.to)) {
            reason = "an array does not begin on 16 bytes";
        }
    }
    if (!reason && blocksFor(p) > std::numeric_limits<std::int32_t>::max()) {
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
    const std::int64_t blocks = blocksFor(p);
    if (blocks == 0) {
        return cudaSuccess;
    }
    copyScaled<<<dim3(static_cast<unsigned>(blocks), kMostArrays), kThreads, 0, stream>>>(p);
    return cudaGetLastError();
}

} // namespace dsa::launch::scaled_copy
