#pragma once

#include "kernels/launch/index_scores/index_scores.h"

#include <cuda.h>

/// The same scores by Hopper's products of a warpgroup; index_scores.cu picks it.
namespace dsa::launch::index_scores {

struct HopperParams {
    Params p;
    CUtensorMap queries, keys; ///< tiles of 64 heads of a query or of a few queries, of 64 keys
    int blocks, segments;      ///< of queries; of each block's keys
};

struct HopperChoice {
    void (*kernel)(HopperParams);
    const char *name;
    int threads;
    std::size_t dynamicBytes;
    int queries; ///< of a block
    int heads;   ///< that each of the queries in a tile has
};

constexpr int kHopperQueries = 8, kHopperKeys = 4096; ///< a block's
HopperChoice hopperChoice();
HopperChoice e4m3Choice();
HopperChoice fewHeadsChoice(std::int64_t heads); ///< 4, 8 or 16, up to kFewWidth wide
constexpr std::int64_t kFewWidth = 64;

} // namespace dsa::launch::index_scores
