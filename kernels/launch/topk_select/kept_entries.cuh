#pragma once

#include "kernels/launch/topk_select/block_select.cuh"

namespace dsa::launch::topk_select {

/// Where an entry (bits of its score, its key) stands in the selection rule: no two of a row stand alike, so what is kept of a row
/// does not depend on the order in which its entries arrived.
__device__ __forceinline__ unsigned long long placeOf(uint2 entry)
{
    return static_cast<unsigned long long>(orderedNumber(__uint_as_float(entry.x))) << 32 | ~entry.y;
}

struct KeptShared : BlockShared {
    unsigned added[3]; ///< entries by batch, in turn
    unsigned long long least;
};

/// A place that exactly `wanted` of the entries reach; there are at least as many. All threads see the entries.
template <int kThreads>
__device__ unsigned long long leastOfBest(const uint2 *entries, unsigned count, unsigned wanted, KeptShared &shared)
{
    unsigned lowest = 0xffffffffu, highest = kHidden;
    for (unsigned i = threadIdx.x; i < count; i += kThreads) {
        const unsigned key = orderedNumber(__uint_as_float(entries[i].x));
        lowest = min(lowest, key);
        highest = max(highest, key);
    }
    extremesOfBlock(lowest, highest, shared);
    unsigned long long base = static_cast<unsigned long long>(lowest) << 32, range = static_cast<unsigned long long>(highest - lowest + 1) << 32;
    while (true) {
        const int shift = max(0, 53 - __clzll(static_cast<long long>(range - 1))); // eleven bits
        for (int i = threadIdx.x; i < kBlockBins; i += kThreads) {
            shared.histogram[i] = 0;
        }
        __syncthreads();
        for (unsigned i = threadIdx.x; i < count; i += kThreads) {
            const unsigned long long place = placeOf(entries[i]) - base;
            if (place < range) {
                atomicAdd(shared.histogram + (place >> shift), 1u); // integers: the order does not matter
            }
        }
        __syncthreads();
        chooseBin<kThreads>(shared, wanted);
        const unsigned inside = shared.inside;
        const unsigned long long first = static_cast<unsigned long long>(shared.bin) << shift;
        wanted = shared.wanted;
        base += first;
        range = min(1ull << shift, range - first);
        if (inside == wanted) { // the whole range
            return base;
        }
        if (inside <= kThreads) { // each of the few counts those above it
            unsigned long long *few = reinterpret_cast<unsigned long long *>(shared.histogram);
            if (threadIdx.x == 0) {
                shared.candidates = 0;
            }
            __syncthreads();
            for (unsigned i = threadIdx.x; i < count; i += kThreads) {
                const unsigned long long place = placeOf(entries[i]);
                if (place - base < range) {
                    few[atomicAdd(&shared.candidates, 1u)] = place;
                }
            }
            __syncthreads();
            if (threadIdx.x < inside) {
                const unsigned long long own = few[threadIdx.x];
                unsigned above = 0;
#pragma unroll 2
                for (unsigned i = 0; i < inside; ++i) {
                    above += few[i] > own ? 1 : 0;
                }
                if (above + 1 == wanted) {
                    shared.least = own;
                }
            }
            __syncthreads();
            return shared.least;
        }
    }
}

/// Leaves the best `wanted` entries, in front; returns the place that all of them reach.
template <int kThreads>
__device__ unsigned long long keepBest(uint2 *entries, unsigned count, unsigned wanted, KeptShared &shared)
{
    constexpr int kEach = 2;
    const unsigned long long least = leastOfBest<kThreads>(entries, count, wanted, shared);
    unsigned kept = 0;
    for (unsigned first = 0; first < count; first += kThreads * kEach) {
        uint2 mine[kEach];
        unsigned own = 0;
        bool keeps[kEach];
#pragma unroll
        for (int i = 0; i < kEach; ++i) {
            const unsigned at = first + i * kThreads + threadIdx.x;
            mine[i] = at < count ? entries[at] : make_uint2(0, 0);
            keeps[i] = at < count && placeOf(mine[i]) >= least;
            own += keeps[i] ? 1 : 0;
        }
        unsigned total = 0, place = kept + blockScan<kThreads>(own, shared.warpSums, total); // all have read theirs
#pragma unroll
        for (int i = 0; i < kEach; ++i) {
            if (keeps[i]) {
                entries[place++] = mine[i];
            }
        }
        kept += total;
    }
    __syncthreads();
    return least;
}

constexpr int kSumThreads = 256; ///< of the sum under the logarithm, so that it is the same whatever block makes it

/// Bytes behind k entries that writeKept needs, and those entries.
__host__ __device__ constexpr std::size_t writeKeptBytes(std::size_t keys, std::size_t k)
{
    const std::size_t words = (keys + 63) / 64;
    return k * sizeof(uint2) + words * sizeof(unsigned long long) + (words + 7) / 8 * 16 + k * sizeof(float);
}

/// Writes a row's results from its k kept entries: a bit for each, whose number in the row is its place in the ascending list.
template <int kThreads>
__device__ void writeKept(const Params &p, const RowView &view, uint2 *entries, KeptShared &shared)
{
    constexpr int kWarps = kThreads / 32, kRounds = 4;
    const int words = static_cast<int>((p.keys + 63) / 64), k = static_cast<int>(p.k), lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    unsigned long long *chosen = reinterpret_cast<unsigned long long *>(entries + k);
    unsigned short *before = reinterpret_cast<unsigned short *>(chosen + words); // selected keys before a word
    float *inOrder = reinterpret_cast<float *>(before + (words + 7) / 8 * 8);
    for (int i = threadIdx.x; i < words; i += kThreads) {
        chosen[i] = 0;
    }
    __syncthreads();
    for (int i = threadIdx.x; i < k; i += kThreads) {
        const unsigned s = entries[i].y;
        atomicOr(reinterpret_cast<unsigned *>(chosen) + s / 32, 1u << s % 32);
    }
    __syncthreads();
    const int each = (words + kWarps - 1) / kWarps, firstWord = warp * each, lastWord = min(words, firstWord + each);
    unsigned sum = 0;
    for (int first = firstWord; first < lastWord; first += kRounds * 32) {
        unsigned own[kRounds], through[kRounds];
#pragma unroll
        for (int i = 0; i < kRounds; ++i) {
            const int at = first + i * 32 + lane;
            own[i] = through[i] = at < lastWord ? __popcll(chosen[at]) : 0;
        }
#pragma unroll
        for (int step = 1; step < 32; step *= 2) {
#pragma unroll
            for (int i = 0; i < kRounds; ++i) {
                const unsigned other = __shfl_up_sync(kAllLanes, through[i], step);
                through[i] += lane >= step ? other : 0;
            }
        }
#pragma unroll
        for (int i = 0; i < kRounds; ++i) {
            const int at = first + i * 32 + lane;
            if (at < lastWord) {
                before[at] = static_cast<unsigned short>(sum + through[i] - own[i]);
            }
            sum += __shfl_sync(kAllLanes, through[i], 31);
        }
    }
    if (lane == 0) {
        shared.warpSums[warp] = sum;
    }
    __syncthreads();
    unsigned earlier = 0;
    for (int i = 0; i < warp; ++i) {
        earlier += shared.warpSums[i];
    }
    for (int i = firstWord + lane; i < lastWord; i += 32) {
        before[i] = static_cast<unsigned short>(before[i] + earlier);
    }
    __syncthreads();
    unsigned lowest = 0xffffffffu, highest = kHidden;
    for (int i = threadIdx.x; i < k; i += kThreads) {
        const uint2 entry = entries[i];
        const unsigned place = before[entry.y / 64] + __popcll(chosen[entry.y / 64] & ((1ull << entry.y % 64) - 1));
        if (view.idx) {
            view.idx[place] = static_cast<int>(entry.y);
        }
        if (p.tau) {
            const unsigned key = orderedNumber(__uint_as_float(entry.x));
            lowest = min(lowest, key);
            highest = max(highest, key);
            inOrder[place] = __uint_as_float(entry.x);
        }
    }
    if (view.bits) {
        for (int i = threadIdx.x; i < words; i += kThreads) {
            reinterpret_cast<unsigned long long *>(view.bits)[i] = chosen[i];
        }
    }
    if (threadIdx.x == 0) {
        p.count[view.index] = k;
    }
    if (p.tau) {
        extremesOfBlock(lowest, highest, shared);
        const float top = scoreOf(highest);
        float part = 0;
        if (threadIdx.x < kSumThreads) {
            for (int i = threadIdx.x; i < k; i += kSumThreads) {
                part += expf(inOrder[i] - top);
            }
        }
        part = sumOfBlock<kThreads>(part, shared.warpSums);
        if (threadIdx.x == 0) {
            writeSums(p, view, lowest, highest, part, top);
        }
    }
}

} // namespace dsa::launch::topk_select
