#include "kernels/launch/index_scores/hopper.cuh"

namespace dsa::launch::index_scores {

HopperChoice hopperChoice()
{
    return {scoresHopper, "wgmma, 64 heads up to 128 wide", kHopperThreads, kHopperBytes, kHopperQueries, kHopperHeads};
}

} // namespace dsa::launch::index_scores
