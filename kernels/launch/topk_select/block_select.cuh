#pragma once

#include "kernels/launch/topk_select/warp_select.cuh"

namespace dsa::launch::topk_select {

constexpr int kBlockBins = 2048, kCandidates = 4096;

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
    unsigned before = 0;
    total = 0;
    for (int i = 0; i < kThreads / 32; ++i) {
        before += i < warp ? warpSums[i] : 0;
        total += warpSums[i];
    }
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

/// A block's row: held in registers (key i * kThreads + thread in slot i), or with kHeld = 0 read again at every pass.
template <int kThreads, int kHeld>
struct BlockRow {
    const float *scores;
    int visible;
    unsigned keys[kHeld > 0 ? kHeld : 1];

    __device__ explicit BlockRow(const RowView &row) : scores(row.scores), visible(row.visible)
    {
        if constexpr (kHeld > 0) {
#pragma unroll
            for (int i = 0; i < kHeld; ++i) {
                const int s = i * kThreads + threadIdx.x;
                keys[i] = s < visible ? orderedKey(scores[s]) : kHidden;
            }
        }
    }

    /// f(s, key) for every slot below `end`, all threads of a warp together; a hidden key is kHidden.
    template <class F>
    __device__ void forEach(int end, F f) const
    {
        if constexpr (kHeld > 0) {
#pragma unroll
            for (int i = 0; i < kHeld; ++i) {
                if (i * kThreads < end) {
                    f(i * kThreads + static_cast<int>(threadIdx.x), keys[i]);
                }
            }
        } else {
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
    }
};

struct BlockShared {
    unsigned histogram[kBlockBins], warpSums[32];
    unsigned bin, inside, wanted, candidates;
};

template <int kThreads, int kHeld>
__device__ Threshold blockThreshold(const BlockRow<kThreads, kHeld> &row, BlockShared &shared, unsigned *candidates, unsigned wanted)
{
    constexpr int kPerThread = kBlockBins / kThreads;
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
            if (pass == 0) {
                shared.candidates = 0;
            }
        }
        __syncthreads();
        wanted = shared.wanted;
        prefix |= shared.bin << shift;
        mask |= digit << shift;
        if (shared.inside == wanted) { // the whole bin
            return {max(prefix, kHidden + 1), kHidden, 0};
        }
        if (kHeld == 0 && pass == 0 && shared.inside <= kCandidates) {
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

/// A block a row. Dynamic shared memory: two 32-bit words for 32 keys, and kCandidates words when the row is not held.
template <int kThreads, int kHeld>
__global__ void __launch_bounds__(kThreads, kHeld > 0 ? 1 : 2) selectByBlock(Params p)
{
    extern __shared__ unsigned dynamic[];
    __shared__ BlockShared shared;
    const int words = static_cast<int>((p.keys + 63) / 64 * 2), perThread = (words + kThreads - 1) / kThreads;
    const int firstWord = min(words, static_cast<int>(threadIdx.x) * perThread), lastWord = min(words, firstWord + perThread);
    unsigned *chosen = dynamic, *ties = dynamic + words;
    const RowView view = rowOf(p, blockIdx.x);
    const BlockRow<kThreads, kHeld> row(view);
    Threshold threshold;
    if (row.visible > p.k) {
        threshold = blockThreshold(row, shared, dynamic + 2 * words, static_cast<unsigned>(p.k));
    }

    row.forEach(words * 32, [&](int s, unsigned key) {
        const unsigned strict = __ballot_sync(kAllLanes, threshold.strict(key)), tied = __ballot_sync(kAllLanes, threshold.tied(key));
        if (threadIdx.x % 32 == 0 && s < words * 32) {
            chosen[s / 32] = strict;
            ties[s / 32] = tied;
        }
    });
    __syncthreads();
    unsigned total = 0;
    if (threshold.tiesWanted > 0) {
        unsigned own = 0;
        for (int i = firstWord; i < lastWord; ++i) {
            own += __popc(ties[i]);
        }
        unsigned before = blockScan<kThreads>(own, shared.warpSums, total);
        for (int i = firstWord; i < lastWord; ++i) {
            if (before < threshold.tiesWanted) {
                chosen[i] |= lowestBits(ties[i], threshold.tiesWanted - before);
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
    if (p.tau) {
        const auto selected = [&](int s) { return s < words * 32 && (chosen[s / 32] >> s % 32 & 1u); };
        if (threadIdx.x == 0) {
            shared.bin = 0xffffffffu;
            shared.inside = kHidden;
        }
        __syncthreads();
        unsigned lowest = 0xffffffffu, highest = kHidden;
        row.forEach(row.visible, [&](int s, unsigned key) {
            if (selected(s)) {
                lowest = min(lowest, key);
                highest = max(highest, key);
            }
        });
        lowest = __reduce_min_sync(kAllLanes, lowest);
        highest = __reduce_max_sync(kAllLanes, highest);
        if (threadIdx.x % 32 == 0) {
            atomicMin(&shared.bin, lowest);
            atomicMax(&shared.inside, highest);
        }
        __syncthreads();
        lowest = shared.bin;
        highest = shared.inside;
        const float top = scoreOf(highest);
        float sum = 0;
        row.forEach(row.visible, [&](int s, unsigned key) {
            if (selected(s)) {
                sum += expf(scoreOf(key) - top);
            }
        });
        for (int step = 16; step > 0; step /= 2) {
            sum += __shfl_xor_sync(kAllLanes, sum, step);
        }
        if (threadIdx.x % 32 == 0) {
            shared.warpSums[threadIdx.x / 32] = __float_as_uint(sum);
        }
        __syncthreads();
        if (threadIdx.x == 0) {
            float all = 0;
            for (int i = 0; i < kThreads / 32; ++i) {
                all += __uint_as_float(shared.warpSums[i]);
            }
            writeSums(p, view, lowest, highest, all);
        }
    }
}

} // namespace dsa::launch::topk_select
