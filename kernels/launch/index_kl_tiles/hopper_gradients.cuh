#pragma once

#include "kernels/launch/index_kl_tiles/blocks.cuh"
#include "kernels/launch/index_kl_tiles/hopper.h"
#include "kernels/launch/index_kl_tiles/tile_product.cuh"

namespace dsa::launch::index_kl_tiles {

/// Indexer heads a block works on at once, a warpgroup each.
constexpr int kGradientHeads = 4, kHopperGradientThreads = kGradientHeads * kGroupThreads;

/// Stages of tiles, of which `ahead` are under way; the others are those that a warpgroup may be behind the first. While one has its products the
/// other masks: in step they would all wait for the same.
struct GradientStages {
    int count, ahead;
};
constexpr GradientStages kQueryGradientStages = {8, 4}, kKeyGradientStages = {5, 3};
constexpr int kQueryGradientStageBytes = 2 * hopper::kTileBytes, kWeightBytes = kGradientHeads * kTile * static_cast<int>(sizeof(float));
constexpr int kKeyGradientStageBytes = (1 + kGradientHeads) * hopper::kTileBytes;
constexpr std::size_t kHopperQueryGradientBytes = 1024 + kGradientHeads * hopper::kTileBytes + kQueryGradientStages.count * kQueryGradientStageBytes;
constexpr std::size_t kHopperKeyGradientBytes = 1024 + hopper::kTileBytes + kKeyGradientStages.count * (kKeyGradientStageBytes + kWeightBytes);

template <int kStages>
struct GradientShared {
    std::uint64_t full[kStages], empty[kStages], held;

    __device__ void init(int writers)
    {
        if (threadIdx.x == 0) {
            for (int i = 0; i < kStages; ++i) {
                hopper::initBarrier(ptx::sharedAddress(full + i), writers);
                hopper::initBarrier(ptx::sharedAddress(empty + i), kHopperGradientThreads / 32);
            }
            hopper::initBarrier(ptx::sharedAddress(&held), 1);
            hopper::publishBarriers();
        }
        __syncthreads();
    }
};

/// A stage and its phase, going round.
template <int kStages>
struct StageTurn {
    int stage = 0;
    std::uint32_t parity = 0;

