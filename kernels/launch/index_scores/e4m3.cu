#include "kernels/launch/index_scores/e4m3.cuh"

namespace dsa::launch::index_scores {

HopperChoice e4m3Choice()
{
    return {scoresE4m3, "wgmma in e4m3, 64 heads up to 128 wide", kE4m3Threads, E4m3Copier::kBytes, kHopperQueries, 64};
}

} // namespace dsa::launch::index_scores
