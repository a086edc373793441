#pragma once

#include "kernels/launch/index_scores/index_scores.h"

namespace dsa::launch::index_scores {

/// Which part of the scores a block computes: the latest queries first, they have the most keys.
struct Tile {
    long long b;
    int firstQuery, firstKey;

    __device__ Tile(const Params &p, int queriesPerTile, int keysPerTile)
    {
        const long long keyTiles = (p.keys + keysPerTile - 1) / keysPerTile, queryTiles = (p.queries + queriesPerTile - 1) / queriesPerTile;
        firstKey = static_cast<int>(blockIdx.x % keyTiles) * keysPerTile;
        const long long rest = blockIdx.x / keyTiles;
        b = rest % p.batch;
        firstQuery = static_cast<int>(queryTiles - 1 - rest / p.batch) * queriesPerTile;
    }

    /// Whether some query of the tile sees some key from `key` on.
    __device__ bool sees(const Params &p, int lastQuery, int key) const { return key <= lastQuery + p.offset; }
};

__device__ __forceinline__ void fillWithHidden(const Params &p, const Tile &tile, int queriesPerTile, int keysPerTile)
{
    for (int i = threadIdx.x; i < queriesPerTile * keysPerTile; i += blockDim.x) {
        const long long t = tile.firstQuery + i / keysPerTile, s = tile.firstKey + i % keysPerTile;
        if (t < p.queries && s < p.keys) {
            p.out[(tile.b * p.queries + t) * p.keys + s] = -__builtin_huge_valf();
        }
    }
}

} // namespace dsa::launch::index_scores
