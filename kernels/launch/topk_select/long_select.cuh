#pragma once

#include "kernels/launch/topk_select/block_select.cuh"

namespace dsa::launch::topk_select {

constexpr int kLongThreads = 512, kColumnDepth = 22; // two rows of 131072 keys fit a multiprocessor

constexpr std::size_t kColumnBytes = kLongThreads * (sizeof(float) + sizeof(unsigned short)); ///< of one score a thread and of where it stood

/// Thread i gets the i-th largest key of the block.
__device__ inline unsigned sortedByBlock(unsigned x, unsigned *scratch)
{
    const int thread = threadIdx.x;
    for (int size = 2; size <= kLongThreads; size *= 2) {
        for (int step = size / 2; step > 0; step /= 2) {
            unsigned other;
            if (step >= 32) {
                scratch[thread] = x;
                __syncthreads();
                other = scratch[thread ^ step];
                __syncthreads();
            } else {
                other = __shfl_xor_sync(kAllLanes, x, step);
            }
            x = ((thread & size) == 0) == ((thread & step) == 0) ? max(x, other) : min(x, other);
        }
    }
    return x;
}

/// The scores near the threshold of a long row, and what is known of those above.
struct Columns {
    float *scores;
    unsigned short *rounds; ///< key round * kLongThreads + thread
    int capacity;           ///< of a column
    int depth = 0;          ///< in this thread's column; more than its capacity: some are missing

