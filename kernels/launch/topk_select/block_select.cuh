#pragma once

#include "kernels/launch/topk_select/warp_select.cuh"

namespace dsa::launch::topk_select {

constexpr int kBlockBins = 2048, kCandidates = 3584;

/// Sum over the threads before this one; `total` over all. Shared: a word a warp.
template <int kThreads>
__device__ unsigned blockScan(unsigned value, unsigned *warpSums, unsigned &total)
{
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    unsigned through = value;
    for (int step = 1; step < 32; step *= 2) {
        const unsigned other = __shfl_up_sync(kAllLanes, through, step);
        through += lane >= step ? other : 0;
    }
    __syncthreads(); // earlier readers of warpSums
    if (lane == 31) {
        warpSums[warp] = through;
    }
    __syncthreads();
    const unsigned sums = lane < kThreads / 32 ? warpSums[lane] : 0, before = __reduce_add_sync(kAllLanes, lane < warp ? sums : 0);
    total = __reduce_add_sync(kAllLanes, sums);
    return before + through - value;
}

/// The first `count` of these bits: the lowest keys win a tie.
__device__ __forceinline__ unsigned lowestBits(unsigned word, unsigned count)
{
    unsigned taken = 0;
    for (; count > 0 && word != 0; --count) {
        taken |= word & -word;
        word &= word - 1;
    }
    return taken;
}

/// A block's row, read again at every pass.
template <int kThreads>
struct BlockRow {
    const float *scores;
    int visible;

    __device__ explicit BlockRow(const RowView &row)
        : scores(row.scores)
        , visible(row.visible)
    {}

