#pragma once

#include "kernels/launch/ptx.cuh"
#include "kernels/launch/topk_select/ordered_key.cuh"
#include "kernels/launch/topk_select/topk_select.h"

namespace dsa::launch::topk_select {

constexpr int kWarpThreads = 128, kWarpsPerBlock = kWarpThreads / 32;
constexpr unsigned kAllLanes = 0xffffffffu;
constexpr int kWarpBins = 256;

__device__ __forceinline__ unsigned lowerLanes()
{
    return (1u << (threadIdx.x % 32)) - 1;
}

/// What one warp has in shared memory: a column a lane for the scores near the threshold, so deep that it holds any row.
template <int kHeld>
struct WarpShared {
    unsigned bins[kWarpBins];
    unsigned columns[kHeld * 32]; ///< bits of the scores, then places of their keys
};

template <int kHeld>
constexpr std::size_t kWarpSelectBytes = kWarpsPerBlock * sizeof(WarpShared<kHeld>);

/// A warp's row in registers: score i * 32 + lane in slot i, so that a ballot is 32 bits of the mask. What is hidden is a NaN,
/// which no comparison lets through.
template <int kHeld>
struct WarpRow {
    static constexpr int kGroup = 8; // slots behind one look at the row's end
    float scores[kHeld];
    int slots, own; ///< slots of the row, and those in which this lane has a visible score

    __device__ explicit WarpRow(const RowView &row) : slots((row.visible + 31) / 32), own((row.visible + 31 - static_cast<int>(threadIdx.x % 32)) / 32)
    {
        const float *const mine = row.scores + threadIdx.x % 32; // one address, and constants from there
#pragma unroll
        for (int i = 0; i < kHeld; ++i) {
            scores[i] = i < own ? __ldg(mine + i * 32) : __int_as_float(0x7fc00000);
        }
    }

    /// f(i, score) for the slots that hold a visible score, and for some behind them.
    template <class F>
    __device__ __forceinline__ void forEach(F f) const
    {
#pragma unroll
        for (int first = 0; first < kHeld; first += kGroup) {
            if (first < slots) {
#pragma unroll
                for (int i = 0; i < kGroup; ++i) {
                    f(first + i, scores[first + i]);
                }
            }
        }
    }
};

/// What makes a score selected: at least `lower` (no NaN is), or a tie and among the first `tiesWanted` of those.
struct ScoreThreshold {
    float lower = -__builtin_huge_valf(), tie = 0;
    unsigned tiesWanted = 0;
    bool nanTies = false; ///< fewer numbers than wanted: the ties are the visible NaNs