    __device__ void advance()
    {
        if (++stage == kStages) {
            stage = 0;
            parity ^= 1;
        }
    }
};

/// sums += operand times a tile, 16 rows of it a step; waited for.
__device__ __forceinline__ void addProduct(float (&sums)[32], const std::uint32_t (&operand)[4][4], std::uint64_t tile)
{
    hopper::fenceProducts();
#pragma unroll
    for (int step = 0; step < 4; ++step) {
        hopper::multiplyAcross<__nv_bfloat16>(sums, operand[step], tile + step * 128);
    }
    hopper::commitProducts();
    hopper::waitForProducts<0>();
    hopper::hold(sums);
}

/// gradQ and gradW of 64 queries, a head a warpgroup: the gradient in the scores, where the head's product is positive, times the keys.
__global__ void __launch_bounds__(kHopperGradientThreads, 1) hopperQueryGradient(const __grid_constant__ HopperParams params)
{
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
    extern __shared__ unsigned char memory[];
    __shared__ TileSet tiles;
    constexpr int kStages = kQueryGradientStages.count;
    __shared__ GradientShared<kStages> shared;
    const Params &p = params.p;
    const Lane lane;
    const int group = __shfl_sync(~0u, static_cast<int>(threadIdx.x) / kGroupThreads, 0), firstOfWarp = lane.warp % 4 * 16;
    const int indexHeads = static_cast<int>(p.indexHeads), chunks = (indexHeads + kGradientHeads - 1) / kGradientHeads, rest = static_cast<int>(blockIdx.x) / chunks;
    const int firstHead = static_cast<int>(blockIdx.x) % chunks * kGradientHeads, head = firstHead + group, b = rest % static_cast<int>(p.batch);
    const int queryTile = tilesOf(p.queries) - 1 - rest / static_cast<int>(p.batch), first = queryTile * kTile, queries = static_cast<int>(p.queries);
    const bool active = head < indexHeads;
    const std::uint32_t base = hopper::alignedTiles(memory), ring = base + kGradientHeads * hopper::kTileBytes;
    shared.init(1);
    if (threadIdx.x == 0) {
        const int count = min(kGradientHeads, indexHeads - firstHead);
        const std::uint32_t barrier = ptx::sharedAddress(&shared.held);
        hopper::arriveExpecting(barrier, count * hopper::kTileBytes);
        for (int i = 0; i < count; ++i) {
            hopper::copyTile(base + i * hopper::kTileBytes, params.qi, barrier, 0, first, firstHead + i, b);
        }
    }
    keyTilesSeen(p, b, queryTile, tiles);

    StageTurn<kStages> copied, used;
    int ahead = tiles.from(0);
    const auto copyNext = [&] { // by the first thread
        if (ahead < 0) {
            return;
        }
        const std::uint32_t barrier = ptx::sharedAddress(shared.full + copied.stage), to = ring + copied.stage * kQueryGradientStageBytes;
        hopper::waitFor(ptx::sharedAddress(shared.empty + copied.stage), copied.parity ^ 1);
        hopper::arriveExpecting(barrier, kQueryGradientStageBytes);
        hopper::copyTile(to, params.gradScores, barrier, ahead * kTile, first, 0, b);
        hopper::copyTile(to + hopper::kTileBytes, params.ki, barrier, 0, ahead * kTile, 0, b);
        copied.advance();
        ahead = tiles.from(ahead + 1);
    };
    if (threadIdx.x == 0) {
        for (int i = 0; i < kQueryGradientStages.ahead; ++i) {
            copyNext();
        }
    }

    const std::uint32_t own = base + group * hopper::kTileBytes;
    float sums[32] = {};
    hopper::waitFor(ptx::sharedAddress(&shared.held), 0);
    std::uint32_t q[4][4];
#pragma unroll
    for (int step = 0; step < 4; ++step) {
        ptx::loadMatrices(q[step], own + placeOf<kTile>(firstOfWarp + lane.lane % 16, step * 2 + lane.lane / 16) * 16);
    }
    for (int tile = tiles.from(0); tile >= 0; tile = tiles.from(tile + 1)) {
        if (threadIdx.x == 0) {
            copyNext();
        }
        const std::uint32_t grads = ring + used.stage * kQueryGradientStageBytes;
        const std::uint64_t keys = hopper::descriptorOf(grads + hopper::kTileBytes);
        hopper::waitFor(ptx::sharedAddress(shared.full + used.stage), used.parity);
        if (active) { // the same for a whole warpgroup
            float dots[32];
            std::uint32_t operand[4][4];
            hopper::fenceProducts();
#pragma unroll
            for (int step = 0; step < 4; ++step) {
                hopper::multiplyRows<__nv_bfloat16>(dots, q[step], keys + step * 2, step > 0);
            }
            hopper::commitProducts();
            hopper::waitForProducts<0>();
            hopper::hold(dots);
#pragma unroll
            for (int step = 0; step < 4; ++step) {
                ptx::loadMatrices(operand[step], grads + placeOf<kTile>(firstOfWarp + lane.lane % 16, step * 2 + lane.lane / 16) * 16);
#pragma unroll
                for (int i = 0; i < 4; ++i) {
                    const float *of = dots + 4 * (2 * step + i / 2) + i % 2 * 2;
                    operand[step][i] &= positivePair(of[0], of[1]);
                }
            }
            addProduct(sums, operand, keys);
        }
        hopper::arriveAsWarp(ptx::sharedAddress(shared.empty + used.stage));
        used.advance();
    }
    if (!active) {
        return;
    }
    const float share = p.mean[1];
    float dot[2] = {};
#pragma unroll
    for (int step = 0; step < 4; ++step) {
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            const float2 pair = ptx::unpackPair<__nv_bfloat16>(q[step][i]);
            const float *of = sums + 4 * (2 * step + i / 2) + i % 2 * 2;
            dot[i % 2] = fmaf(pair.x, of[0], fmaf(pair.y, of[1], dot[i % 2]));
        }
    }
#pragma unroll
    for (int half = 0; half < 2; ++half) {
        const int t = first + firstOfWarp + lane.group + half * 8;
        const float all = sumOfRow(dot[half]);
        if (t < queries) {
            const std::int64_t place = (b * p.queries + t) * p.indexHeads + head;
            const float factor = p.weights[place] * share;
            if (lane.pair == 0) {
                p.gradW[place] = all * share;
            }
#pragma unroll
            for (int n = 0; n < 8; ++n) {
                if (n * 8 < static_cast<int>(p.indexWidth)) {
                    *reinterpret_cast<float2 *>(p.gradQ + place * p.indexWidth + n * 8 + 2 * lane.pair) = {sums[n * 4 + half * 2] * factor, sums[n * 4 + half * 2 + 1] * factor};
                }
            }
        }
    }
#endif
}

