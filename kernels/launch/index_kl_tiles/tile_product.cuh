#pragma once

#include "kernels/launch/wgmma.cuh"

#include <cuda_bf16.h>

namespace dsa::launch::index_kl_tiles {

/// Begins a 64 x 64 product of two tiles, as a group of its own.
__device__ __forceinline__ void beginProduct(float (&dots)[32], std::uint64_t left, std::uint64_t right)
{
    hopper::fenceProducts();
#pragma unroll
    for (int step = 0; step < 4; ++step) {
        hopper::multiplyTiles<__nv_bfloat16>(dots, left + step * 2, right + step * 2, step > 0);
    }
    hopper::commitProducts();
}

/// The same, waited for: other warpgroups multiply meanwhile.
__device__ __forceinline__ void tileProduct(float (&dots)[32], std::uint64_t left, std::uint64_t right)
{
    beginProduct(dots, left, right);
    hopper::waitForProducts<0>();
    hopper::hold(dots);
}

} // namespace dsa::launch::index_kl_tiles
