#pragma once

#include "kernels/launch/masked_attention/masked_attention.h"
#include "kernels/launch/ptx.cuh"
#include "kernels/launch/swizzle.cuh"

/// What the three kernels share. A block owns 64 rows (queries or keys), each of its four warps 16 of them, and walks over the
/// tiles of 64 columns that some row sees. The comments call them rows and columns, whichever is a query.
namespace dsa::launch::masked_attention {

constexpr int kTile = 64, kThreads = 128, kMostTiles = 8192;
constexpr float kLog2E = 1.4426950408889634f, kLn2 = 0.6931471805599453f;


/// Where a lane's part of a 16 x 8 accumulator lies: rows group and group + 8, columns 2 pair and 2 pair + 1.
struct Lane {
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32, group = lane / 4, pair = lane % 4;
};

/// Which columns' tiles are to be visited, a bit each; in shared memory.
struct TileSet {
    std::uint32_t words[kMostTiles / 32];
    int count; ///< tiles that there are

    __device__ void clear(int tiles)
    {
        for (int i = threadIdx.x; i < (tiles + 31) / 32; i += kThreads) {
            words[i] = 0;
        }
        if (threadIdx.x == 0) {
            count = tiles;
        }
        __syncthreads();
    }
    __device__ void add(int tile)
    {
        if (!(words[tile / 32] >> tile % 32 & 1u)) { // seldom false for long: spares the many threads a queue for one word
            atomicOr(words + tile / 32, 1u << tile % 32);
        }
    }
    /// The first tile from `tile` on, or -1.
    __device__ int from(int tile) const
    {
        const int tiles = count;
        if (tile >= tiles) {
            return -1;
        }
        std::uint32_t word = words[tile / 32] >> tile % 32 << tile % 32;
        for (int i = tile / 32;; word = words[i]) {
            if (word) {
                return i * 32 + __ffs(static_cast<int>(word)) - 1;
            }
            if (++i * 32 >= tiles) {
                return -1;
            }
        }
    }
};

/// The bits from n on; all of them for a negative n, none from 64 on.
__device__ __forceinline__ std::uint64_t bitsFrom(int n)
{
    return n <= 0 ? ~std::uint64_t{0} : n >= kTile ? 0 : ~std::uint64_t{0} << n;
}

__device__ __forceinline__ int tilesOf(std::int64_t rows)
{
    return (static_cast<int>(rows) + kTile - 1) / kTile;
}

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

/// Rows first .. first + 64 of a [rows,width] matrix into a swizzled tile; zeros beyond its edges.
template <class T, int kWidth>
__device__ __forceinline__ void fetchRows(std::uint32_t to, const T *rows, int stride, int first, int count, int width)
{
    constexpr int kPieces = kWidth / 8, kAcross = kPieces < 8 ? kPieces : 8, kDown = kThreads / kAcross;
    const int piece = threadIdx.x % kAcross, top = threadIdx.x / kAcross;
    const T *from = rows + static_cast<long long>(first + top) * stride + piece * 8;
#pragma unroll
    for (int row = 0; row < kTile; row += kDown, from += static_cast<long long>(kDown) * stride) {
#pragma unroll
        for (int i = 0; i < kPieces; i += kAcross) {
            const bool valid = first + top + row < count && (piece + i) * 8 < width;
            // kDown rows on the places turn as before: a multiple of eight.
            ptx::copyAsync16(to + (placeOf<kWidth>(top, piece + i) + row * kPieces) * 16, valid ? from + i * 8 : rows, valid);
        }
    }
}

/// 16 rows as left operands, straight from memory; zeros beyond the edges.
template <class T, int kWidth>
__device__ __forceinline__ void readOperands(std::uint32_t (&to)[kWidth / 16][4], const Lane &lane, const T *rows, int stride, int first, int count,
                                             int width)
{
#pragma unroll
    for (int half = 0; half < 2; ++half) {
        const int row = first + lane.group + half * 8;
        const T *from = rows + static_cast<long long>(row) * stride + 2 * lane.pair;
#pragma unroll
        for (int i = 0; i < kWidth / 8; ++i) {
            to[i / 2][i % 2 * 2 + half] = row < count && i * 8 < width ? __ldg(reinterpret_cast<const std::uint32_t *>(from + i * 8)) : 0u;
        }
    }
}

/// c += a r^T over the width, r rows firstRow .. firstRow + 8 kGroups of a tile; load(step, a) fills the left operand.
template <class T, int kWidth, int kGroups, class Load>
__device__ __forceinline__ void multiplyRows(float (&c)[kGroups][4], const Lane &lane, std::uint32_t tile, int firstRow, Load load)
{
    const int row = lane.lane % 8 + lane.lane / 16 * 8, odd = lane.lane / 8 % 2;
    const std::uint32_t place = tile + row * (kWidth * 2) + (odd ^ turnOf<kWidth>(row)) * 16;
#pragma unroll
    for (int step = 0; step < kWidth / 16; ++step) {
        std::uint32_t a[4];
        load(step, a);
#pragma unroll
        for (int n = 0; n < kGroups; n += 2) {
            std::uint32_t b[4];
            ptx::loadMatrices(b, (place ^ step * 32) + (firstRow + n * 8) * (kWidth * 2));
            ptx::multiplyAdd<T>(c[n], a, b[0], b[1]);
            ptx::multiplyAdd<T>(c[n + 1], a, b[2], b[3]);
        }
    }
}

/// c += a r, a over rows firstRow .. firstRow + 8 kGroups of a tile: what an accumulator of kGroups columns of eight became.
template <class T, int kWidth, int kGroups>
__device__ __forceinline__ void multiplyColumns(float (&c)[kWidth / 8][4], const Lane &lane, const float (&values)[kGroups][4], std::uint32_t tile, int firstRow)
{
    const int row = lane.lane % 16, odd = lane.lane / 16;
    const std::uint32_t place = tile + (firstRow + row) * (kWidth * 2) + (odd ^ turnOf<kWidth>(row)) * 16;
#pragma unroll
    for (int step = 0; step < kGroups / 2; ++step) {
        // Two neighbours of an accumulator, packed, are the left operand of the next product.
        const float(&low)[4] = values[2 * step], (&high)[4] = values[2 * step + 1];
        const std::uint32_t a[4] = {ptx::packPair<T>(low[0], low[1]), ptx::packPair<T>(low[2], low[3]), ptx::packPair<T>(high[0], high[1]),
                                    ptx::packPair<T>(high[2], high[3])};
#pragma unroll
        for (int n = 0; n < kWidth / 16; ++n) {
            std::uint32_t b[4];
            ptx::loadMatricesTransposed(b, (place ^ n * 32) + step * 16 * (kWidth * 2));
            ptx::multiplyAdd<T>(c[2 * n], a, b[0], b[1]);
            ptx::multiplyAdd<T>(c[2 * n + 1], a, b[2], b[3]);
        }
    }
}

/// The half of a word that holds column groups part .. part + 4.
__device__ __forceinline__ std::uint32_t halfOf(std::uint64_t word, int part)
{
    return static_cast<std::uint32_t>(part == 0 ? word : word >> 32);
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

/// The sum of a value over the four lanes that share a row.
__device__ __forceinline__ float sumOfRow(float x)
{
    x += __shfl_xor_sync(~0u, x, 1);
    return x + __shfl_xor_sync(~0u, x, 2);
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
