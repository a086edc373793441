#pragma once

#include "kernels/launch/index_scores/hopper.h"

namespace dsa::launch::index_scores {

/// Some queries and up to 4096 keys.
struct HopperBlock {
    long long b;
    int firstQuery, firstTile, endTile, visibleTiles; ///< tiles of 64 keys; from visibleTiles on nobody sees them

    __device__ HopperBlock(const HopperParams &params, int queries)
    {
        const Params &p = params.p;
        const int segment = static_cast<int>(blockIdx.x) % params.segments, rest = static_cast<int>(blockIdx.x) / params.segments, block = params.blocks - 1 - rest % params.blocks;
        b = rest / params.blocks;
        firstQuery = block * queries; // the latest first: they have the most keys
        firstTile = segment * (kHopperKeys / 64);
        endTile = min(firstTile + kHopperKeys / 64, static_cast<int>((p.keys + 63) / 64));
        const long long last = min(firstQuery + static_cast<long long>(queries), static_cast<long long>(p.queries)) - 1 + p.offset;
        visibleTiles = min(endTile, last < 0 ? 0 : static_cast<int>(min(last / 64 + 1, static_cast<long long>(endTile))));
    }
};

} // namespace dsa::launch::index_scores