    /// f(s, key) for every key below `end`, all threads of a warp together; a hidden key is kHidden.
    template <class F>
    __device__ void forEach(int end, F f) const
    {
        constexpr int kBatch = 4; // reads on their way together
        for (int first = 0; first < end; first += kBatch * kThreads) {
            unsigned batch[kBatch];
#pragma unroll
            for (int i = 0; i < kBatch; ++i) {
                const int s = first + i * kThreads + threadIdx.x;
                batch[i] = s < visible ? orderedKey(__ldg(scores + s)) : kHidden;
            }
#pragma unroll
            for (int i = 0; i < kBatch; ++i) {
                if (first + i * kThreads < end) {
                    f(first + i * kThreads + static_cast<int>(threadIdx.x), batch[i]);
                }
            }
        }
    }
};

struct BlockShared {
    unsigned histogram[kBlockBins], warpSums[32];
    unsigned bin, inside, wanted, candidates;
};

/// In which bin the wanted-th key lies, how many are inside, and how many of those are wanted; to all threads.
template <int kThreads>
__device__ void chooseBin(BlockShared &shared, unsigned wanted)
{
    constexpr int kPerThread = kBlockBins / kThreads;
    // Thread 0 holds the highest bins.
    unsigned sum = 0, total = 0;
    for (int i = 0; i < kPerThread; ++i) {
        sum += shared.histogram[kBlockBins - 1 - (threadIdx.x * kPerThread + i)];
    }
    unsigned above = blockScan<kThreads>(sum, shared.warpSums, total);
    if (above < wanted && above + sum >= wanted) {
        for (int i = 0; i < kPerThread; ++i) {
            const unsigned bin = kBlockBins - 1 - (threadIdx.x * kPerThread + i), own = shared.histogram[bin];
            if (above + own >= wanted) {
                shared.bin = bin;
                shared.inside = own;
                shared.wanted = wanted - above;
                break;
            }
            above += own;
        }
    }
    __syncthreads();
}

template <int kThreads>
__device__ Threshold blockThreshold(const BlockRow<kThreads> &row, BlockShared &shared, unsigned *candidates, unsigned wanted)
{
    unsigned prefix = 0, mask = 0;
    bool gathered = false;
    for (int pass = 0; pass < 3; ++pass) {
        const int shift = pass == 0 ? 21 : pass == 1 ? 10 : 0;
        const unsigned digit = pass == 2 ? 1023 : 2047;
        for (int i = threadIdx.x; i < kBlockBins; i += kThreads) {
            shared.histogram[i] = 0;
        }
        __syncthreads();
        const auto add = [&](unsigned key) {
            if (key != kHidden && (key & mask) == prefix) {
                atomicAdd(shared.histogram + (key >> shift & digit), 1u); // integers: the order does not matter
            }
        };
        if (gathered) {
            for (unsigned i = threadIdx.x; i < shared.candidates; i += kThreads) {
                add(candidates[i]);
            }
        } else {
            row.forEach(row.visible, [&](int, unsigned key) { add(key); });
        }
        __syncthreads();
        chooseBin<kThreads>(shared, wanted);
        if (pass == 0 && threadIdx.x == 0) {
            shared.candidates = 0;
        }
        wanted = shared.wanted;
        prefix |= shared.bin << shift;
        mask |= digit << shift;
        if (shared.inside == wanted) { // the whole bin
            return {max(prefix, kHidden + 1), kHidden, 0};
        }
        if (pass == 0 && shared.inside <= kCandidates) {
            __syncthreads(); // the counter is 0
            // Few are left: the next digits read them from shared memory. Their order is of no matter, only their values count.
            row.forEach(row.visible, [&](int, unsigned key) {
                if (key != kHidden && (key & mask) == prefix) {
                    candidates[atomicAdd(&shared.candidates, 1u)] = key;
                }
            });
            gathered = true;
            __syncthreads();
        }
    }
    return {prefix + 1, prefix, wanted};
}

/// The words of a row from its scores: strictly selected keys, and the tied ones.
template <int kThreads>
__device__ void wordsOfRow(const BlockRow<kThreads> &row, const Threshold &threshold, int words, unsigned *chosen, unsigned *ties)
{
    row.forEach(words * 32, [&](int s, unsigned key) {
        const unsigned strict = __ballot_sync(kAllLanes, threshold.strict(key)), tied = __ballot_sync(kAllLanes, threshold.tied(key));
        if (threadIdx.x % 32 == 0 && s < words * 32) {
            chosen[s / 32] = strict;
            ties[s / 32] = tied;
        }
    });
}

/// Takes the ties that are wanted, the lowest keys first, and writes bits, idx and count; `chosen` are then the selected keys.
/// `ties` matter only where some are wanted; what is in them afterwards is of no use.
template <int kThreads>
__device__ void writeSelection(const Params &p, const RowView &view, BlockShared &shared, unsigned tiesWanted, int words, unsigned *chosen, unsigned *ties)
{
    const int perThread = (words + kThreads - 1) / kThreads;
    const int firstWord = min(words, static_cast<int>(threadIdx.x) * perThread), lastWord = min(words, firstWord + perThread);
    unsigned total = 0;
    __syncthreads();
    if (tiesWanted > 0) {
        unsigned own = 0;
        for (int i = firstWord; i < lastWord; ++i) {
            own += __popc(ties[i]);
        }
        unsigned before = blockScan<kThreads>(own, shared.warpSums, total);
        for (int i = firstWord; i < lastWord; ++i) {
            if (before < tiesWanted) {
                chosen[i] |= lowestBits(ties[i], tiesWanted - before);
            }
            before += __popc(ties[i]);
        }
    }
    unsigned own = 0;
    for (int i = firstWord; i < lastWord; ++i) {
        own += __popc(chosen[i]);
    }
    unsigned place = blockScan<kThreads>(own, shared.warpSums, total);
    for (int i = firstWord; i < lastWord; ++i) {
        ties[i] = place; // from here on: selected keys before this word
        place += __popc(chosen[i]);
    }
    __syncthreads();
    if (view.bits) {
        for (int i = threadIdx.x; i < words; i += kThreads) {
            view.bits[i] = chosen[i];
        }
    }
    if (view.idx) {
        for (int s = threadIdx.x; s < words * 32; s += kThreads) {
            const unsigned word = chosen[s / 32];
            if (word >> s % 32 & 1u) {
                view.idx[ties[s / 32] + __popc(word & lowerLanes())] = s;
            }
        }
        for (long long i = total + threadIdx.x; i < p.k; i += kThreads) {
            view.idx[i] = -1;
        }
    }
    if (threadIdx.x == 0) {
        p.count[view.index] = static_cast<int>(total);
    }
}

/// Over the block, the same in all threads; in the same order every time.
template <int kThreads>
__device__ float sumOfBlock(float sum, unsigned *warpSums)
{
    for (int step = 16; step > 0; step /= 2) {
        sum += __shfl_xor_sync(kAllLanes, sum, step);
    }
    __syncthreads(); // earlier readers of warpSums
    if (threadIdx.x % 32 == 0) {
        warpSums[threadIdx.x / 32] = __float_as_uint(sum);
    }
    __syncthreads();
    float all = 0;
    for (int i = 0; i < kThreads / 32; ++i) {
        all += __uint_as_float(warpSums[i]);
    }
    return all;
}

/// Lowest and highest of a key over the block, to all threads.
__device__ inline void extremesOfBlock(unsigned &lowest, unsigned &highest, BlockShared &shared)
{
    __syncthreads();
    if (threadIdx.x == 0) {
        shared.bin = 0xffffffffu;
        shared.inside = kHidden;
    }
    __syncthreads();
    lowest = __reduce_min_sync(kAllLanes, lowest);
    highest = __reduce_max_sync(kAllLanes, highest);
    if (threadIdx.x % 32 == 0) {
        atomicMin(&shared.bin, lowest);
        atomicMax(&shared.inside, highest);
    }
    __syncthreads();
    lowest = shared.bin;
    highest = shared.inside;
}

/// tau and lse of the chosen keys, by two more walks over the row.
template <int kThreads>
__device__ void sumRow(const Params &p, const RowView &view, const BlockRow<kThreads> &row, BlockShared &shared, int words, const unsigned *chosen)
{
    const auto selected = [&](int s) { return s < words * 32 && (chosen[s / 32] >> s % 32 & 1u); };
    unsigned lowest = 0xffffffffu, highest = kHidden;
    row.forEach(row.visible, [&](int s, unsigned key) {
        if (selected(s)) {
            lowest = min(lowest, key);
            highest = max(highest, key);
        }
    });
    extremesOfBlock(lowest, highest, shared);
    const float top = scoreOf(highest);
    float sum = 0;
    row.forEach(row.visible, [&](int s, unsigned key) {
        if (selected(s)) {
            sum += expf(scoreOf(key) - top);
        }
    });
    sum = sumOfBlock<kThreads>(sum, shared.warpSums);
    if (threadIdx.x == 0) {
        writeSums(p, view, lowest, highest, sum, top);
    }
}

} // namespace dsa::launch::topk_select