/// gradK of 64 keys: a head a warpgroup over the queries, with keys as rows; the warpgroups' sums meet at the end, in order.
__global__ void __launch_bounds__(kHopperGradientThreads, 1) hopperKeyGradient(const __grid_constant__ HopperParams params)
{
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
    extern __shared__ unsigned char memory[];
    __shared__ TileSet tiles;
    constexpr int kStages = kKeyGradientStages.count;
    __shared__ GradientShared<kStages> shared;
    const Params &p = params.p;
    const Lane lane;
    const int group = __shfl_sync(~0u, static_cast<int>(threadIdx.x) / kGroupThreads, 0), firstOfWarp = lane.warp % 4 * 16;
    const int keyTile = static_cast<int>(blockIdx.x / p.batch), b = static_cast<int>(blockIdx.x % p.batch), first = keyTile * kTile;
    const int queries = static_cast<int>(p.queries), keys = static_cast<int>(p.keys), indexHeads = static_cast<int>(p.indexHeads);
    const std::uint32_t own = hopper::alignedTiles(memory), ring = own + hopper::kTileBytes, weights = ring + kStages * kKeyGradientStageBytes;
    unsigned char *const tilesInMemory = memory + (own - ptx::sharedAddress(memory));
    const float *const weightsInMemory = reinterpret_cast<const float *>(tilesInMemory + (weights - own));
    shared.init(kHopperGradientThreads + 1);
    if (threadIdx.x == 0) {
        const std::uint32_t barrier = ptx::sharedAddress(&shared.held);
        hopper::arriveExpecting(barrier, hopper::kTileBytes);
        hopper::copyTile(own, params.ki, barrier, 0, first, 0, b);
    }
    queryTilesSeeing(p, b, keyTile, tiles);

    StageTurn<kStages> copied, used;
    int ahead = indexHeads > 0 ? tiles.from(0) : -1, aheadHead = 0;
    const auto copyNext = [&] { // by all threads: a number each of the weights
        if (ahead < 0) {
            return;
        }
        const std::uint32_t barrier = ptx::sharedAddress(shared.full + copied.stage), to = ring + copied.stage * kKeyGradientStageBytes;
        hopper::waitFor(ptx::sharedAddress(shared.empty + copied.stage), copied.parity ^ 1);
        if (threadIdx.x == 0) {
            const int count = min(kGradientHeads, indexHeads - aheadHead);
            hopper::arriveExpecting(barrier, (1 + count) * hopper::kTileBytes);
            hopper::copyTile(to, params.gradScores, barrier, first, ahead * kTile, 0, b);
            for (int i = 0; i < count; ++i) {
                hopper::copyTile(to + (1 + i) * hopper::kTileBytes, params.qi, barrier, 0, ahead * kTile, aheadHead + i, b);
            }
        }
        if (threadIdx.x < kGradientHeads * kTile) {
            const int t = ahead * kTile + static_cast<int>(threadIdx.x) / kGradientHeads, of = static_cast<int>(threadIdx.x) % kGradientHeads;
            const bool valid = t < queries && aheadHead + of < indexHeads;
            ptx::copyAsync4(weights + copied.stage * kWeightBytes + (of * kTile + static_cast<int>(threadIdx.x) / kGradientHeads) * 4,
                            valid ? p.weights + (b * p.queries + t) * p.indexHeads + aheadHead + of : p.weights, valid);
        }
        hopper::arriveAfterCopies(barrier);
        copied.advance();
        aheadHead += kGradientHeads;
        if (aheadHead >= indexHeads) {
            aheadHead = 0;
            ahead = tiles.from(ahead + 1);
        }
    };
    for (int i = 0; i < kKeyGradientStages.ahead; ++i) {
        copyNext();
    }

    const std::uint64_t mine = hopper::descriptorOf(own);
    float sums[32] = {};
    hopper::waitFor(ptx::sharedAddress(&shared.held), 0);
    for (int tile = indexHeads > 0 ? tiles.from(0) : -1; tile >= 0; tile = tiles.from(tile + 1)) {
        for (int firstHead = 0; firstHead < indexHeads; firstHead += kGradientHeads) {
            copyNext(); // into the stage that was left some turns ago
            const std::uint32_t grads = ring + used.stage * kKeyGradientStageBytes;
            hopper::waitFor(ptx::sharedAddress(shared.full + used.stage), used.parity);
            if (firstHead + group < indexHeads) { // the same for a whole warpgroup
                const std::uint64_t ofQueries = hopper::descriptorOf(grads + (1 + group) * hopper::kTileBytes);
                const float *ofWeights = weightsInMemory + (used.stage * kGradientHeads + group) * kTile + 2 * lane.pair;
                float dots[32];
                std::uint32_t operand[4][4];
                tileProduct(dots, mine, ofQueries);
#pragma unroll
                for (int step = 0; step < 4; ++step) {
                    // Queries are the rows in memory, keys those of the operand.
                    ptx::loadMatricesTransposed(operand[step], grads + placeOf<kTile>(step * 16 + lane.lane / 16 * 8 + lane.lane % 8, firstOfWarp / 8 + lane.lane / 8 % 2) * 16);
#pragma unroll
                    for (int i = 0; i < 4; ++i) {
                        const float2 weight = *reinterpret_cast<const float2 *>(ofWeights + step * 16 + i / 2 * 8), grad = ptx::unpackPair<__nv_bfloat16>(operand[step][i]);
                        const float *of = dots + 4 * (2 * step + i / 2) + i % 2 * 2;
                        operand[step][i] = ptx::packPair<__nv_bfloat16>(grad.x * weight.x, grad.y * weight.y) & positivePair(of[0], of[1]);
                    }
                }
                addProduct(sums, operand, ofQueries);
            }
            hopper::arriveAsWarp(ptx::sharedAddress(shared.empty + used.stage));
            used.advance();
        }
    }

    __syncthreads(); // the tiles are done with
    static_assert(kGradientHeads * kTile * kTile * sizeof(float) <= kStages * kKeyGradientStageBytes, "the warpgroups' sums lie where the tiles lay");
    float *all = reinterpret_cast<float *>(tilesInMemory + hopper::kTileBytes);
#pragma unroll
    for (int n = 0; n < 8; ++n) {
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            *reinterpret_cast<float2 *>(all + (group * kTile + firstOfWarp + lane.group + half * 8) * kTile + n * 8 + 2 * lane.pair) = {sums[n * 4 + half * 2],
                                                                                                                                       sums[n * 4 + half * 2 + 1]};
        }
    }
    __syncthreads();
    const float share = p.mean[1];
    const int width = static_cast<int>(p.indexWidth);
    for (int i = threadIdx.x; i < kTile * width; i += kHopperGradientThreads) {
        const int row = i / width, column = i % width;
        float sum = 0;
#pragma unroll
        for (int g = 0; g < kGradientHeads; ++g) {
            sum += all[(g * kTile + row) * kTile + column];
        }
        if (first + row < keys) {
            p.gradK[(b * p.keys + first + row) * width + column] = sum * share;
        }
    }
#endif
}

} // namespace dsa::launch::index_kl_tiles
