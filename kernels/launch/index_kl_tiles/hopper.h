#pragma once

#include "kernels/launch/index_kl_tiles/index_kl_tiles.h"

#include <cuda.h>

/// The same loss and gradients by Hopper's products of a warpgroup and its copies of whole tiles; index_kl_tiles.cu picks them.
namespace dsa::launch::index_kl_tiles {

/// Parameters of a Hopper kernel, and where its tiles of 64 x 64 come from.
struct HopperParams {
    Params p;
    CUtensorMap q, k, qi, ki, gradScores; ///< the last where gradients are wanted
    int stages = 2;                       ///< of keys that a warpgroup of the loss has under way
};

struct HopperChoice {
    void (*kernel)(HopperParams);
    const char *name;
    int threads, groups; ///< groups: indexer heads that a block of the gradient of qi has
    std::size_t dynamicBytes;
};

/// Heads up to 64 wide, and so many that the queries of all fit into shared memory.
bool hopperTakes(const Params &params);
int hopperStages(const Params &params);
/// Fills the maps and the stages.
cudaError_t hopperParams(HopperParams &hopper, const Params &params);

HopperChoice hopperLossChoice(const HopperParams &params);
HopperChoice hopperQueryGradientChoice();
HopperChoice hopperKeyGradientChoice();

} // namespace dsa::launch::index_kl_tiles
