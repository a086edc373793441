#pragma once

#include "kernels/launch/masked_attention/masked_attention.h"
#include "kernels/launch/tile_products.cuh"

/// What the three kernels share. A block owns 64 rows (queries or keys), each of its four warps 16 of them, and walks over the
/// tiles of 64 columns that some row sees. The comments call them rows and columns, whichever is a query.
namespace dsa::launch::masked_attention {

constexpr int kThreads = 128;

/// Within int: an offset beyond any row hides all or nothing.
__device__ __forceinline__ int clampedOffset(const Params &p)
{
    constexpr long long kFar = kMostTiles * kTile;
    return static_cast<int>(max(-kFar, min(kFar, static_cast<long long>(p.offset))));
}

/// Which of the 64 keys of a tile query t sees.
__device__ __forceinline__ std::uint64_t keysSeen(const Params &p, int b, int t, int tile)
{
    if (t >= static_cast<int>(p.queries)) {
        return 0;
    }
    if (p.bits) {
        return static_cast<std::uint64_t>(__ldg(p.bits + (b * p.queries + t) * tilesOf(p.keys) + tile));
    }
    return ~bitsFrom(min(t + clampedOffset(p) + 1, static_cast<int>(p.keys)) - tile * kTile);
}

/// Which of the 64 queries of a tile see key s.
__device__ __forceinline__ std::uint64_t queriesSeeing(const Params &p, int b, int s, int tile)
{
    if (s >= static_cast<int>(p.keys)) {
        return 0;
    }
    if (p.bits) {
        return static_cast<std::uint64_t>(__ldg(p.bitsT + (static_cast<long long>(b) * tilesOf(p.queries) + tile) * p.keys + s));
    }
    return bitsFrom(s - clampedOffset(p) - tile * kTile) & ~bitsFrom(static_cast<int>(p.queries) - tile * kTile);
}

/// Whether element i of column group n < 4 of a lane's accumulator is seen; half words of rows group and group + 8, moved by 2 pair.
__device__ __forceinline__ bool seen(const std::uint32_t (&halves)[2], int n, int i)
{
    return halves[i / 2] >> (n * 8 + i % 2) & 1u;
}

/// Rows group and group + 8 of the accumulator times `factors`, in the inputs' type.
template <class T, int kWidth>
__device__ __forceinline__ void writeRows(T *rows, int stride, const Lane &lane, int first, int count, int width, const float (&values)[kWidth / 8][4],
                                          float upper, float lower)
{
#pragma unroll
    for (int half = 0; half < 2; ++half) {
        const int row = first + lane.group + half * 8;
        const float factor = half ? lower : upper;
        if (row < count) {
            T *to = rows + static_cast<long long>(row) * stride + 2 * lane.pair;
#pragma unroll
            for (int n = 0; n < kWidth / 8; ++n) {
                if (n * 8 < width) {
                    *reinterpret_cast<std::uint32_t *>(to + n * 8) = ptx::packPair<T>(values[n][half * 2] * factor, values[n][half * 2 + 1] * factor);
                }
            }
        }
    }
}

/// What a block of queries works on: the latest first, they have the most keys.
struct QueryBlock {
    int b, h, keyHead, first;

    __device__ explicit QueryBlock(const Params &p)
    {
        const int heads = static_cast<int>(p.heads), all = static_cast<int>(p.batch) * heads, rest = static_cast<int>(blockIdx.x) % all;
        first = (tilesOf(p.queries) - 1 - static_cast<int>(blockIdx.x) / all) * kTile;
        b = rest / heads;
        h = rest % heads;
        keyHead = h / (heads / static_cast<int>(p.keyHeads));
    }
    /// Head `head` of all batch entries' and 64 queries from `first` on.
    __device__ QueryBlock(const Params &p, int head, int first)
        : b(head / static_cast<int>(p.heads))
        , h(head % static_cast<int>(p.heads))
        , keyHead(h / static_cast<int>(p.heads / p.keyHeads))
        , first(first)
    {}
    /// The same from the map of all blocks where there is one.
    __device__ void listed(const Params &p, TileSet &tiles) const
    {
        if (!p.tileMap) {
            visible(p, tiles);
            return;
        }
        const int all = tilesOf(p.keys), words = (all + 31) / 32, row = b * tilesOf(p.queries) + first / kTile;
        for (int i = threadIdx.x; i < words; i += kThreads) {
            tiles.words[i] = __ldg(p.tileMap + row * words + i);
        }
        if (threadIdx.x == 0) {
            tiles.count = all;
        }
        __syncthreads();
    }
    /// Tiles of keys that some query of the block sees.
    __device__ void visible(const Params &p, TileSet &tiles) const
    {
        const int all = tilesOf(p.keys), rows = min(static_cast<int>(p.queries) - first, kTile);
        tiles.clear(all);
        if (p.bits) {
            const std::int64_t *words = p.bits + (b * p.queries + first) * all;
            for (int i = threadIdx.x; i < rows * all; i += kThreads) {
                if (__ldg(words + i)) {
                    tiles.add(i % all);
                }
            }
        } else {
            const int last = first + rows - 1 + clampedOffset(p);
            for (int i = threadIdx.x; i < all && i * kTile <= last; i += kThreads) {
                tiles.add(i);
            }
        }
        __syncthreads();
    }
};

} // namespace dsa::launch::masked_attention