    /// f(s, score) for every score of this thread's column.
    template <class F>
    __device__ void forEach(F f) const
    {
        for (int j = 0; j < depth; ++j) {
            const int at = j * kLongThreads + static_cast<int>(threadIdx.x);
            f(rounds[at] * kLongThreads + static_cast<int>(threadIdx.x), scores[at]);
        }
    }
};

/// The threshold among the columns' scores, all of them keys base .. base + range: digits of eleven bits.
__device__ inline Threshold columnsThreshold(const Columns &columns, BlockShared &shared, unsigned base, unsigned range, unsigned inside, unsigned wanted)
{
    while (inside != wanted && range > 1) {
        const int shift = max(0, 21 - __clz(static_cast<int>(range - 1)));
        for (int i = threadIdx.x; i < kBlockBins; i += kLongThreads) {
            shared.histogram[i] = 0;
        }
        __syncthreads();
        columns.forEach([&](int, float score) {
            const unsigned place = orderedNumber(score) - base;
            if (place < range) {
                atomicAdd(shared.histogram + (place >> shift), 1u); // integers: the order does not matter
            }
        });
        __syncthreads();
        chooseBin<kLongThreads>(shared, wanted);
        wanted = shared.wanted;
        inside = shared.inside;
        const unsigned first = shared.bin << shift;
        base += first;
        range = min(1u << shift, range - first);
    }
    if (inside == wanted) { // the whole range
        return {base, kHidden, 0};
    }
    return {base + 1, base, wanted};
}

/// What one walk over a row found.
struct Sampled {
    Threshold threshold;
    unsigned highest = kHidden; ///< key of the highest score
    float reference = 0, sum = 0; ///< of exp(score - reference) over those selected before the columns' were known
    bool fits = false;          ///< the threshold is what it should be; if not, nothing here is of use
    bool tiesKnown = false;
};

/// Writes the words of the keys that are surely selected into `chosen`; those near the threshold stay in the columns, or where they
/// are all equal go into `ties`. More than k keys are visible.
__device__ inline Sampled walkOnce(const Params &p, const RowView &view, BlockShared &shared, int words, unsigned *chosen, unsigned *ties, Columns &columns)
{
    constexpr float kInfinity = __builtin_huge_valf();
    constexpr int kBatch = 16; // reads on their way together
    const int lane = threadIdx.x % 32, end = words * 32;
    const long long place = (2 * threadIdx.x + 1) * static_cast<long long>(view.visible) / (2 * kLongThreads);
    const unsigned sorted = sortedByBlock(orderedKey(__ldg(view.scores + place)), shared.histogram);
    const float share = static_cast<float>(p.k) / static_cast<float>(view.visible), expected = kLongThreads * share;
    const float spread = 2.5f * sqrtf(expected * (1 - share)) + 1; // in standard deviations of the number of samples above
    const int upper = static_cast<int>(expected - spread) - 1, lower = static_cast<int>(expected + spread) + 1;
    shared.histogram[threadIdx.x] = sorted;
    __syncthreads();
    Sampled result;
    result.reference = scoreOf(shared.histogram[0]);
    float low = -kInfinity, high = __int_as_float(0x7fc00000); // kept: low <= score, and not score >= high
    if (expected > spread && upper >= 0) {
        high = scoreOf(shared.histogram[upper]);
    }
    const unsigned found = shared.histogram[min(lower, kLongThreads - 1)], next = shared.histogram[min(lower, kLongThreads - 1) - 1];
    const bool plateau = found == next && found != kNan; // many scores are equal: it may be these, and then nothing else is kept
    if (plateau) {
        low = scoreOf(found);
        high = scoreOf(found + 1);
    } else if (lower < kLongThreads && found != kNan) {
        low = scoreOf(found);
    }

    float top = -kInfinity;
    unsigned above = 0, tied = 0;
    for (int first = 0; first < end; first += kBatch * kLongThreads) {
        float batch[kBatch];
#pragma unroll
        for (int i = 0; i < kBatch; ++i) {
            const int s = first + i * kLongThreads + static_cast<int>(threadIdx.x);
            batch[i] = s < view.visible ? __ldg(view.scores + s) : __int_as_float(0x7fc00000);
        }
#pragma unroll
        for (int i = 0; i < kBatch; ++i) {
            const int s = first + i * kLongThreads + static_cast<int>(threadIdx.x);
            const float score = batch[i];
            const bool strict = score >= high;
            const unsigned word = __ballot_sync(kAllLanes, strict);
            if (lane == 0 && s < end) {
                chosen[s / 32] = word;
                above += __popc(word);
            }
            if (plateau) {
                const unsigned equal = __ballot_sync(kAllLanes, score == low);
                if (lane == 0 && s < end) {
                    ties[s / 32] = equal;
                    tied += __popc(equal);
                }
            } else if (score >= low && !strict) {
                if (columns.depth < columns.capacity) {
                    const int at = columns.depth * kLongThreads + static_cast<int>(threadIdx.x);
                    columns.scores[at] = score;
                    columns.rounds[at] = static_cast<unsigned short>(first / kLongThreads + i);
                }
                ++columns.depth;
            }
            if (p.tau) {
                top = fmaxf(top, score); // a NaN is no maximum
                result.sum += strict ? expf(score - result.reference) : 0.0f;
            }
        }
    }
    unsigned total = 0, inside = 0;
    blockScan<kLongThreads>(above, shared.warpSums, total);
    blockScan<kLongThreads>(plateau ? tied : static_cast<unsigned>(columns.depth), shared.warpSums, inside);
    const bool full = __syncthreads_or(columns.depth > columns.capacity);
    const unsigned wanted = static_cast<unsigned>(p.k);
    if (full || total >= wanted || total + inside < wanted) {
        return result;
    }
    if (p.tau) {
        unsigned lowest = 0;
        result.highest = orderedNumber(top);
        extremesOfBlock(lowest, result.highest, shared);
        const float highest = scoreOf(result.highest);
        if (!(fabsf(highest - result.reference) < 60)) { // the sum would not be exact, or infinite
            return result;
        }
    }
    const unsigned base = orderedNumber(low), last = high == high ? orderedNumber(high) : orderedNumber(kInfinity) + 1;
    result.threshold = plateau ? Threshold{base + 1, base, wanted - total} : columnsThreshold(columns, shared, base, last - base, inside, wanted - total);
    result.fits = true;
    result.tiesKnown = plateau;
    return result;
}

/// A block a row, read once. A sample of 512 scores says between which two the threshold should lie; what is above is selected as it
/// comes by, what is between is kept and decided at the end. Where the sample was wrong, or too much lies between, the row is read
/// again digit by digit. Dynamic shared memory: two words for 32 keys, and kCandidates words or as many columns as there is room for.
/// What the samples are decides how long it takes, never what comes out.
__global__ void __launch_bounds__(kLongThreads, 2) selectLong(Params p)
{
    extern __shared__ __align__(16) unsigned dynamic[];
    __shared__ BlockShared shared;
    const int words = static_cast<int>((p.keys + 63) / 64 * 2);
    unsigned *chosen = dynamic, *ties = dynamic + words;
    float *scores = reinterpret_cast<float *>(ties + words);
    unsigned bytes;
    asm("mov.u32 %0, %%dynamic_smem_size;" : "=r"(bytes));
    const int capacity = static_cast<int>((bytes - 2 * words * sizeof(unsigned)) / kColumnBytes);
    Columns columns{scores, reinterpret_cast<unsigned short *>(scores + capacity * kLongThreads), capacity};
    const RowView view = rowOf(p, blockIdx.x);
    const BlockRow<kLongThreads> row(view);
    const bool all = view.visible <= p.k;
    Sampled sampled;
    if (!all) {
        sampled = walkOnce(p, view, shared, words, chosen, ties, columns);
    }
    Threshold threshold = sampled.threshold;
    if (!sampled.fits) {
        if (!all) {
            threshold = blockThreshold(row, shared, reinterpret_cast<unsigned *>(scores), static_cast<unsigned>(p.k));
        }
        wordsOfRow(row, threshold, words, chosen, ties);
        writeSelection<kLongThreads>(p, view, shared, threshold.tiesWanted, words, chosen, ties);
        if (p.tau) {
            sumRow(p, view, row, shared, words, chosen);
        }
        return;
    }
    if (threshold.tiesWanted > 0 && !sampled.tiesKnown) {
        for (int i = threadIdx.x; i < words; i += kLongThreads) {
            ties[i] = 0;
        }
        __syncthreads();
    }
    unsigned lowest = 0xffffffffu, highest = kHidden;
    columns.forEach([&](int s, float score) {
        const unsigned key = orderedNumber(score), bit = 1u << s % 32;
        if (threshold.strict(key)) {
            atomicOr(chosen + s / 32, bit);
            lowest = min(lowest, key);
            sampled.sum += expf(score - sampled.reference);
        } else if (threshold.tied(key)) {
            atomicOr(ties + s / 32, bit);
        }
    });
    writeSelection<kLongThreads>(p, view, shared, threshold.tiesWanted, words, chosen, ties);
    if (p.tau) {
        extremesOfBlock(lowest, highest, shared);
        float sum = sumOfBlock<kLongThreads>(sampled.sum, shared.warpSums);
        if (threshold.tiesWanted > 0) { // equal scores, so their number is enough
            lowest = threshold.tie;
            sum += static_cast<float>(threshold.tiesWanted) * expf(scoreOf(lowest) - sampled.reference);
        }
        if (threadIdx.x == 0) {
            writeSums(p, view, lowest, sampled.highest, sum, sampled.reference);
        }
    }
}

} // namespace dsa::launch::topk_select
