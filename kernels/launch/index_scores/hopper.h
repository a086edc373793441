#pragma once

#include "kernels/launch/index_scores/index_scores.h"

#include <cuda.h>

/// The same scores by Hopper's products of a warpgroup; index_scores.cu picks it.
namespace dsa::launch::index_scores {

struct HopperParams {
    Params p;
    CUtensorMap queries, keys; ///< tiles of 64 heads of a query, of 64 keys
    int blocks, segments;      ///< of queries; of each block's keys
};

struct HopperChoice {
    void (*kernel)(HopperParams);
    const char *name;
    int threads;
    std::size_t dynamicBytes;
};

constexpr int kHopperQueries = 8, kHopperKeys = 4096; ///< a block's
HopperChoice hopperChoice();
HopperChoice e4m3Choice();

} // namespace dsa::launch::index_scores
