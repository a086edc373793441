#include "kernels/launch/rms_norm/rms_norm.h"

#include <cuda_bf16.h>

#include <algorithm>
#include <limits>

namespace dsa::launch::rms_norm {

namespace {

constexpr int kThreads = 256, kWarps = kThreads / 32, kMostWidth = 1024, kMostBlocks = 512;
constexpr int kSumColumns = 32, kSumThreads = 1024;

/// Four of the bf16 that lie at element `place`.
__device__ float4 readLow(const void *rows, std::int64_t place)
{
    const auto *pairs = reinterpret_cast<const __nv_bfloat162 *>(static_cast<const __nv_bfloat16 *>(rows) + place);
    const float2 first = __bfloat1622float2(pairs[0]), second = __bfloat1622float2(pairs[1]);
    return {first.x, first.y, second.x, second.y};
}

__device__ void writeLow(void *rows, std::int64_t place, float4 value)
{
    auto *pairs = reinterpret_cast<__nv_bfloat162 *>(static_cast<__nv_bfloat16 *>(rows) + place);
    pairs[0] = __floats2bfloat162_rn(value.x, value.y);
    pairs[1] = __floats2bfloat162_rn(value.z, value.w);
}

__device__ const float4 &readFull(const float *rows, std::int64_t place)
{
    return *reinterpret_cast<const float4 *>(rows + place);
}

__device__ void writeFull(float *rows, std::int64_t place, float4 value)
{
    *reinterpret_cast<float4 *>(rows + place) = value;
}

__device__ float4 operator+(float4 a, float4 b)
{
    return {a.x + b.x, a.y + b.y, a.z + b.z, a.w + b.w};
}

__device__ float4 operator*(float4 a, float4 b)
{
    return {a.x * b.x, a.y * b.y, a.z * b.z, a.w * b.w};
}

__device__ float4 operator*(float4 a, float b)
{
    return {a.x * b, a.y * b, a.z * b, a.w * b};
}

__device__ float total(float4 a)
{
    return (a.x + a.y) + (a.z + a.w);
}

__device__ float acrossWarp(float value)
{
    for (int step = 16; step > 0; step /= 2) {
        value += __shfl_xor_sync(~0u, value, step);
    }
    return value;
}

/// A warp a row; a lane holds kPacks times four columns, 128 apart.
template <int kPacks>
__global__ void __launch_bounds__(kThreads) forward(Params p)
{
    const std::int64_t row = blockIdx.x * static_cast<std::int64_t>(kWarps) + threadIdx.x / 32;
    if (row >= p.rows) {
        return;
    }
    const int first = threadIdx.x % 32 * 4, width = static_cast<int>(p.width);
    float4 h[kPacks];
    float squares = 0;
#pragma unroll
    for (int i = 0; i < kPacks; ++i) {
        const int column = first + i * 128;
        const std::int64_t place = row * width + column;
        h[i] = {};
        if (column < width) {
            h[i] = readFull(p.x, place);
            if (p.branch) {
                h[i] = h[i] + readLow(p.branch, place);
                writeFull(p.sum, place, h[i]);
            }
        }
        squares += total(h[i] * h[i]);
    }
    const float inverse = rsqrtf(acrossWarp(squares) / width + p.epsilon);
    if (threadIdx.x % 32 == 0) {
        p.inverse[row] = inverse;
    }
#pragma unroll
    for (int i = 0; i < kPacks; ++i) {
        const int column = first + i * 128;
        const std::int64_t place = row * width + column;
        if (column < width) {
            const float4 y = h[i] * inverse * readFull(p.weight, column);
            if (p.full) {
                writeFull(p.full, place, y);
            }
            if (p.low) {
                writeLow(p.low, place, y);
            }
        }
    }
}

/// The rows of a block in turn, so that each lane adds up the weight's gradient in its columns; then the warps in order.
template <int kPacks>
__global__ void __launch_bounds__(kThreads) backward(Params p)
{
    __shared__ float4 sums[kWarps][32];
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, first = lane * 4, width = static_cast<int>(p.width);
    float4 weights[kPacks], ofWeight[kPacks];
#pragma unroll
    for (int i = 0; i < kPacks; ++i) {
        weights[i] = ofWeight[i] = {};
        if (first + i * 128 < width) {
            weights[i] = readFull(p.weight, first + i * 128);
        }
    }
    for (std::int64_t row = blockIdx.x * static_cast<std::int64_t>(kWarps) + warp; row < p.rows; row += static_cast<std::int64_t>(gridDim.x) * kWarps) {
        const float inverse = p.inverse[row];
        float4 unit[kPacks], grad[kPacks];
        float along = 0;
#pragma unroll
        for (int i = 0; i < kPacks; ++i) {
            const int column = first + i * 128;
            const std::int64_t place = row * width + column;
            unit[i] = grad[i] = {};
            if (column < width) {
                unit[i] = readFull(p.x, place) * inverse;
                if (p.gradFull) {
                    grad[i] = readFull(p.gradFull, place);
                }
                if (p.gradLow) {
                    grad[i] = grad[i] + readLow(p.gradLow, place);
                }
            }
            ofWeight[i] = ofWeight[i] + grad[i] * unit[i];
            grad[i] = grad[i] * weights[i];
            along += total(grad[i] * unit[i]);
        }
        const float mean = acrossWarp(along) / width;
#pragma unroll
        for (int i = 0; i < kPacks; ++i) {
            const int column = first + i * 128;
            const std::int64_t place = row * width + column;
            if (column < width) {
                float4 result = (grad[i] + unit[i] * -mean) * inverse;
                if (p.gradSum) {
                    result = result + readFull(p.gradSum, place);
                }
                writeFull(p.gradX, place, result);
                if (p.gradBranch) {
                    writeLow(p.gradBranch, place, result);
                }
            }
        }
    }
#pragma unroll
    for (int i = 0; i < kPacks; ++i) {
        __syncthreads();
        sums[warp][lane] = ofWeight[i];
        __syncthreads();
        if (warp == 0 && first + i * 128 < width) {
            float4 sum = sums[0][lane];
            for (int w = 1; w < kWarps; ++w) {
                sum = sum + sums[w][lane];
            }
            writeFull(p.scratch, blockIdx.x * static_cast<std::int64_t>(width) + first + i * 128, sum);
        }
    }
}

/// 32 columns a block: a thread adds every 32nd row of the scratch, then the threads of a column in order.
__global__ void __launch_bounds__(kSumThreads) sumScratch(Params p, int blocks)
{
    __shared__ float sums[kSumThreads / kSumColumns][kSumColumns + 1];
    const int column = blockIdx.x * kSumColumns + threadIdx.x % kSumColumns, part = threadIdx.x / kSumColumns;
    float sum = 0;
    if (column < p.width) {
        for (int row = part; row < blocks; row += kSumThreads / kSumColumns) {
            sum += p.scratch[row * p.width + column];
        }
    }
    sums[part][threadIdx.x % kSumColumns] = sum;
    __syncthreads();
    if (part == 0 && column < p.width) {
        for (int i = 1; i < kSumThreads / kSumColumns; ++i) {
            sum += sums[i][threadIdx.x];
        }
        p.gradWeight[column] = sum;
    }
}

unsigned blocksFor(std::int64_t rows)
{
    return static_cast<unsigned>((rows + kWarps - 1) / kWarps);
}

template <template <int> class Launch>
cudaError_t byWidth(const Params &p, unsigned blocks, cudaStream_t stream)
{
    if (p.width <= 128) {
        Launch<1>::run(p, blocks, stream);
    } else if (p.width <= 256) {
        Launch<2>::run(p, blocks, stream);
    } else if (p.width <= 512) {
        Launch<4>::run(p, blocks, stream);
    } else {
        Launch<8>::run(p, blocks, stream);
    }
    return cudaGetLastError();
}

template <int kPacks>
struct Forward {
    static void run(const Params &p, unsigned blocks, cudaStream_t stream) { forward<kPacks><<<blocks, kThreads, 0, stream>>>(p); }
};

template <int kPacks>
struct Backward {
    static void run(const Params &p, unsigned blocks, cudaStream_t stream) { backward<kPacks><<<blocks, kThreads, 0, stream>>>(p); }
};

} // namespace

bool supported(const Params &p, const char **why)
{
    const char *reason = nullptr;
    if (p.rows < 0 || p.width < 1) {
        reason = "a size is negative, or rows have no width";
    } else if (p.width % 4 != 0 || p.width > kMostWidth) {
        reason = "the width must be a multiple of 4, up to 1024";
    } else if (p.rows > std::numeric_limits<std::int32_t>::max()) {
        reason = "more than 2^31 - 1 rows";
    }
    if (why) {
        *why = reason;
    }
    return reason == nullptr;
}

std::int64_t scratchRows(std::int64_t rows)
{
    return std::min<std::int64_t>(blocksFor(rows), kMostBlocks);
}

cudaError_t launchForward(const Params &p, cudaStream_t stream)
{
    if (!supported(p)) {
        return cudaErrorInvalidValue;
    }
    return p.rows == 0 ? cudaSuccess : byWidth<Forward>(p, blocksFor(p.rows), stream);
}

cudaError_t launchBackward(const Params &p, cudaStream_t stream)
{
    if (!supported(p)) {
        return cudaErrorInvalidValue;
    }
    const unsigned blocks = static_cast<unsigned>(scratchRows(p.rows));
    const cudaError_t error = p.rows == 0 ? cudaSuccess : byWidth<Backward>(p, blocks, stream);
    if (error != cudaSuccess) {
        return error;
    }
    sumScratch<<<static_cast<unsigned>((p.width + kSumColumns - 1) / kSumColumns), kSumThreads, 0, stream>>>(p, static_cast<int>(blocks));
    return cudaGetLastError();
}

} // namespace dsa::launch::rms_norm
