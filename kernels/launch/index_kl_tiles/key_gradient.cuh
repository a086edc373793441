#pragma once

#include "kernels/launch/index_kl_tiles/query_gradient.cuh"

namespace dsa::launch::index_kl_tiles {

template <int kWidth>
struct KeyMemory {
    static constexpr int kQueryBytes = kTile * kWidth * 2, kWeightBytes = kTile * static_cast<int>(sizeof(float));
    static constexpr int kWeights = kScoreTileBytes + kHeadGroups<kWidth> * kQueryBytes;
    static constexpr int kStageBytes = kWeights + kHeadGroups<kWidth> * kWeightBytes;
    static constexpr std::size_t kBytes = 2 * kStageBytes;
    static_assert(kHeadGroups<kWidth> * kTile * kWidth * sizeof(float) <= kBytes, "the groups' sums lie where the tiles lay");
};

/// gradK of 64 keys: a head a group at a time over the queries, with keys as rows; the groups' sums meet at the end, in order.
template <class T, int kWidth>
__global__ void __launch_bounds__(kHeadGroups<kWidth> * kGroupThreads, 1) keyGradient(Params p)
{
    using Memory = KeyMemory<kWidth>;
    extern __shared__ __align__(256) unsigned char memory[]; // then the pieces of a row are reached by flipping bits of an address
    __shared__ TileSet tiles;
    constexpr int kHalf = kTile / 16, kHeads = kHeadGroups<kWidth>;
    const Lane lane;
    const int group = lane.warp / 4, firstOfWarp = lane.warp % 4 * 16, thread = threadIdx.x % kGroupThreads;
    const int keyTile = static_cast<int>(blockIdx.x / p.batch), b = static_cast<int>(blockIdx.x % p.batch), first = keyTile * kTile;
    const int queries = static_cast<int>(p.queries), keys = static_cast<int>(p.keys), width = static_cast<int>(p.indexWidth), heads = static_cast<int>(p.indexHeads);
    const std::int64_t padded = tilesOf(p.keys) * static_cast<std::int64_t>(kTile);
    const T *scoreGrads = static_cast<const T *>(p.gradScores) + b * p.queries * padded + first, *qi = static_cast<const T *>(p.qi) + b * p.qiStrides[0];
    queryTilesSeeing(p, b, keyTile, tiles);

    std::uint32_t k[kWidth / 16][4];
    readOperands<T, kWidth>(k, lane, static_cast<const T *>(p.ki) + b * p.kiStrides[0], static_cast<int>(p.kiStrides[1]), first + firstOfWarp, keys, width);
    const std::uint32_t base = ptx::sharedAddress(memory);
    const auto fetch = [&](int tile, int head, int stage) {
        if (tile >= 0) {
            const std::uint32_t to = base + stage * Memory::kStageBytes;
            fetchTogether<T, kTile>(to, scoreGrads, padded, tile * kTile, queries, kTile, threadIdx.x, blockDim.x);
            if (head < heads) {
                fetchRows<T, kWidth>(to + kScoreTileBytes + group * Memory::kQueryBytes, qi + head * p.qiStrides[2], static_cast<int>(p.qiStrides[1]), tile * kTile, queries, width, thread);
                if (thread < kTile) {
                    const int t = tile * kTile + thread;
                    ptx::copyAsync4(to + Memory::kWeights + group * Memory::kWeightBytes + thread * 4, p.weights + (t < queries ? (b * p.queries + t) * heads + head : 0), t < queries);
                }
            }
        }
        ptx::commitCopies();
    };
    int tile = heads > 0 ? tiles.from(0) : -1, head = group;
    fetch(tile, head, 0);
    float sums[kWidth / 8][4] = {};
    for (int stage = 0; tile >= 0; stage = 1 - stage) {
        const bool active = head < heads;
        head += kHeads;
        if (head - group >= heads) { // the same for all groups
            head = group;
            tile = tiles.from(tile + 1);
        }
        ptx::waitForCopies<0>();
        __syncthreads(); // this tile is there, and everyone has left the other stage
        fetch(tile, head, 1 - stage);
        if (!active) {
            continue;
        }
        const std::uint32_t grads = base + stage * Memory::kStageBytes, tileOfQueries = grads + kScoreTileBytes + group * Memory::kQueryBytes;
        const float *weights = reinterpret_cast<const float *>(memory + stage * Memory::kStageBytes + Memory::kWeights + group * Memory::kWeightBytes) + 2 * lane.pair;
#pragma unroll 1
        for (int part = 0; part < 2; ++part) {
            float dots[kHalf][4] = {};
            multiplyRows<T, kWidth>(dots, lane, tileOfQueries, part * kHalf * 8, [&](int step, std::uint32_t(&a)[4]) {
#pragma unroll
                for (int i = 0; i < 4; ++i) {
                    a[i] = k[step][i];
                }
            });
#pragma unroll
            for (int step = 0; step < kHalf / 2; ++step) {
                const int firstQuery = (part * kHalf + step * 2) * 8;
                std::uint32_t a[4];
                // Queries are the rows in memory, keys those of the operand.
                ptx::loadMatricesTransposed(a, grads + placeOf<kTile>(firstQuery + lane.lane / 16 * 8 + lane.lane % 8, firstOfWarp / 8 + lane.lane / 8 % 2) * 16);
#pragma unroll
                for (int i = 0; i < 4; ++i) {
                    const float2 weight = *reinterpret_cast<const float2 *>(weights + firstQuery + i / 2 * 8), grad = ptx::unpackPair<T>(a[i]);
                    const float(&of)[4] = dots[2 * step + i / 2];
                    a[i] = ptx::packPair<T>(grad.x * weight.x, grad.y * weight.y) & positivePair(of[i % 2 * 2], of[i % 2 * 2 + 1]);
                }
                multiplyStep<T, kWidth>(sums, lane, a, tileOfQueries, firstQuery);
            }
        }
    }

    __syncthreads(); // the tiles are done with
    float *all = reinterpret_cast<float *>(memory);
#pragma unroll
    for (int n = 0; n < kWidth / 8; ++n) {
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            *reinterpret_cast<float2 *>(all + (group * kTile + firstOfWarp + lane.group + half * 8) * kWidth + n * 8 + 2 * lane.pair) = {sums[n][half * 2], sums[n][half * 2 + 1]};
        }
    }
    __syncthreads();
    const float share = p.mean[1];
    for (int i = threadIdx.x; i < kTile * width; i += blockDim.x) {
        const int row = i / width, column = i % width;
        float sum = 0;
#pragma unroll
        for (int g = 0; g < kHeads; ++g) {
            sum += all[(g * kTile + row) * kWidth + column];
        }
        if (first + row < keys) {
            p.gradK[(b * p.keys + first + row) * width + column] = sum * share;
        }
    }
}

} // namespace dsa::launch::index_kl_tiles
