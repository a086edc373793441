#pragma once

#include "kernels/launch/masked_attention/tiles.cuh"

namespace dsa::launch::masked_attention {

/// What a block of keys works on: the earliest first, most queries see them. Every head that shares the keys, in order.
struct KeyBlock {
    int b, keyHead, first;

    __device__ explicit KeyBlock(const Params &p)
    {
        const int keyHeads = static_cast<int>(p.keyHeads), all = static_cast<int>(p.batch) * keyHeads, rest = static_cast<int>(blockIdx.x) % all;
        first = static_cast<int>(blockIdx.x) / all * kTile;
        b = rest / keyHeads;
        keyHead = rest % keyHeads;
    }
    /// Key head `head` of all batch entries' and 64 keys from `first` on.
    __device__ KeyBlock(const Params &p, int head, int first)
        : b(head / static_cast<int>(p.keyHeads))
        , keyHead(head % static_cast<int>(p.keyHeads))
        , first(first)
    {}
    /// The same from the map of all blocks where there is one.
    __device__ void listed(const Params &p, TileSet &tiles) const
    {
        if (!p.tileMap) {
            visible(p, tiles);
            return;
        }
        const int all = tilesOf(p.queries), words = (tilesOf(p.keys) + 31) / 32, own = first / kTile;
        for (int i = threadIdx.x; i < (all + 31) / 32 * 32; i += kThreads) { // whole warps
            const bool any = i < all && (__ldg(p.tileMap + (b * all + i) * words + own / 32) >> own % 32 & 1u);
            const std::uint32_t word = __ballot_sync(~0u, any);
            if (threadIdx.x % 32 == 0) {
                tiles.words[i / 32] = word;
            }
        }
        if (threadIdx.x == 0) {
            tiles.count = all;
        }
        __syncthreads();
    }
    /// Tiles of queries that see some key of the block.
    __device__ void visible(const Params &p, TileSet &tiles) const
    {
        const int all = tilesOf(p.queries);
        tiles.clear(all);
        if (p.bits) {
            const std::int64_t *words = p.bitsT + static_cast<long long>(b) * all * p.keys;
            for (int i = threadIdx.x; i < all * kTile; i += kThreads) { // whole warps
                const int s = first + i % kTile;
                const bool any = s < static_cast<int>(p.keys) && __ldg(words + i / kTile * p.keys + s) != 0;
                if (__any_sync(~0u, any) && threadIdx.x % 32 == 0) {
                    tiles.add(i / kTile);
                }
            }
        } else {
            for (int i = max(first - clampedOffset(p), 0) / kTile + threadIdx.x; i < all; i += kThreads) {
                tiles.add(i);
            }
        }
        __syncthreads();
    }
};

} // namespace dsa::launch::masked_attention
