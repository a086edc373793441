#pragma once

#include "kernels/launch/wgmma.cuh"

#include <cuda_bf16.h>

namespace dsa::launch::index_kl_tiles {

/// A 64 x 64 product of the first 16 kSteps columns of two tiles, waited for: other warpgroups multiply meanwhile.
template <int kSteps>
__device__ __forceinline__ void tileProduct(float (&dots)[32], std::uint64_t left, std::uint64_t right)
{
    hopper::fenceProducts();
#pragma unroll
    for (int step = 0; step < kSteps; ++step) {
        hopper::multiplyTiles<__nv_bfloat16>(dots, left + step * 2, right + step * 2, step > 0);
    }
    hopper::commitProducts();
    hopper::waitForProducts<0>();
    hopper::hold(dots);
}

} // namespace dsa::launch::index_kl_tiles
