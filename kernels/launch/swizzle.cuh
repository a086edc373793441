#pragma once

namespace dsa::launch {

/// 16-byte pieces of a row change places with the row, so that the eight rows of an ldmatrix touch all banks.
template <int kWidth>
__device__ __forceinline__ int turnOf(int row)
{
    return kWidth / 8 >= 8 ? row & 7 : row >> 1 & 3;
}

/// Where piece `piece` of row `row` lies in a tile of kWidth 16-bit values a row, in pieces.
template <int kWidth>
__device__ __forceinline__ int placeOf(int row, int piece)
{
    return row * (kWidth / 8) + (piece ^ turnOf<kWidth>(row));
}

} // namespace dsa::launch
