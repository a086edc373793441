#pragma once

#include "kernels/launch/gathered_attention/gathered_attention.h"
#include "kernels/launch/tile_products.cuh"
#include "kernels/launch/wgmma.cuh"

#include <cuda_bf16.h>

#include <cstdint>

/// What forward and backward share. A block is 64 heads of a query against 64 gathered rows at a time: two warpgroups multiply, a
/// third copies. A row of 576 values is nine tiles of 64 columns, one behind the other.
namespace dsa::launch::gathered_attention {

constexpr int kBlockThreads = 384, kGroupThreads = 128, kHeadRows = 64, kTiles = 9, kValueTiles = 8;
constexpr int kRowsBytes = kTiles * hopper::kTileBytes;      ///< 64 rows of 576 values
constexpr int kPieces = 3; ///< in which the columns of a tile's rows arrive
constexpr int kCopyRegisters = 40, kMultiplyRegisters = 232; ///< a thread, of what 384 threads can have

/// What threads wrote or copied into shared memory is there for the products too.
__device__ __forceinline__ void publishToProducts()
{
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

/// Among kThreads threads; 0 is __syncthreads' own.
template <int kThreads>
__device__ __forceinline__ void syncThreads(int barrier)
{
    asm volatile("bar.sync %0, %1;" ::"r"(barrier), "n"(kThreads) : "memory");
}

__device__ __forceinline__ bool isKey(const Params &p, int place)
{
    return static_cast<unsigned>(place) < static_cast<unsigned>(p.keys);
}

/// How a thread of the copying warpgroup copies 64 rows: the same 16 bytes of each tile, in four rows.
struct RowCopier {
    const __nv_bfloat16 *from[4];
    bool valid[4];
    std::uint32_t place; ///< in a tile
    int row, piece;

    __device__ explicit RowCopier(int thread)
        : place((thread / 8 * 8 + (thread % 8 ^ thread / 8 % 8)) * 16)
        , row(thread / 8)
        , piece(thread % 8)
    {}
    __device__ __forceinline__ void set(int i, const void *base, long long offset, bool isThere)
    {
        valid[i] = isThere;
        from[i] = static_cast<const __nv_bfloat16 *>(base) + (isThere ? offset : 0) + piece * 8;
    }
    /// Heads firstHead .. firstHead + 64 of a query.
    __device__ __forceinline__ void setHeads(const void *base, long long query, int firstHead, int heads, const std::int64_t (&strides)[2])
    {
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            const int head = firstHead + row + i * 16;
            set(i, base, query * strides[0] + head * strides[1], head < heads);
        }
    }
    /// kCount tiles of 64 columns from `first` on.
    template <int kCount>
    __device__ __forceinline__ void copy(std::uint32_t rows, int first) const
    {
        const std::uint32_t to = rows + place + first * hopper::kTileBytes;
#pragma unroll
        for (int tile = 0; tile < kCount; ++tile) {
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16, %2;" ::"r"(to + tile * hopper::kTileBytes + i * 16 * 128),
                             "l"(from[i] + (first + tile) * 64), "r"(valid[i] ? 16 : 0)
                             : "memory");
            }
        }
    }
};

/// The places in four rows of a list that a copying thread copies, asked for a tile ahead.
struct ListReader {
    int k, row, places[4];

    __device__ ListReader(const Params &p, int row)
        : k(static_cast<int>(p.k))
        , row(row)
    {}
    __device__ __forceinline__ void read(const std::int32_t *list, int tile)
    {
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            const int slot = tile * 64 + row + i * 16;
            places[i] = slot < k ? __ldg(list + slot) : -1;
        }
    }
};

/// Which of 64 slots hold a key, for the columns of a lane's accumulators: bit 8 n + c.
struct SlotMask {
    std::uint32_t low, high;
    bool all;

    __device__ SlotMask(const Params &p, const Lane &lane, int first, int second)
    {
        low = __ballot_sync(~0u, isKey(p, first));
        high = __ballot_sync(~0u, isKey(p, second));
        all = (low & high) == ~0u;
        low >>= 2 * lane.pair;
        high >>= 2 * lane.pair;
    }
    /// Element 4 n + 2 half + c.
    __device__ __forceinline__ bool has(int element) const
    {
        const int bit = element / 4 % 4 * 8 + element % 2;
        return (element < 16 ? low : high) >> bit & 1u;
    }
};

/// Four lanes of a row hold two neighbours each of four column groups; afterwards each holds all eight of one group.
__device__ __forceinline__ void turnQuad(std::uint32_t (&x)[4], int pair)
{
    const bool odd = pair & 1, upper = pair & 2;
#pragma unroll
    for (int i = 0; i < 4; i += 2) {
        const std::uint32_t other = __shfl_xor_sync(~0u, odd ? x[i] : x[i + 1], 1);
        x[i] = odd ? other : x[i];
        x[i + 1] = odd ? x[i + 1] : other;
    }
#pragma unroll
    for (int i = 0; i < 2; ++i) {
        const std::uint32_t other = __shfl_xor_sync(~0u, upper ? x[i] : x[i + 2], 2);
        x[i] = upper ? other : x[i];
        x[i + 2] = upper ? x[i + 2] : other;
    }
}

/// 64 columns of a lane's two rows, 16 bytes at a time; values are an accumulator's 32 from `offset` on.
template <int kCount>
__device__ __forceinline__ void writeTile(__nv_bfloat16 *upperRow, __nv_bfloat16 *lowerRow, const Lane &lane, const float (&values)[kCount], int offset, float upper,
                                          float lower)
{
#pragma unroll
    for (int half = 0; half < 2; ++half) {
        __nv_bfloat16 *row = half ? lowerRow : upperRow;
        const float factor = half ? lower : upper;
#pragma unroll
        for (int n = 0; n < 8; n += 4) {
            std::uint32_t words[4];
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                const int at = offset + (n + i) * 4 + half * 2;
                words[i] = ptx::packPair<__nv_bfloat16>(values[at] * factor, values[at + 1] * factor);
            }
            turnQuad(words, lane.pair);
            if (row) {
                *reinterpret_cast<uint4 *>(row + (n + lane.pair) * 8) = make_uint4(words[0], words[1], words[2], words[3]);
            }
        }
    }
}

} // namespace dsa::launch::gathered_attention
