#pragma once

#include "kernels/launch/topk_select/ordered_key.cuh"
#include "kernels/launch/topk_select/topk_select.h"

namespace dsa::launch::topk_select {

constexpr int kWarpThreads = 128, kWarpsPerBlock = kWarpThreads / 32;
constexpr unsigned kAllLanes = 0xffffffffu;

__device__ __forceinline__ unsigned lowerLanes()
{
    return (1u << (threadIdx.x % 32)) - 1;
}

/// A warp's row in registers: key i * 32 + lane in slot i, so that a ballot is 32 bits of the mask.
template <int kHeld>
struct WarpRow {
    static constexpr int kGroup = 8; // slots behind one look at the row's end
    unsigned keys[kHeld];
    int slots;

    __device__ explicit WarpRow(const RowView &row) : slots((row.visible + 31) / 32)
    {
        const int lane = threadIdx.x % 32;
#pragma unroll
        for (int i = 0; i < kHeld; ++i) {
            keys[i] = i * 32 + lane < row.visible ? orderedKey(row.scores[i * 32 + lane]) : kHidden;
        }
    }

    /// f(i, key) for the slots that hold a visible key, and for some behind them.
    template <class F>
    __device__ __forceinline__ void forEach(F f) const
    {
#pragma unroll
        for (int first = 0; first < kHeld; first += kGroup) {
            if (first < slots) {
#pragma unroll
                for (int i = 0; i < kGroup; ++i) {
                    f(first + i, keys[first + i]);
                }
            }
        }
    }

    /// Keys of the whole row that are at least `limit`.
    __device__ __forceinline__ unsigned countFrom(unsigned limit) const
    {
        unsigned count = 0;
        forEach([&](int, unsigned key) { count += key >= limit ? 1u : 0u; });
        return __reduce_add_sync(kAllLanes, count);
    }
};

/// The k-th key, bit by bit below what all keys have in common; more than k keys are visible. Up to 1024 keys counting in
/// registers is as fast as a histogram and needs no shared memory; from 2048 on it is slower (217 against 160 us, H100).
template <int kHeld>
__device__ Threshold warpThreshold(const WarpRow<kHeld> &row, unsigned lowest, unsigned highest, unsigned wanted)
{
    unsigned found = highest;
    if (lowest != highest) {
        const int top = 31 - __clz(lowest ^ highest);
        found = highest >> top >> 1 << 1 << top;
        for (int bit = top; bit >= 0; --bit) {
            const unsigned trial = found | 1u << bit, count = row.countFrom(trial);
            if (count >= wanted) {
                found = trial;
            }
            if (count == wanted) { // no tie to decide
                return {found, kHidden, 0};
            }
        }
    }
    return {found + 1, found, wanted - row.countFrom(found + 1)};
}

/// A warp a row.
template <int kHeld>
__global__ void __launch_bounds__(kWarpThreads, 6) selectByWarp(Params p)
{
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    const long long line = static_cast<long long>(blockIdx.x) * kWarpsPerBlock + warp;
    if (line >= p.batch * p.rows) {
        return;
    }
    const RowView view = rowOf(p, line);
    const WarpRow<kHeld> row(view);
    unsigned lowest = 0xffffffffu, highest = kHidden;
    row.forEach([&](int, unsigned key) {
        lowest = key == kHidden ? lowest : min(lowest, key);
        highest = max(highest, key);
    });
    lowest = __reduce_min_sync(kAllLanes, lowest);
    highest = __reduce_max_sync(kAllLanes, highest);
    Threshold threshold;
    if (view.visible > p.k) {
        threshold = warpThreshold(row, lowest, highest, static_cast<unsigned>(p.k));
    }

    static_assert(kHeld <= 32);
    unsigned mine = 0; // word i of the row is in lane i
    unsigned tiesBefore = 0, place = 0;
    row.forEach([&](int i, unsigned key) {
        const bool tied = threshold.tied(key);
        const unsigned ties = __ballot_sync(kAllLanes, tied);
        const bool selected = threshold.strict(key) || (tied && tiesBefore + __popc(ties & lowerLanes()) < threshold.tiesWanted);
        const unsigned word = __ballot_sync(kAllLanes, selected);
        tiesBefore += __popc(ties);
        mine = lane == i ? word : mine;
        if (view.idx && selected) {
            view.idx[place + __popc(word & lowerLanes())] = i * 32 + lane;
        }
        place += __popc(word);
    });
    if (view.bits && lane < (p.keys + 63) / 64 * 2) {
        view.bits[lane] = mine;
    }
    if (view.idx) {
        for (long long i = place + lane; i < p.k; i += 32) {
            view.idx[i] = -1;
        }
    }
    if (lane == 0) {
        p.count[view.index] = static_cast<int>(place);
    }
    if (p.tau) {
        const float top = scoreOf(highest);
        float sum = 0;
        unsigned least = 0xffffffffu;
        row.forEach([&](int, unsigned key) {
            if (threshold.strict(key)) {
                sum += expf(scoreOf(key) - top);
                least = min(least, key);
            }
        });
        least = __reduce_min_sync(kAllLanes, least);
        for (int step = 16; step > 0; step /= 2) {
            sum += __shfl_xor_sync(kAllLanes, sum, step);
        }
        if (threshold.tiesWanted > 0) { // equal scores, so their number is enough
            least = threshold.tie;
            sum += static_cast<float>(threshold.tiesWanted) * expf(scoreOf(least) - top);
        }
        if (lane == 0) {
            writeSums(p, view, least, highest, sum);
        }
    }
}

} // namespace dsa::launch::topk_select
