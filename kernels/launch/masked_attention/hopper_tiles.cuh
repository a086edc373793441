#pragma once

#include "kernels/launch/lane_mask.cuh"
#include "kernels/launch/masked_attention/hopper.h"
#include "kernels/launch/masked_attention/tiles.cuh"
#include "kernels/launch/wgmma.cuh"

#include <cstdint>
#include <type_traits>

/// What the three Hopper kernels share. A block is a warpgroup: 64 rows of its own against 64 columns at a time. Its first thread has
/// the tiles copied, as many ahead as there are stages; a warp only for that would take registers that another block can use.
namespace dsa::launch::masked_attention {

constexpr int kHopperThreads = 128;

/// Stages of tiles in shared memory: their barriers.
template <int kStages>
struct Ring {
    std::uint64_t full[kStages], empty[kStages], held; ///< held: what a block keeps is there
    int b, head, first;                                ///< what the block works on: here it takes no registers

    /// `writers` threads, each with an arrival, fill a stage; the copies of tiles count by their bytes.
    __device__ void init(int writers, int batchEntry, int keyHead, int firstRow)
    {
        if (threadIdx.x == 0) {
            b = batchEntry;
            head = keyHead;
            first = firstRow;
            for (int i = 0; i < kStages; ++i) {
                hopper::initBarrier(ptx::sharedAddress(full + i), writers);
                hopper::initBarrier(ptx::sharedAddress(empty + i), kHopperThreads / 32);
            }
            hopper::initBarrier(ptx::sharedAddress(&held), 1);
            hopper::publishBarriers();
        }
        __syncthreads();
    }
    __device__ void waitFull(int stage, std::uint32_t parity) { hopper::waitFor(ptx::sharedAddress(full + stage), parity); }
    /// Until all warps have released it.
    __device__ void waitEmpty(int stage, std::uint32_t parity) { hopper::waitFor(ptx::sharedAddress(empty + stage), parity); }
    /// This warp has read all it wants of a stage.
    __device__ void release(int stage) { hopper::arriveAsWarp(ptx::sharedAddress(empty + stage)); }
};

/// Which block this is: heads by groups of `together`, in a group the heaviest rows of all heads first.
struct BlockOrder {
    int head, tile; ///< of all batch entries' heads; the how manieth of `tiles`

    __device__ BlockOrder(int heads, int tiles, int together)
    {
        const int index = static_cast<int>(blockIdx.x), group = index / (together * tiles), rest = index - group * together * tiles;
        const int size = min(together, heads - group * together);
        tile = rest / size;
        head = group * together + rest - tile * size;
    }
};

/// Goes through a set of tiles in order, 32 of them in a register.
struct TileWalk {
    int tile, group = 0; ///< tile: the one to come, -1 behind the last
    std::uint32_t rest;  ///< the group's tiles behind it

    __device__ explicit TileWalk(const TileSet &tiles)
    {
        restart(tiles);
    }
    __device__ void restart(const TileSet &tiles)
    {
        group = 0;
        rest = tiles.count > 0 ? tiles.words[0] : 0;
        advance(tiles);
    }
    __device__ __forceinline__ void advance(const TileSet &tiles)
    {
        while (rest == 0) {
            if (++group * 32 >= tiles.count) {
                tile = -1;
                return;
            }
            rest = tiles.words[group];
        }
        tile = group * 32 + __ffs(static_cast<int>(rest)) - 1;
        rest &= rest - 1;
    }
};

/// The tiles that are under way, the one that comes next first; -1: none.
template <int kStages>
struct TileQueue {
    int tiles[kStages];

    __device__ __forceinline__ void shift()
    {
#pragma unroll
        for (int i = 0; i + 1 < kStages; ++i) {
            tiles[i] = tiles[i + 1];
        }
    }
    __device__ __forceinline__ void add(int tile) { tiles[kStages - 1] = tile; } ///< after a shift
};

/// step(stage, parity) for the tiles of the queue, which the steps shift. The stages are unrolled: addresses of tiles and barriers are
/// then constants. Products are waited for where they are used; other blocks of the multiprocessor multiply meanwhile, so what
/// counts is that many fit.
template <class Step>
__device__ __forceinline__ void inTurn(const TileQueue<2> &queue, Step step)
{
    for (std::uint32_t parity = 0; queue.tiles[0] >= 0; parity ^= 1) {
        step(std::integral_constant<int, 0>(), parity);
        if (queue.tiles[0] < 0) {
            break;
        }
        step(std::integral_constant<int, 1>(), parity);
    }
}

/// 64 rows of two tensors, kParts tiles each, from row on; by one thread.
template <int kParts>
__device__ __forceinline__ void copyPair(std::uint32_t to, const CUtensorMap &first, const CUtensorMap &second, std::uint32_t barrier, int row, int h, int b)
{
    hopper::arriveExpecting(barrier, 2 * kParts * hopper::kTileBytes);
#pragma unroll
    for (int part = 0; part < kParts; ++part) {
        hopper::copyTile(to + part * hopper::kTileBytes, first, barrier, part * 64, row, h, b);
        hopper::copyTile(to + (kParts + part) * hopper::kTileBytes, second, barrier, part * 64, row, h, b);
    }
}

/// What rows `row` and row + 8 see of a tile: keys, for queries as rows (kByQuery), or queries, for keys.
template <bool kByQuery>
struct RowMasks {
    const std::int64_t *bits; ///< of the first row and the first tile
    int row;

    __device__ RowMasks(const Params &p, int b, int row)
        : bits(kByQuery ? p.bits + (b * p.queries + row) * tilesOf(p.keys) : p.bitsT + static_cast<long long>(b) * tilesOf(p.queries) * p.keys + row)
        , row(row)
    {}

    __device__ __forceinline__ std::uint64_t read(const Params &p, int half, int tile) const
    {
        if (!p.bits) {
            return kByQuery ? keysSeen(p, 0, row + half * 8, tile) : queriesSeeing(p, 0, row + half * 8, tile);
        }
        const std::int64_t *from = kByQuery ? bits + (half * 8 * tilesOf(p.keys) + tile) : bits + (half * 8 + tile * p.keys);
        return row + half * 8 < static_cast<int>(kByQuery ? p.queries : p.keys) ? static_cast<std::uint64_t>(__ldg(from)) : 0;
    }
};

/// Where a tile of kWidth columns begins in what the descriptor of its first 64 columns says: step 16-column groups on.
__device__ __forceinline__ constexpr int columnStep(int step)
{
    return step / 4 * (hopper::kTileBytes / 16) + step % 4 * 2;
}

/// Rows group and group + 8 of accumulators of 64 columns each, times factors.
template <class T, int kParts>
__device__ __forceinline__ void writeParts(T *rows, int stride, const Lane &lane, int first, int count, int width, const float (&values)[kParts][32], float upper,
                                           float lower)
{
#pragma unroll
    for (int half = 0; half < 2; ++half) {
        const int row = first + lane.group + half * 8;
        const float factor = half ? lower : upper;
        if (row < count) {
            T *to = rows + static_cast<long long>(row) * stride + 2 * lane.pair;
#pragma unroll
            for (int n = 0; n < kParts * 8; ++n) {
                if (n * 8 < width) {
                    const float *pair = values[n / 8] + n % 8 * 4 + half * 2;
                    *reinterpret_cast<std::uint32_t *>(to + n * 8) = ptx::packPair<T>(pair[0] * factor, pair[1] * factor);
                }
            }
        }
    }
}

} // namespace dsa::launch::masked_attention
