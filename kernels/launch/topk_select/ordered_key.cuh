#pragma once

#include <cuda_runtime.h>

namespace dsa::launch::topk_select {

// Unsigned integers in the order of the selection rule. -inf becomes 0x007fffff, so the places below are free.
constexpr unsigned kHidden = 0, kNan = 1;

/// Of a score that is no NaN.
__device__ __forceinline__ unsigned orderedNumber(float score)
{
    const unsigned bits = __float_as_uint(score + 0.0f); // -0 + 0 = +0
    return bits >> 31 ? ~bits : bits | 0x80000000u;
}

__device__ __forceinline__ unsigned orderedKey(float score)
{
    return score != score ? kNan : orderedNumber(score);
}

__device__ __forceinline__ float scoreOf(unsigned key)
{
    return key == kNan ? __int_as_float(0x7fc00000) : __uint_as_float(key >> 31 ? key ^ 0x80000000u : ~key);
}

/// What makes a key selected: at least `lower`, or equal to `tie` and among the first `tiesWanted` of those.
struct Threshold {
    unsigned lower = kHidden + 1, tie = kHidden, tiesWanted = 0;

    __device__ bool strict(unsigned key) const { return key >= lower; }
    __device__ bool tied(unsigned key) const { return tiesWanted > 0 && key == tie; }
};

/// One row and where its results go.
struct RowView {
    const float *scores;
    unsigned *bits; ///< 32-bit halves of the row's words; null: not wanted
    int *idx;       ///< null: not wanted
    long long index; ///< b * T + t
    int visible;
};

template <class Params>
__device__ __forceinline__ RowView rowOf(const Params &p, long long line)
{
    // Lines are fewer than 2^31, and a division of 64 bits would cost a short row as much as its search.
    const unsigned rows = static_cast<unsigned>(p.rows), b = static_cast<unsigned>(line) / rows, r = static_cast<unsigned>(line) - b * rows;
    const long long t = p.firstRow + r, words = (p.keys + 63) / 64;
    RowView row;
    row.index = b * p.queries + t;
    row.scores = p.scores + b * p.batchStride + r * p.rowStride;
    row.bits = p.bits ? reinterpret_cast<unsigned *>(p.bits + row.index * words) : nullptr;
    row.idx = p.idx ? p.idx + row.index * p.k : nullptr;
    const long long last = t + (p.lengths ? __ldg(p.lengths + b) - p.queries : p.offset) + 1;
    row.visible = static_cast<int>(last < 0 ? 0 : last < p.keys ? last : p.keys);
    return row;
}

/// tau and lse of a row from its lowest and highest selected key and the sum of exp(score - reference); reference: a finite number,
/// of no matter where the highest is none.
template <class Params>
__device__ __forceinline__ void writeSums(const Params &p, const RowView &row, unsigned lowest, unsigned highest, float sum, float reference)
{
    constexpr float kInfinity = __builtin_huge_valf();
    float tau = kInfinity, lse = -kInfinity; // a row without a key
    if (highest != kHidden) {
        tau = scoreOf(lowest);
        const float top = scoreOf(highest);
        lse = lowest == kNan ? tau : isinf(top) ? top : reference + logf(sum);
    }
    p.tau[row.index] = tau;
    p.lse[row.index] = lse;
}

} // namespace dsa::launch::topk_select
