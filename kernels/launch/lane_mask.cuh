#pragma once

#include "kernels/launch/tile_products.cuh"

#include <cstdint>

/// The mask of a tile as the lanes of a warpgroup's 64 x 64 accumulator need it: element 4 n + 2 half + c of a lane is row lane / 4 + 8 half of
/// its warp's, column 8 n + 2 (lane % 4) + c (wgmma.cuh).
namespace dsa::launch {

/// A lane's 32 bits of the masks of rows group and group + 8: byte n holds the four elements of column group n, then of n + 4.
__device__ __forceinline__ std::uint32_t laneMask(const Lane &lane, std::uint64_t upper, std::uint64_t lower)
{
    constexpr std::uint32_t kPairs = 0x03030303u;
    upper >>= 2 * lane.pair;
    lower >>= 2 * lane.pair;
    const std::uint32_t low = (static_cast<std::uint32_t>(upper) & kPairs) | (static_cast<std::uint32_t>(lower) & kPairs) << 2;
    const std::uint32_t high = (static_cast<std::uint32_t>(upper >> 32) & kPairs) | (static_cast<std::uint32_t>(lower >> 32) & kPairs) << 2;
    std::uint32_t mask = low | high << 4;
    asm("" : "+r"(mask)); // as one word: bytes of it become predicates, seven at a time
    return mask;
}

/// Element 4 n + i of a lane's accumulator.
__device__ __forceinline__ bool inMask(std::uint32_t mask, int element)
{
    return mask >> (element / 4 % 4 * 8 + element / 16 * 4 + element % 4) & 1u;
}

} // namespace dsa::launch
