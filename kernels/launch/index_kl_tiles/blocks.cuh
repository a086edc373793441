#pragma once

#include "kernels/launch/index_kl_tiles/index_kl_tiles.h"
#include "kernels/launch/tile_products.cuh"

/// What the three kernels share: which tiles a block visits, and the mask in them. Groups of four warps share a block: each warp
/// owns 16 rows, each group its own keys or its own indexer head.
namespace dsa::launch::index_kl_tiles {

constexpr int kGroupThreads = 128;
constexpr int kScoreTileBytes = kTile * kTile * 2;

__device__ __forceinline__ int clampedOffset(const Params &p)
{
    constexpr long long kFar = kMostTiles * kTile;
    return static_cast<int>(max(-kFar, min(kFar, static_cast<long long>(p.offset))));
}

/// Whether the block of queries is among those whose rows count.
__device__ __forceinline__ bool sampled(const Params &p, int queryTile)
{
    return p.rowStride <= 1 || queryTile % p.rowStride == (p.phase ? *p.phase % p.rowStride : 0);
}

/// Which of the 64 keys of a tile are in the set of query first + place; `bits` are those of query first, or null.
__device__ __forceinline__ std::uint64_t keysSeen(const Params &p, const std::int64_t *bits, int first, int place, int tile)
{
    const int t = first + place;
    if (t >= static_cast<int>(p.queries)) {
        return 0;
    }
    if (bits) {
        return static_cast<std::uint64_t>(__ldg(bits + (place * tilesOf(p.keys) + tile)));
    }
    return ~bitsFrom(min(t + clampedOffset(p) + 1, static_cast<int>(p.keys)) - tile * kTile);
}

/// Tiles of keys that some query of the tile sees; none where its rows do not count. For all threads of the block.
__device__ __forceinline__ void keyTilesSeen(const Params &p, int b, int queryTile, TileSet &tiles)
{
    const int all = tilesOf(p.keys), first = queryTile * kTile, rows = min(static_cast<int>(p.queries) - first, kTile);
    tiles.clear(all);
    if (sampled(p, queryTile)) {
        if (p.bits) {
            const std::int64_t *words = p.bits + (b * p.queries + first) * all;
            constexpr int kAtOnce = 8; // reads that do not wait for each other
            for (int i = threadIdx.x; i < rows * all; i += kAtOnce * blockDim.x) {
                bool any[kAtOnce];
#pragma unroll
                for (int j = 0; j < kAtOnce; ++j) {
                    const int at = i + j * static_cast<int>(blockDim.x);
                    any[j] = at < rows * all && __ldg(words + at) != 0;
                }
#pragma unroll
                for (int j = 0; j < kAtOnce; ++j) {
                    if (any[j]) {
                        tiles.add((i + j * static_cast<int>(blockDim.x)) % all);
                    }
                }
            }
        } else {
            const int last = first + rows - 1 + clampedOffset(p);
            for (int i = threadIdx.x; i < all && i * kTile <= last; i += blockDim.x) {
                tiles.add(i);
            }
        }
    }
    __syncthreads();
}

/// Tiles of queries that see some key of the tile, of those whose rows count.
__device__ __forceinline__ void queryTilesSeeing(const Params &p, int b, int keyTile, TileSet &tiles)
{
    const int all = tilesOf(p.queries), queries = static_cast<int>(p.queries), words = tilesOf(p.keys);
    tiles.clear(all);
    if (p.bits) {
        constexpr int kAtOnce = 4;
        for (int t = threadIdx.x; t < queries; t += kAtOnce * blockDim.x) {
            bool any[kAtOnce];
#pragma unroll
            for (int j = 0; j < kAtOnce; ++j) {
                const int at = t + j * static_cast<int>(blockDim.x);
                any[j] = at < queries && sampled(p, at / kTile) && __ldg(p.bits + (b * p.queries + at) * words + keyTile) != 0;
            }
#pragma unroll
            for (int j = 0; j < kAtOnce; ++j) {
                if (any[j]) {
                    tiles.add((t + j * static_cast<int>(blockDim.x)) / kTile);
                }
            }
        }
    } else {
        for (int i = max(keyTile * kTile - clampedOffset(p), 0) / kTile + threadIdx.x; i < all; i += blockDim.x) {
            if (sampled(p, i)) {
                tiles.add(i);
            }
        }
    }
    __syncthreads();
}

/// Rows first .. first + 64 by `threads` threads, a multiple of the pieces of a row; in a loop, which takes few registers.
template <class T, int kWidth>
__device__ __forceinline__ void fetchTogether(std::uint32_t to, const T *rows, std::int64_t stride, int first, int count, int width, int thread, int threads)
{
    constexpr int kPieces = kWidth / 8;
#pragma unroll 1
    for (int i = thread; i < kTile * kPieces; i += threads) {
        const int row = i / kPieces, piece = i % kPieces;
        const bool valid = first + row < count && piece * 8 < width;
        ptx::copyAsync16(to + placeOf<kWidth>(row, piece) * 16, valid ? rows + (first + row) * stride + piece * 8 : rows, valid);
    }
}

/// All bits of each half where its number is positive. What rounds to 0 in bf16 is no normal number.
__device__ __forceinline__ std::uint32_t positivePair(float low, float high)
{
    return __hgt2_mask(__floats2bfloat162_rn(low, high), __floats2bfloat162_rn(0.0f, 0.0f));
}

} // namespace dsa::launch::index_kl_tiles
