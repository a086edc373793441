#include "kernels/launch/experts/experts.h"

#include <cuda_bf16.h>

#include <limits>

namespace dsa::launch::experts {

namespace {

constexpr int kThreads = 256, kPack = 8;

/// 16 bytes of a row.
struct alignas(16) Pack {
    __nv_bfloat162 pairs[kPack / 2];

    __device__ void read(float (&to)[kPack]) const
    {
        for (int i = 0; i < kPack / 2; ++i) {
            const float2 two = __bfloat1622float2(pairs[i]);
            to[2 * i] = two.x;
            to[2 * i + 1] = two.y;
        }
    }
    __device__ void write(const float (&from)[kPack])
    {
        for (int i = 0; i < kPack / 2; ++i) {
            pairs[i] = __floats2bfloat162_rn(from[2 * i], from[2 * i + 1]);
        }
    }
};

__device__ const Pack &packOf(const void *rows, std::int64_t element)
{
    return *reinterpret_cast<const Pack *>(static_cast<const __nv_bfloat16 *>(rows) + element);
}

__device__ Pack &packOf(void *rows, std::int64_t element)
{
    return *reinterpret_cast<Pack *>(static_cast<__nv_bfloat16 *>(rows) + element);
}

__device__ float sigmoid(float x)
{
    return 1 / (1 + __expf(-x));
}

unsigned blocksFor(std::int64_t items)
{
    return static_cast<unsigned>((items + kThreads - 1) / kThreads);
}

__global__ void __launch_bounds__(kThreads) spread(RowsParams p, unsigned packs)
{
    const unsigned i = blockIdx.x * kThreads + threadIdx.x, pair = i / packs, pack = i % packs;
    if (pair < p.tokens * p.chosen) {
        packOf(p.to, p.places[pair] * p.width + pack * kPack) = packOf(p.from, pair / static_cast<unsigned>(p.chosen) * p.width + pack * kPack);
    }
}

__global__ void __launch_bounds__(kThreads) sumUp(RowsParams p, unsigned packs)
{
    const unsigned i = blockIdx.x * kThreads + threadIdx.x, pack = i % packs;
    const std::int64_t token = i / packs;
    if (token >= p.tokens) {
        return;
    }
    float sum[kPack] = {};
    for (int r = 0; r < static_cast<int>(p.chosen); ++r) {
        float value[kPack];
        packOf(p.from, p.places[token * p.chosen + r] * p.width + pack * kPack).read(value);
        for (int j = 0; j < kPack; ++j) {
            sum[j] += value[j];
        }
    }
    packOf(p.to, token * p.width + pack * kPack).write(sum);
}

__global__ void __launch_bounds__(kThreads) gated(GatedParams p, unsigned packs)
{
    const unsigned i = blockIdx.x * kThreads + threadIdx.x, column = i % packs * kPack;
    const std::int64_t row = i / packs;
    if (row >= p.rows) {
        return;
    }
    const int slot = p.slots ? p.slots[row] : 0;
    float out[kPack] = {};
    if (slot >= 0) {
        const float weight = p.slots ? p.weights[slot] : 1;
        float gate[kPack], up[kPack];
        packOf(p.gate, row * p.stride + column).read(gate);
        packOf(p.up, row * p.stride + column).read(up);
        for (int j = 0; j < kPack; ++j) {
            out[j] = weight * gate[j] * sigmoid(gate[j]) * up[j];
        }
    }
    packOf(p.out, row * p.width + column).write(out);
}

/// A warp a row: its products with the gradient sum to that of the weight.
__global__ void __launch_bounds__(kThreads) gatedBackward(GatedParams p)
{
    const std::int64_t row = (blockIdx.x * static_cast<std::int64_t>(kThreads) + threadIdx.x) / 32;
    if (row >= p.rows) {
        return;
    }
    const int slot = p.slots ? p.slots[row] : 0;
    const float weight = p.slots && slot >= 0 ? p.weights[slot] : 1;
    float along = 0;
    for (std::int64_t column = threadIdx.x % 32 * kPack; column < p.width; column += 32 * kPack) {
        float gradGate[kPack] = {}, gradUp[kPack] = {};
        if (slot >= 0) {
            float gate[kPack], up[kPack], grad[kPack];
            packOf(p.gate, row * p.stride + column).read(gate);
            packOf(p.up, row * p.stride + column).read(up);
            packOf(p.gradOut, row * p.width + column).read(grad);
            for (int j = 0; j < kPack; ++j) {
                const float open = sigmoid(gate[j]), active = gate[j] * open, weighted = grad[j] * weight;
                along = fmaf(grad[j], active * up[j], along);
                gradUp[j] = weighted * active;
                gradGate[j] = weighted * up[j] * open * (1 + gate[j] * (1 - open));
            }
        }
        packOf(p.gradGate, row * p.gradStride + column).write(gradGate);
        packOf(p.gradUp, row * p.gradStride + column).write(gradUp);
    }
    if (p.slots && slot >= 0) {
        for (int step = 16; step > 0; step /= 2) {
            along += __shfl_xor_sync(~0u, along, step);
        }
        if (threadIdx.x % 32 == 0) {
            p.gradWeights[slot] = along;
        }
    }
}

bool wholePacks(std::int64_t rows, std::int64_t width)
{
    constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();
    return rows >= 0 && width > 0 && width % kPack == 0 && rows <= kMost / 32 && rows <= kMost / (width / kPack);
}

} // namespace

cudaError_t launchSpread(const RowsParams &p, cudaStream_t stream)
{
    if (!wholePacks(p.tokens * p.chosen, p.width)) {
        return cudaErrorInvalidValue;
    }
    if (const std::int64_t items = p.tokens * p.chosen * p.width / kPack; items > 0) {
        spread<<<blocksFor(items), kThreads, 0, stream>>>(p, static_cast<unsigned>(p.width / kPack));
    }
    return cudaGetLastError();
}

cudaError_t launchSum(const RowsParams &p, cudaStream_t stream)
{
    if (!wholePacks(p.tokens * p.chosen, p.width)) {
        return cudaErrorInvalidValue;
    }
    if (const std::int64_t items = p.tokens * p.width / kPack; items > 0) {
        sumUp<<<blocksFor(items), kThreads, 0, stream>>>(p, static_cast<unsigned>(p.width / kPack));
    }
    return cudaGetLastError();
}

cudaError_t launchGated(const GatedParams &p, cudaStream_t stream)
{
    if (!wholePacks(p.rows, p.width)) {
        return cudaErrorInvalidValue;
    }
    if (const std::int64_t items = p.rows * p.width / kPack; items > 0) {
        gated<<<blocksFor(items), kThreads, 0, stream>>>(p, static_cast<unsigned>(p.width / kPack));
    }
    return cudaGetLastError();
}

cudaError_t launchGatedBackward(const GatedParams &p, cudaStream_t stream)
{
    if (!wholePacks(p.rows, p.width)) {
        return cudaErrorInvalidValue;
    }
    if (p.rows > 0) {
        gatedBackward<<<blocksFor(p.rows * 32), kThreads, 0, stream>>>(p);
    }
    return cudaGetLastError();
}

} // namespace dsa::launch::experts
