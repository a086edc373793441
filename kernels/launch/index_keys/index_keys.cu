#include "kernels/launch/index_keys/index_keys.h"

#include <cuda_bf16.h>

#include <algorithm>
#include <limits>

namespace dsa::launch::index_keys {

namespace {

constexpr int kThreads = 256, kWarps = kThreads / 32, kMostWidth = 256, kMostBlocks = 512;
constexpr int kSumColumns = 32, kSumThreads = 1024;

__device__ float acrossWarp(float value)
{
    for (int step = 16; step > 0; step /= 2) {
        value += __shfl_xor_sync(~0u, value, step);
    }
    return value;
}

/// The pair of a rotated element, and whether it is the second of it.
struct Partner {
    int pair, other;
    bool second;

    __device__ Partner(const Params &p, int column)
    {
        const int pairs = static_cast<int>(p.pairs);
        if (p.interleaved) {
            pair = column / 2;
            other = column ^ 1;
            second = column & 1;
        } else {
            second = column >= pairs;
            pair = second ? column - pairs : column;
            other = second ? pair : column + pairs;
        }
    }
};

/// Rows are fewer than 2^31, and a division of 64 bits costs a short row as much as its sums.
__device__ std::int64_t positionOf(const Params &p, std::int64_t row)
{
    return static_cast<unsigned>(row) % static_cast<unsigned>(p.positions < p.rows ? p.positions : p.rows);
}

/// Element `column` of a row after its rotation by the angles of `position`, or back.
__device__ float turned(const Params &p, const float *row, int column, std::int64_t position, float sign)
{
    if (column >= 2 * p.pairs) {
        return row[column];
    }
    const Partner partner(p, column);
    const float c = p.cos[position * p.pairs + partner.pair], s = sign * p.sin[position * p.pairs + partner.pair];
    return partner.second ? row[column] * c + row[partner.other] * s : row[column] * c - row[partner.other] * s;
}

/// A row without its mean, and one over its deviation; a lane holds every 32nd column.
template <int kColumns>
struct Unit {
    float x[kColumns], inverse;

