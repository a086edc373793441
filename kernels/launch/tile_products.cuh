#pragma once

#include "kernels/launch/ptx.cuh"
#include "kernels/launch/swizzle.cuh"

#include <cstdint>

/// Products of tiles of 64 rows in shared memory, a warp 16 rows of the result; which tiles there are to visit.
namespace dsa::launch {

constexpr int kTile = 64, kMostTiles = 8192;
using ptx::kLog2E;

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
        for (int i = threadIdx.x; i < (tiles + 31) / 32; i += blockDim.x) {
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
    __device__ bool has(int tile) const { return tile < count && (words[tile / 32] >> tile % 32 & 1u); }
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

/// Rows first .. first + 64 of a [rows,width] matrix into a swizzled tile; zeros beyond its edges.
/// Thread `thread` of kThreads does its share.
template <class T, int kWidth, int kThreads = 128>
__device__ __forceinline__ void fetchRows(std::uint32_t to, const T *rows, int stride, int first, int count, int width, int thread)
{
    constexpr int kPieces = kWidth / 8, kAcross = kPieces < 8 ? kPieces : 8, kDown = kThreads / kAcross;
    static_assert(kDown % 8 == 0 && kDown <= kTile);
    const int piece = thread % kAcross, top = thread / kAcross;
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
/// Only kUnroll steps stand side by side: where the left operand comes from memory, addresses of all would fill the registers.
template <class T, int kWidth, int kUnroll = kWidth / 16, int kGroups, class Load>
__device__ __forceinline__ void multiplyRows(float (&c)[kGroups][4], const Lane &lane, std::uint32_t tile, int firstRow, Load load)
{
    const int row = lane.lane % 8 + lane.lane / 16 * 8, odd = lane.lane / 8 % 2;
    const std::uint32_t place = tile + row * (kWidth * 2) + (odd ^ turnOf<kWidth>(row)) * 16;
#pragma unroll kUnroll
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

/// c += a r for 16 rows of a tile, firstRow and on.
template <class T, int kWidth>
__device__ __forceinline__ void multiplyStep(float (&c)[kWidth / 8][4], const Lane &lane, const std::uint32_t (&a)[4], std::uint32_t tile, int firstRow)
{
    const int row = lane.lane % 16, odd = lane.lane / 16;
    const std::uint32_t place = tile + (firstRow + row) * (kWidth * 2) + (odd ^ turnOf<kWidth>(row)) * 16;
#pragma unroll
    for (int n = 0; n < kWidth / 16; ++n) {
        std::uint32_t b[4];
        ptx::loadMatricesTransposed(b, place ^ n * 32);
        ptx::multiplyAdd<T>(c[2 * n], a, b[0], b[1]);
        ptx::multiplyAdd<T>(c[2 * n + 1], a, b[2], b[3]);
    }
}

/// c += a r, a over rows firstRow .. firstRow + 8 kGroups of a tile: what an accumulator of kGroups columns of eight became.
template <class T, int kWidth, int kGroups>
__device__ __forceinline__ void multiplyColumns(float (&c)[kWidth / 8][4], const Lane &lane, const float (&values)[kGroups][4], std::uint32_t tile, int firstRow)
{
#pragma unroll
    for (int step = 0; step < kGroups / 2; ++step) {
        // Two neighbours of an accumulator, packed, are the left operand of the next product.
        const float(&low)[4] = values[2 * step], (&high)[4] = values[2 * step + 1];
        const std::uint32_t a[4] = {ptx::packPair<T>(low[0], low[1]), ptx::packPair<T>(low[2], low[3]), ptx::packPair<T>(high[0], high[1]),
                                    ptx::packPair<T>(high[2], high[3])};
        multiplyStep<T, kWidth>(c, lane, a, tile, firstRow + step * 16);
    }
}

/// The half of a word that holds column groups part .. part + 4.
__device__ __forceinline__ std::uint32_t halfOf(std::uint64_t word, int part)
{
    return static_cast<std::uint32_t>(part == 0 ? word : word >> 32);
}

/// The sum of a value over the four lanes that share a row.
__device__ __forceinline__ float sumOfRow(float x)
{
    x += __shfl_xor_sync(~0u, x, 1);
    return x + __shfl_xor_sync(~0u, x, 2);
}

} // namespace dsa::launch
