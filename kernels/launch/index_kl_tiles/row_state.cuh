#pragma once

#include "kernels/launch/tile_products.cuh"

/// What both kernels of the loss keep of their 64 rows.
namespace dsa::launch::index_kl_tiles {

constexpr float kSumTolerance = 1e-4f; ///< a teacher's mass this close to 1 needs no second pass

/// What stays of a row from one pass to the next; in shared memory, since registers are short.
struct RowState {
    float norm, inverse, counts, mass;
};

/// The same sum in all threads of a block that share a row: over four lanes, then over the groups of warps in order.
template <int kGroups>
__device__ __forceinline__ float acrossGroups(float (&scratch)[kGroups][kTile], int group, int row, const Lane &lane, float value)
{
    value = sumOfRow(value);
    __syncthreads();
    if (lane.pair == 0) {
        scratch[group][row] = value;
    }
    __syncthreads();
    value = scratch[0][row];
#pragma unroll
    for (int g = 1; g < kGroups; ++g) {
        value += scratch[g][row];
    }
    return value;
}

} // namespace dsa::launch::index_kl_tiles