    __device__ Unit(const Params &p, std::int64_t row, int lane)
    {
        const int width = static_cast<int>(p.width);
        const auto *from = static_cast<const __nv_bfloat16 *>(p.x) + row * width;
        float sum = 0, squares = 0;
#pragma unroll
        for (int i = 0; i < kColumns; ++i) {
            x[i] = lane + i * 32 < width ? __bfloat162float(from[lane + i * 32]) : 0.0f;
            sum += x[i];
        }
        const float mean = acrossWarp(sum) / width;
#pragma unroll
        for (int i = 0; i < kColumns; ++i) {
            x[i] = lane + i * 32 < width ? x[i] - mean : 0.0f;
            squares += x[i] * x[i];
        }
        inverse = rsqrtf(acrossWarp(squares) / width + p.epsilon);
    }
};

/// A warp a row of at most 32 kColumns elements.
template <int kColumns>
__global__ void __launch_bounds__(kThreads) forward(Params p)
{
    __shared__ float rows[kWarps][kColumns * 32];
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, width = static_cast<int>(p.width);
    const std::int64_t row = blockIdx.x * static_cast<std::int64_t>(kWarps) + warp;
    if (row >= p.rows) {
        return;
    }
    const Unit<kColumns> unit(p, row, lane);
#pragma unroll
    for (int i = 0; i < kColumns; ++i) {
        const int column = lane + i * 32;
        if (column < width) {
            rows[warp][column] = unit.x[i] * unit.inverse * p.weight[column] + p.bias[column];
        }
    }
    __syncwarp();
    auto *to = static_cast<__nv_bfloat16 *>(p.out) + row * width;
    const std::int64_t position = positionOf(p, row);
#pragma unroll
    for (int i = 0; i < kColumns; ++i) {
        const int column = lane + i * 32;
        if (column < width) {
            to[column] = __float2bfloat16(turned(p, rows[warp], column, position, 1));
        }
    }
}

/// The rows of a block in turn, so that each lane adds up the gradients of weight and bias in its columns; then the warps in order.
template <int kColumns>
__global__ void __launch_bounds__(kThreads) backward(Params p)
{
    __shared__ float rows[kWarps][kColumns * 32];
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, width = static_cast<int>(p.width);
    float ofWeight[kColumns] = {}, ofBias[kColumns] = {};
    for (std::int64_t row = blockIdx.x * static_cast<std::int64_t>(kWarps) + warp; row < p.rows; row += static_cast<std::int64_t>(gridDim.x) * kWarps) {
        const auto *from = static_cast<const __nv_bfloat16 *>(p.grad) + row * width;
        __syncwarp();
#pragma unroll
        for (int i = 0; i < kColumns; ++i) {
            const int column = lane + i * 32;
            if (column < width) {
                rows[warp][column] = __bfloat162float(from[column]);
            }
        }
        __syncwarp();
        const Unit<kColumns> unit(p, row, lane);
        const std::int64_t position = positionOf(p, row);
        float grad[kColumns], sum = 0, along = 0;
#pragma unroll
        for (int i = 0; i < kColumns; ++i) {
            const int column = lane + i * 32;
            grad[i] = column < width ? turned(p, rows[warp], column, position, -1) : 0.0f;
            ofBias[i] += grad[i];
            ofWeight[i] += grad[i] * unit.x[i] * unit.inverse;
            grad[i] *= column < width ? p.weight[column] : 0.0f;
            sum += grad[i];
            along += grad[i] * unit.x[i] * unit.inverse;
        }
        const float mean = acrossWarp(sum) / width, slope = acrossWarp(along) / width;
        auto *to = static_cast<__nv_bfloat16 *>(p.gradX) + row * width;
#pragma unroll
        for (int i = 0; i < kColumns; ++i) {
            const int column = lane + i * 32;
            if (column < width) {
                to[column] = __float2bfloat16((grad[i] - mean - unit.x[i] * unit.inverse * slope) * unit.inverse);
            }
        }
    }
    const auto sumWarps = [&](const float(&values)[kColumns], int part) {
        __syncthreads();
#pragma unroll
        for (int i = 0; i < kColumns; ++i) {
            rows[warp][lane + i * 32] = values[i];
        }
        __syncthreads();
        for (int column = threadIdx.x; column < width; column += kThreads) {
            float sum = rows[0][column];
            for (int w = 1; w < kWarps; ++w) {
                sum += rows[w][column];
            }
            p.scratch[(blockIdx.x * 2 + part) * static_cast<std::int64_t>(width) + column] = sum;
        }
    };
    sumWarps(ofWeight, 0);
    sumWarps(ofBias, 1);
}

/// 32 columns a block, weight's and then bias's: a thread adds every 32nd row of the scratch, then the threads of a column in order.
__global__ void __launch_bounds__(kSumThreads) sumScratch(Params p, int blocks)
{
    __shared__ float sums[kSumThreads / kSumColumns][kSumColumns + 1];
    const int column = blockIdx.x * kSumColumns + threadIdx.x % kSumColumns, part = threadIdx.x / kSumColumns, width = static_cast<int>(p.width);
    float sum = 0;
    if (column < 2 * width) {
        for (int row = part; row < blocks; row += kSumThreads / kSumColumns) {
            sum += p.scratch[row * 2 * width + column];
        }
    }
    sums[part][threadIdx.x % kSumColumns] = sum;
    __syncthreads();
    if (part == 0 && column < 2 * width) {
        for (int i = 1; i < kSumThreads / kSumColumns; ++i) {
            sum += sums[i][threadIdx.x];
        }
        (column < width ? p.gradWeight[column] : p.gradBias[column - width]) = sum;
    }
}

struct Kernels {
    void (*forward)(Params);
    void (*backward)(Params);
};

Kernels kernelsFor(std::int64_t width)
{
    return width <= 64 ? Kernels{forward<2>, backward<2>} : width <= 128 ? Kernels{forward<4>, backward<4>} : Kernels{forward<8>, backward<8>};
}

unsigned blocksFor(std::int64_t rows)
{
    return static_cast<unsigned>((rows + kWarps - 1) / kWarps);
}

} // namespace

bool supported(const Params &p, const char **why)
{
    const char *reason = nullptr;
    if (p.rows < 0 || p.width < 1 || p.positions < 1 || p.pairs < 0 || p.width < 2 * p.pairs) {
        reason = "a size is negative, or the width holds fewer than two elements a pair";
    } else if (p.width > kMostWidth) {
        reason = "keys wider than 256";
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
    if (p.rows > 0) {
        kernelsFor(p.width).forward<<<blocksFor(p.rows), kThreads, 0, stream>>>(p);
    }
    return cudaGetLastError();
}

cudaError_t launchBackward(const Params &p, cudaStream_t stream)
{
    if (!supported(p)) {
        return cudaErrorInvalidValue;
    }
    const unsigned blocks = static_cast<unsigned>(scratchRows(p.rows));
    if (blocks > 0) {
        kernelsFor(p.width).backward<<<blocks, kThreads, 0, stream>>>(p);
    }
    sumScratch<<<static_cast<unsigned>((2 * p.width + kSumColumns - 1) / kSumColumns), kSumThreads, 0, stream>>>(p, static_cast<int>(blocks));
    return cudaGetLastError();
}

} // namespace dsa::launch::index_keys
