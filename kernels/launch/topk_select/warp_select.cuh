#pragma once

#include "kernels/launch/topk_select/ordered_key.cuh"
#include "kernels/launch/topk_select/topk_select.h"

namespace dsa::launch::topk_select {

constexpr int kWarpThreads = 256, kWarpsPerBlock = kWarpThreads / 32, kWarpBins = 256;
constexpr unsigned kAllLanes = 0xffffffffu;

__device__ __forceinline__ unsigned lowerLanes()
{
    return (1u << (threadIdx.x % 32)) - 1;
}

/// The k-th key of a warp's row, digit by digit from the top; every lane gets it. More than k keys are visible.
template <int kHeld>
__device__ Threshold warpThreshold(const unsigned (&keys)[kHeld], unsigned *histogram, unsigned wanted)
{
    const int lane = threadIdx.x % 32;
    unsigned prefix = 0, mask = 0;
    for (int shift = 24; shift >= 0; shift -= 8) {
        for (int i = 0; i < kWarpBins / 32; ++i) {
            histogram[i * 32 + lane] = 0;
        }
        __syncwarp();
#pragma unroll
        for (int i = 0; i < kHeld; ++i) {
            if (keys[i] != kHidden && (keys[i] & mask) == prefix) {
                atomicAdd(histogram + (keys[i] >> shift & 255u), 1u); // integers: the order does not matter
            }
        }
        __syncwarp();
        // Lane l holds eight bins, lane 0 the highest.
        unsigned sum = 0, own[8];
#pragma unroll
        for (int i = 0; i < 8; ++i) {
            own[i] = histogram[255 - (lane * 8 + i)];
            sum += own[i];
        }
        unsigned through = sum;
        for (int step = 1; step < 32; step *= 2) {
            const unsigned other = __shfl_up_sync(kAllLanes, through, step);
            through += lane >= step ? other : 0;
        }
        unsigned above = through - sum;
        const int holder = __ffs(__ballot_sync(kAllLanes, through >= wanted)) - 1;
        unsigned bin = 0, inside = 0;
#pragma unroll
        for (int i = 0; i < 8; ++i) {
            if (inside == 0 && above + own[i] >= wanted) {
                bin = 255 - (lane * 8 + i);
                inside = own[i];
            } else if (inside == 0) {
                above += own[i];
            }
        }
        bin = __shfl_sync(kAllLanes, bin, holder);
        inside = __shfl_sync(kAllLanes, inside, holder);
        wanted -= __shfl_sync(kAllLanes, above, holder);
        prefix |= bin << shift;
        mask |= 255u << shift;
        __syncwarp();
        if (inside == wanted) { // the whole bin
            return {max(prefix, kHidden + 1), kHidden, 0};
        }
    }
    return {prefix + 1, prefix, wanted};
}

/// A warp a row, the row in registers: key i * 32 + lane in slot i, so that a ballot is 32 bits of the mask.
template <int kHeld>
__global__ void __launch_bounds__(kWarpThreads) selectByWarp(Params p)
{
    __shared__ unsigned histograms[kWarpsPerBlock][kWarpBins];
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    const long long line = static_cast<long long>(blockIdx.x) * kWarpsPerBlock + warp;
    if (line >= p.batch * p.rows) {
        return;
    }
    const RowView row = rowOf(p, line);
    unsigned keys[kHeld];
#pragma unroll
    for (int i = 0; i < kHeld; ++i) {
        const int s = i * 32 + lane;
        keys[i] = s < row.visible ? orderedKey(row.scores[s]) : kHidden;
    }
    Threshold threshold;
    if (row.visible > p.k) {
        threshold = warpThreshold(keys, histograms[warp], static_cast<unsigned>(p.k));
    }

    unsigned tiesBefore = 0, place = 0, mine = 0, lowest = 0xffffffffu, highest = kHidden;
    unsigned selectedSlots = 0; // bit i: this lane's key i
#pragma unroll
    for (int i = 0; i < kHeld; ++i) {
        const bool tied = threshold.tied(keys[i]);
        const unsigned ties = __ballot_sync(kAllLanes, tied);
        const bool selected = threshold.strict(keys[i]) || (tied && tiesBefore + __popc(ties & lowerLanes()) < threshold.tiesWanted);
        const unsigned word = __ballot_sync(kAllLanes, selected);
        tiesBefore += __popc(ties);
        if (lane == i) {
            mine = word;
        }
        if (selected) {
            selectedSlots |= 1u << i;
            lowest = min(lowest, keys[i]);
            highest = max(highest, keys[i]);
            if (row.idx) {
                row.idx[place + __popc(word & lowerLanes())] = i * 32 + lane;
            }
        }
        place += __popc(word);
    }
    if (row.bits && lane < (p.keys + 63) / 64 * 2) {
        row.bits[lane] = mine;
    }
    if (row.idx) {
        for (long long i = place + lane; i < p.k; i += 32) {
            row.idx[i] = -1;
        }
    }
    if (lane == 0) {
        p.count[row.index] = static_cast<int>(place);
    }
    if (p.tau) {
        lowest = __reduce_min_sync(kAllLanes, lowest);
        highest = __reduce_max_sync(kAllLanes, highest);
        const float top = scoreOf(highest);
        float sum = 0;
#pragma unroll
        for (int i = 0; i < kHeld; ++i) {
            if (selectedSlots >> i & 1u) {
                sum += expf(scoreOf(keys[i]) - top);
            }
        }
        for (int step = 16; step > 0; step /= 2) {
            sum += __shfl_xor_sync(kAllLanes, sum, step);
        }
        if (lane == 0) {
            writeSums(p, row, lowest, highest, sum);
        }
    }
}

} // namespace dsa::launch::topk_select
