#include "kernels/launch/index_kl_tiles/key_gradient.cuh"

#include <cuda_bf16.h>

namespace dsa::launch::index_kl_tiles {

Choice queryGradientChoice(const Params &p)
{
    if (p.indexWidth <= 64) {
        return {queryGradient<__nv_bfloat16, 64>, "mma.sync gradient of qi and w, up to 64 wide", kHeadGroups<64> * kGroupThreads, kHeadGroups<64>, 2 * kQueryStageBytes<64>};
    }
    return {queryGradient<__nv_bfloat16, 128>, "mma.sync gradient of qi and w, up to 128 wide", kHeadGroups<128> * kGroupThreads, kHeadGroups<128>, 2 * kQueryStageBytes<128>};
}

Choice keyGradientChoice(const Params &p)
{
    if (p.indexWidth <= 64) {
        return {keyGradient<__nv_bfloat16, 64>, "mma.sync gradient of ki, up to 64 wide", kHeadGroups<64> * kGroupThreads, kHeadGroups<64>, KeyMemory<64>::kBytes};
    }
    return {keyGradient<__nv_bfloat16, 128>, "mma.sync gradient of ki, up to 128 wide", kHeadGroups<128> * kGroupThreads, kHeadGroups<128>, KeyMemory<128>::kBytes};
}

} // namespace dsa::launch::index_kl_tiles