    __device__ bool strict(float score) const { return score >= lower; }
    __device__ bool tied(float score, bool visible) const { return nanTies ? visible && score != score : score == tie; }
};

/// Lane i gets the i-th largest value of the warp.
__device__ __forceinline__ unsigned sortedDescending(unsigned x)
{
    const int lane = threadIdx.x % 32;
#pragma unroll
    for (int size = 2; size <= 32; size *= 2) {
#pragma unroll
        for (int step = size / 2; step > 0; step /= 2) {
            const unsigned other = __shfl_xor_sync(kAllLanes, x, step);
            x = ((lane & size) == 0) == ((lane & step) == 0) ? max(x, other) : min(x, other);
        }
    }
    return x;
}

/// The threshold where the wanted-th of at most 32 keys is sought: lane i holds the i-th largest, as its place from `base` on plus 1, or 0.
__device__ __forceinline__ ScoreThreshold sortedThreshold(unsigned sorted, unsigned base, unsigned wanted)
{
    const unsigned last = __shfl_sync(kAllLanes, sorted, wanted - 1), key = base + last - 1;
    const unsigned above = __popc(__ballot_sync(kAllLanes, sorted > last)), through = above + __popc(__ballot_sync(kAllLanes, sorted == last));
    return through == wanted ? ScoreThreshold{scoreOf(key)} : ScoreThreshold{scoreOf(key + 1), scoreOf(key), wanted - above};
}

/// The threshold among the scores of the columns, all of them keys base .. base + range: digits of eight bits until at most 32 are left
/// to be sorted. `depth` scores are in this lane's column, `inside` in all; the wanted-th of them is sought.
template <int kHeld>
__device__ ScoreThreshold columnThreshold(WarpShared<kHeld> &shared, int depth, unsigned base, unsigned range, unsigned inside, unsigned wanted)
{
    const int lane = threadIdx.x % 32, deepest = __reduce_max_sync(kAllLanes, depth);
    uint4 *bins = reinterpret_cast<uint4 *>(shared.bins);
    unsigned *const places = shared.columns + lane;
    for (int j = 0; j < depth; ++j) {
        places[j * 32] = orderedNumber(__uint_as_float(places[j * 32])) - base;
    }
    unsigned first = 0; // where the range begins, from `base` on
    while (inside != wanted && range > 1) {
        if (inside <= 32) {
            shared.bins[lane] = 0;
            unsigned *const count = shared.bins + 32;
            if (lane == 0) {
                *count = 0;
            }
            __syncwarp();
            for (int j = 0; j < deepest; ++j) {
                const unsigned place = places[j * 32] - first;
                if (j < depth && place < range) {
                    shared.bins[atomicAdd(count, 1u)] = place + 1; // in any order: they are sorted
                }
            }
            __syncwarp();
            return sortedThreshold(sortedDescending(shared.bins[lane]), base + first, wanted);
        }
        const int shift = max(0, 24 - __clz(static_cast<int>(range - 1)));
        bins[lane] = bins[lane + 32] = make_uint4(0, 0, 0, 0);
        __syncwarp();
        for (int j = 0; j < deepest; ++j) {
            const unsigned place = places[j * 32] - first;
            if (j < depth && place < range) {
                atomicAdd(shared.bins + (place >> shift), 1u); // integers: the order does not matter
            }
        }
        __syncwarp();
        // Lane 0 holds the highest bins.
        const uint4 upper = bins[63 - 2 * lane], lower = bins[62 - 2 * lane];
        const unsigned own[8] = {upper.w, upper.z, upper.y, upper.x, lower.w, lower.z, lower.y, lower.x};
        unsigned sum = 0;
#pragma unroll
        for (int i = 0; i < 8; ++i) {
            sum += own[i];
        }
        unsigned through = sum;
#pragma unroll
        for (int step = 1; step < 32; step *= 2) {
            const unsigned other = __shfl_up_sync(kAllLanes, through, step);
            through += lane >= step ? other : 0;
        }
        unsigned above = through - sum, bin = 0, count = 0, rest = 0;
        const bool here = above < wanted && through >= wanted;
#pragma unroll
        for (int i = 0; i < 8; ++i) {
            if (above < wanted && above + own[i] >= wanted) {
                bin = 255 - lane * 8 - i;
                count = own[i];
                rest = wanted - above;
            }
            above += own[i];
        }
        const int source = __ffs(static_cast<int>(__ballot_sync(kAllLanes, here))) - 1;
        bin = __shfl_sync(kAllLanes, bin, source);
        inside = __shfl_sync(kAllLanes, count, source);
        wanted = __shfl_sync(kAllLanes, rest, source);
        first += bin << shift;
        range = min(1u << shift, range - (bin << shift));
        __syncwarp(); // all have read the bins
    }
    base += first;
    if (inside == wanted) { // the whole range
        return {scoreOf(base)};
    }
    return {scoreOf(base + 1), scoreOf(base), wanted};
}

/// The wanted-th score; more are visible. Thirty-two scores from all over the row say between which two the threshold should lie:
/// one pass counts what is above and keeps what is between, and if that was wrong another one looks on the other side.
/// What the samples are decides how long it takes, never what comes out.
template <int kHeld>
__device__ ScoreThreshold warpThreshold(const WarpRow<kHeld> &row, WarpShared<kHeld> &shared, unsigned sample, int visible, unsigned wanted)
{
    constexpr float kInfinity = __builtin_huge_valf();
    const int lane = threadIdx.x % 32;
    const unsigned sorted = sortedDescending(sample);
    const float share = static_cast<float>(wanted) / static_cast<float>(visible), expected = 32 * share;
    const float spread = 2 * sqrtf(expected * (1 - share)) + 0.5f; // two standard deviations of the number of samples above
    const int upper = static_cast<int>(expected - spread) - 1, lower = static_cast<int>(expected + spread) + 1;
    const float nobody = __int_as_float(0x7fc00000);
    float low = -kInfinity, high = nobody, highest = nobody; // low <= score, and not score >= high; highest: the next to try for high
    if (expected > spread && upper >= 0) {
        high = scoreOf(__shfl_sync(kAllLanes, sorted, upper));
    }
    const unsigned found = __shfl_sync(kAllLanes, sorted, min(lower, 31)), next = __shfl_sync(kAllLanes, sorted, min(lower, 31) - 1);
    if (found == next && found != kNan) { // many scores are equal: it may be these, and then nothing else is to be looked at
        low = scoreOf(found);
        highest = high == low ? nobody : high;
        high = scoreOf(found + 1);
    } else if (lower < 32 && found != kNan) {
        low = scoreOf(found);
    }
    while (true) {
        unsigned count = 0;
        int place = lane;
        row.forEach([&](int, float score) {
            const bool from = score >= low;
            count += from ? 1u : 0u;
            if (from && !(score >= high)) {
                shared.columns[place] = __float_as_uint(score);
                place += 32;
            }
        });
        const int depth = place / 32;
        count = __reduce_add_sync(kAllLanes, count);
        if (count < wanted) {
            if (low == -kInfinity) {
                return {low, 0, wanted - count, true};
            }
            high = low;
            low = -kInfinity;
            continue;
        }
        const unsigned inside = __reduce_add_sync(kAllLanes, static_cast<unsigned>(depth)), above = count - inside;
        if (above >= wanted) {
            low = high;
            high = highest;
            highest = nobody;
            continue;
        }
        const unsigned base = orderedNumber(low), end = high == high ? orderedNumber(high) : orderedNumber(kInfinity) + 1;
        return columnThreshold(shared, depth, base, end - base, inside, wanted - above);
    }
}

/// A warp a row.
template <int kHeld, int kBlocks>
__global__ void __launch_bounds__(kWarpThreads, kBlocks) selectByWarp(Params p)
{
    extern __shared__ __align__(16) unsigned char memory[];
    constexpr int kWords = (kHeld + 31) / 32;
    constexpr float kInfinity = __builtin_huge_valf();
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    const long long line = static_cast<long long>(blockIdx.x) * kWarpsPerBlock + warp;
    if (line >= p.batch * p.rows) {
        return;
    }
    const RowView view = rowOf(p, line);
    const bool all = view.visible <= p.k;
    const int words = static_cast<int>((p.keys + 63) / 64 * 2);
    unsigned mine[kWords] = {}; // word i of the row is in lane i % 32
    if (all) {
#pragma unroll
        for (int j = 0; j < kWords; ++j) {
            const int rest = view.visible - (j * 32 + lane) * 32;
            mine[j] = rest >= 32 ? ~0u : rest <= 0 ? 0u : (1u << rest) - 1;
        }
    }
    if (!all || p.tau) {
        const unsigned sample = all ? 0 : orderedKey(__ldg(view.scores + (2 * lane + 1) * static_cast<long long>(view.visible) / 64));
        const WarpRow<kHeld> row(view);
        ScoreThreshold threshold;
        if (!all) {
            WarpShared<kHeld> &shared = reinterpret_cast<WarpShared<kHeld> *>(memory)[warp];
            threshold = warpThreshold(row, shared, sample, view.visible, static_cast<unsigned>(p.k));
            row.forEach([&](int i, float score) {
                const unsigned word = __ballot_sync(kAllLanes, threshold.strict(score));
                mine[i / 32] = lane == i % 32 ? word : mine[i / 32];
            });
            if (threshold.tiesWanted > 0) {
                unsigned before = 0;
                row.forEach([&](int i, float score) {
                    const bool tied = threshold.tied(score, i < row.own);
                    const unsigned ties = __ballot_sync(kAllLanes, tied);
                    const unsigned word = __ballot_sync(kAllLanes, tied && before + __popc(ties & lowerLanes()) < threshold.tiesWanted);
                    mine[i / 32] |= lane == i % 32 ? word : 0u;
                    before += __popc(ties);
                });
            }
        }
        if (p.tau) {
            float top = -kInfinity, least = kInfinity, sum = 0;
            row.forEach([&](int, float score) { top = fmaxf(top, score); }); // a NaN is no maximum
            bool anyNan = false, number = view.visible > 0; // among the visible: what is selected may be NaNs only where numbers are too few
            if (all || threshold.nanTies) {
                row.forEach([&](int i, float score) { anyNan = anyNan || (score != score && i < row.own); });
                anyNan = __any_sync(kAllLanes, anyNan);
            }
            if (anyNan) {
                number = false;
                row.forEach([&](int, float score) { number = number || score == score; });
                number = __any_sync(kAllLanes, number);
            }
            top = scoreOf(__reduce_max_sync(kAllLanes, orderedNumber(top)));
            row.forEach([&](int, float score) {
                if (threshold.strict(score)) {
                    sum += ptx::exp2Fast((score - top) * ptx::kLog2E); // unrolled: a longer one would not stay in the instruction cache
                    least = fminf(least, score);
                }
            });
            least = scoreOf(__reduce_min_sync(kAllLanes, orderedNumber(least)));
            for (int step = 16; step > 0; step /= 2) {
                sum += __shfl_xor_sync(kAllLanes, sum, step);
            }
            if (threshold.tiesWanted > 0 && !threshold.nanTies) { // equal scores, so their number is enough
                least = threshold.tie;
                sum += static_cast<float>(threshold.tiesWanted) * expf(least - top);
            }
            if (lane == 0) {
                writeSums(p, view, anyNan ? kNan : orderedNumber(least), number ? orderedNumber(top) : anyNan ? kNan : kHidden, sum, top);
            }
        }
    }
    const int count = static_cast<int>(min(static_cast<long long>(view.visible), static_cast<long long>(p.k)));
    if (lane == 0) {
        p.count[view.index] = count;
    }
    if (view.bits) {
#pragma unroll
        for (int j = 0; j < kWords; ++j) {
            if (j * 32 + lane < words) {
                view.bits[j * 32 + lane] = mine[j];
            }
        }
    }
    if (view.idx) {
        unsigned place = 0;
#pragma unroll
        for (int j = 0; j < kWords; ++j) {
            for (int i = 0; i < 32; ++i) {
                const unsigned word = __shfl_sync(kAllLanes, mine[j], i);
                if (word >> lane & 1u) {
                    view.idx[place + __popc(word & lowerLanes())] = (j * 32 + i) * 32 + lane;
                }
                place += __popc(word);
            }
        }
        for (long long i = count + lane; i < p.k; i += 32) {
            view.idx[i] = -1;
        }
    }
}

} // namespace dsa::launch::topk_select
