#pragma once

#include "kernels/launch/index_kl_tiles/blocks.cuh"

namespace dsa::launch::index_kl_tiles {

/// Indexer heads a block works on at once.
template <int kWidth>
constexpr int kHeadGroups = kWidth <= 64 ? 4 : 2;

template <int kWidth>
constexpr int kQueryStageBytes = kScoreTileBytes + kTile * kWidth * 2;

/// gradQ and gradW of 64 queries, a head a group: the gradient in the scores, where the head's product is positive, times the keys.
template <class T, int kWidth>
__global__ void __launch_bounds__(kHeadGroups<kWidth> * kGroupThreads, 1) queryGradient(Params p)
{
    extern __shared__ __align__(256) unsigned char memory[]; // then the pieces of a row are reached by flipping bits of an address
    __shared__ TileSet tiles;
    constexpr int kHalf = kTile / 16;
    const Lane lane;
    const int group = lane.warp / 4, firstOfWarp = lane.warp % 4 * 16;
    const int chunks = (static_cast<int>(p.indexHeads) + kHeadGroups<kWidth> - 1) / kHeadGroups<kWidth>, rest = static_cast<int>(blockIdx.x / chunks);
    const int head = static_cast<int>(blockIdx.x) % chunks * kHeadGroups<kWidth> + group, b = rest % static_cast<int>(p.batch);
    const int queryTile = tilesOf(p.queries) - 1 - rest / static_cast<int>(p.batch), first = queryTile * kTile;
    const int queries = static_cast<int>(p.queries), keys = static_cast<int>(p.keys), width = static_cast<int>(p.indexWidth);
    const std::int64_t padded = tilesOf(p.keys) * static_cast<std::int64_t>(kTile);
    const T *scoreGrads = static_cast<const T *>(p.gradScores) + b * p.queries * padded, *ki = static_cast<const T *>(p.ki) + b * p.kiStrides[0];
    const bool active = head < static_cast<int>(p.indexHeads);
    keyTilesSeen(p, b, queryTile, tiles);

    std::uint32_t q[kWidth / 16][4];
    readOperands<T, kWidth>(q, lane, static_cast<const T *>(p.qi) + b * p.qiStrides[0] + (active ? head : 0) * p.qiStrides[2], static_cast<int>(p.qiStrides[1]), first + firstOfWarp,
                            queries, width);
    const std::uint32_t base = ptx::sharedAddress(memory);
    int tile = tiles.from(0);
    const auto fetch = [&](int next, int stage) {
        if (next >= 0) {
            fetchTogether<T, kTile>(base + stage * kQueryStageBytes<kWidth>, scoreGrads + next * kTile, padded, first, queries, kTile, threadIdx.x, blockDim.x);
            fetchTogether<T, kWidth>(base + stage * kQueryStageBytes<kWidth> + kScoreTileBytes, ki, p.kiStrides[1], next * kTile, keys, width, threadIdx.x, blockDim.x);
        }
        ptx::commitCopies();
    };
    fetch(tile, 0);
    float sums[kWidth / 8][4] = {};
    for (int stage = 0; tile >= 0; stage = 1 - stage) {
        tile = tiles.from(tile + 1);
        ptx::waitForCopies<0>();
        __syncthreads(); // this tile is there, and everyone has left the other stage
        fetch(tile, 1 - stage);
        if (!active) {
            continue;
        }
        const std::uint32_t grads = base + stage * kQueryStageBytes<kWidth>, tileOfKeys = grads + kScoreTileBytes;
#pragma unroll 1
        for (int part = 0; part < 2; ++part) {
            float dots[kHalf][4] = {};
            multiplyRows<T, kWidth>(dots, lane, tileOfKeys, part * kHalf * 8, [&](int step, std::uint32_t(&a)[4]) {
#pragma unroll
                for (int i = 0; i < 4; ++i) {
                    a[i] = q[step][i];
                }
            });
#pragma unroll
            for (int step = 0; step < kHalf / 2; ++step) {
                std::uint32_t a[4];
                ptx::loadMatrices(a, grads + placeOf<kTile>(firstOfWarp + lane.lane % 16, part * kHalf + step * 2 + lane.lane / 16) * 16);
#pragma unroll
                for (int i = 0; i < 4; ++i) {
                    const float(&of)[4] = dots[2 * step + i / 2];
                    a[i] &= positivePair(of[i % 2 * 2], of[i % 2 * 2 + 1]);
                }
                multiplyStep<T, kWidth>(sums, lane, a, tileOfKeys, (part * kHalf + step * 2) * 8);
            }
        }
    }
    if (!active) {
        return;
    }
    const float share = p.mean[1];
#pragma unroll
    for (int half = 0; half < 2; ++half) {
        const int t = first + firstOfWarp + lane.group + half * 8;
        float dot = 0;
#pragma unroll
        for (int n = 0; n < kWidth / 8; ++n) {
            const float2 pair = ptx::unpackPair<T>(q[n / 2][n % 2 * 2 + half]);
            dot = fmaf(pair.x, sums[n][half * 2], fmaf(pair.y, sums[n][half * 2 + 1], dot));
        }
        dot = sumOfRow(dot);
        if (t < queries) {
            const std::int64_t place = (b * p.queries + t) * p.indexHeads + head;
            const float factor = p.weights[place] * share;
            if (lane.pair == 0) {
                p.gradW[place] = dot * share;
            }
#pragma unroll
            for (int n = 0; n < kWidth / 8; ++n) {
                if (n * 8 < width) {
                    *reinterpret_cast<float2 *>(p.gradQ + place * width + n * 8 + 2 * lane.pair) = {sums[n][half * 2] * factor, sums[n][half * 2 + 1] * factor};
                }
            }
        }
    }
}

} // namespace dsa::launch::index_kl_tiles
