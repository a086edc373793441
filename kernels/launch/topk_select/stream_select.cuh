#pragma once

#include "kernels/launch/topk_select/kept_entries.cuh"

namespace dsa::launch::topk_select {

/// A row as 16-byte vectors from the last boundary before it; what is no visible key of it is a NaN, which reaches no threshold.
struct VectorRow {
    const float4 *vectors;
    int count, lead, visible, first, end; ///< lead: scores before the row's first; vectors first .. end are the row's throughout

    __device__ explicit VectorRow(const RowView &view) : visible(view.visible)
    {
        const std::size_t address = reinterpret_cast<std::size_t>(view.scores);
        lead = static_cast<int>(address % sizeof(float4) / sizeof(float));
        vectors = reinterpret_cast<const float4 *>(address - lead * sizeof(float));
        count = (lead + visible + 3) / 4;
        first = lead > 0 ? 1 : 0;
        end = (lead + visible) / 4;
    }

    __device__ __forceinline__ unsigned keyOf(int vector) const { return static_cast<unsigned>(4 * vector - lead); } ///< of its first score

    __device__ __forceinline__ float4 read(int vector) const
    {
        const float nobody = __int_as_float(0x7fc00000);
        float4 x = vector < count ? __ldg(vectors + vector) : make_float4(nobody, nobody, nobody, nobody);
        if (vector < first || vector >= end) {
            const int before = -4 * vector + lead, behind = before + visible; // of its scores, those are the row's
            x.x = 0 >= before && 0 < behind ? x.x : nobody;
            x.y = 1 >= before && 1 < behind ? x.y : nobody;
            x.z = 2 >= before && 2 < behind ? x.z : nobody;
            x.w = 3 >= before && 3 < behind ? x.w : nobody;
        }
        return x;
    }

    /// One vector a thread and kVectors times so from `from` on, below `limit`.
    template <int kThreads, int kVectors>
    __device__ __forceinline__ void readBatch(float4 (&batch)[kVectors], int from, int limit) const
    {
        const int own = from + static_cast<int>(threadIdx.x);
        if (from >= first && from + kVectors * kThreads <= min(end, limit)) {
            const float4 *source = vectors + own;
#pragma unroll
            for (int i = 0; i < kVectors; ++i) {
                batch[i] = __ldcs(source + i * kThreads); // read once: it should push nothing else out of the cache
            }
            return;
        }
        const float nobody = __int_as_float(0x7fc00000);
#pragma unroll
        for (int i = 0; i < kVectors; ++i) {
            batch[i] = own + i * kThreads < limit ? read(own + i * kThreads) : make_float4(nobody, nobody, nobody, nobody);
        }
    }
};

/// A bit for each score that reaches tau.
template <int kVectors>
__device__ __forceinline__ unsigned reaching(const float4 (&batch)[kVectors], float tau)
{
    static_assert(kVectors <= 8);
    unsigned mask = 0;
#pragma unroll
    for (int i = 0; i < kVectors; ++i) {
        mask |= batch[i].x >= tau ? 1u << 4 * i : 0;
        mask |= batch[i].y >= tau ? 2u << 4 * i : 0;
        mask |= batch[i].z >= tau ? 4u << 4 * i : 0;
        mask |= batch[i].w >= tau ? 8u << 4 * i : 0;
    }
    return mask;
}

/// Those of a thread's scores; s: key of the first, `stride` keys from one vector to the next.
template <int kVectors>
__device__ __forceinline__ void append(uint2 *to, const float4 (&batch)[kVectors], unsigned mask, unsigned s, unsigned stride)
{
#pragma unroll
    for (int i = 0; i < kVectors; ++i) {
        const float own[4] = {batch[i].x, batch[i].y, batch[i].z, batch[i].w};
#pragma unroll
        for (int j = 0; j < 4; ++j) {
            if (mask & 1u << (4 * i + j)) {
                *to++ = make_uint2(__float_as_uint(own[j]), s + i * stride + j);
            }
        }
    }
}

/// Where a thread's share of `own` begins, in a counter that its block shares.
__device__ __forceinline__ unsigned reserve(unsigned own, unsigned *counter)
{
    const int lane = threadIdx.x % 32;
    unsigned through = own;
#pragma unroll
    for (int step = 1; step < 32; step *= 2) { // the shuffle's own predicate says which lanes have such a neighbour
        asm volatile("{ .reg .pred has; .reg .u32 other; shfl.sync.up.b32 other|has, %0, %1, 0, -1; @has add.u32 %0, %0, other; }" : "+r"(through) : "r"(step));
    }
    unsigned base = 0;
    if (lane == 31) { // one lane: nothing for the compiler to gather
        asm volatile("atom.shared.add.u32 %0, [%1], %2;" : "=r"(base) : "r"(static_cast<unsigned>(__cvta_generic_to_shared(counter))), "r"(through) : "memory");
    }
    return __shfl_sync(kAllLanes, base, 31) + through - own;
}

constexpr int kSamplePieces = 256, kSamples = kSamplePieces * 8; ///< two vectors a piece: a sector of memory

/// A score that some more than `wanted` visible scores should reach: most likely, no more than that. The entries are free afterwards.
template <int kThreads>
__device__ float sampledThreshold(const VectorRow &row, unsigned wanted, uint2 *entries, KeptShared &shared)
{
    constexpr float kInfinity = __builtin_huge_valf();
    const float share = static_cast<float>(wanted) / static_cast<float>(row.visible), expected = kSamples * share;
    const float rank = expected + 4.5f * sqrtf(expected * (1 - share)) + 2;
    if (rank >= kSamples) {
        return -kInfinity;
    }
#pragma unroll
    for (int i = threadIdx.x; i < kSamplePieces * 2; i += kThreads) {
        const int vector = (static_cast<int>((i / 2) * static_cast<long long>(row.count - 2) / (kSamplePieces - 1)) & ~1) + i % 2;
        const float4 x = row.read(vector);
        const auto number = [](float score) { return __float_as_uint(score == score ? score : -kInfinity); };
        const unsigned at = 4 * i;
        entries[at] = make_uint2(number(x.x), at);
        entries[at + 1] = make_uint2(number(x.y), at + 1);
        entries[at + 2] = make_uint2(number(x.z), at + 2);
        entries[at + 3] = make_uint2(number(x.w), at + 3);
    }
    __syncthreads();
    const unsigned long long least = leastOfBest<kThreads>(entries, kSamples, static_cast<unsigned>(rank), shared);
    __syncthreads();
    return scoreOf(static_cast<unsigned>(least >> 32));
}

/// The scores that reach tau, as entries. Whenever there is no room the best `wanted` stay and tau rises above the least of them:
/// keys come in ascending order, so a later one of the same score could not displace it. Returns how many there are; if fewer than
/// `wanted`, tau was too high. The capacity must hold `wanted` and one vector a thread more.
template <int kThreads, int kVectors, bool kAhead>
__device__ unsigned streamRow(const VectorRow &row, float tau, unsigned wanted, uint2 *entries, unsigned capacity, KeptShared &shared)
{
    unsigned count = 0, turn = 0;
    if (threadIdx.x < 3) {
        shared.added[threadIdx.x] = 0;
    }
    __syncthreads();
    float4 batch[kVectors], next[kVectors];
    if (kAhead) {
        row.readBatch<kThreads>(next, 0, row.count);
    }
    for (int first = 0; first < row.count; first += kVectors * kThreads) {
        if (kAhead) {
#pragma unroll
            for (int i = 0; i < kVectors; ++i) {
                batch[i] = next[i];
            }
            if (first + kVectors * kThreads < row.count) {
                row.readBatch<kThreads>(next, first + kVectors * kThreads, row.count);
            }
        } else {
            row.readBatch<kThreads>(batch, first, row.count);
        }
        const unsigned mask = reaching(batch, tau), own = __popc(mask), place = count + reserve(own, shared.added + turn);
        if (place + own <= capacity) {
            append(entries + place, batch, mask, row.keyOf(first + static_cast<int>(threadIdx.x)), 4 * kThreads);
        }
        __syncthreads();
        const unsigned added = shared.added[turn];
        turn = turn == 2 ? 0 : turn + 1;
        if (threadIdx.x == 0) {
            shared.added[turn == 2 ? 0 : turn + 1] = 0; // of the batch before: all have read it
        }
        if (count + added <= capacity) {
            count += added;
            continue;
        }
        // Again, a vector a thread at a time, out of the cache.
#pragma unroll 1
        for (int i = 0; i < kVectors; ++i) {
            const int vector = first + i * kThreads + static_cast<int>(threadIdx.x);
            const float4 x[1] = {row.read(vector)};
            unsigned mask = reaching(x, tau), total = 0, at = blockScan<kThreads>(__popc(mask), shared.warpSums, total);
            if (count + total > capacity) {
                const unsigned long long least = keepBest<kThreads>(entries, count, wanted, shared);
                count = wanted;
                tau = scoreOf(static_cast<unsigned>(least >> 32) + 1);
                mask = reaching(x, tau);
                at = blockScan<kThreads>(__popc(mask), shared.warpSums, total);
            }
            append(entries + count + at, x, mask, row.keyOf(vector), 0);
            count += total;
            __syncthreads();
        }
        if (kAhead) {
            row.readBatch<kThreads>(next, first + kVectors * kThreads, row.count); // again too: not kept in registers over all this
        }
    }
    __syncthreads();
    return count;
}

/// A row of which every visible key is selected.
template <int kThreads>
__device__ void selectAll(const Params &p, const RowView &view)
{
    if (view.bits) {
        for (int i = threadIdx.x; i < (p.keys + 63) / 64 * 2; i += kThreads) {
            const int rest = view.visible - i * 32;
            view.bits[i] = rest >= 32 ? ~0u : rest <= 0 ? 0u : (1u << rest) - 1;
        }
    }
    if (view.idx) {
        for (int i = threadIdx.x; i < p.k; i += kThreads) {
            view.idx[i] = i < view.visible ? i : -1;
        }
    }
    if (threadIdx.x == 0) {
        p.count[view.index] = view.visible;
    }
}

/// By digits of all keys: what also takes rows with NaN among the selected. Memory: selectByDigitsBytes.
template <int kThreads>
__device__ void selectByDigits(const Params &p, const RowView &view, unsigned *memory, BlockShared &shared)
{
    const int words = static_cast<int>((p.keys + 63) / 64 * 2);
    unsigned *chosen = memory, *ties = memory + words;
    const BlockRow<kThreads> row(view);
    Threshold threshold;
    if (view.visible > p.k) {
        threshold = blockThreshold(row, shared, ties + words, static_cast<unsigned>(p.k));
    }
    wordsOfRow(row, threshold, words, chosen, ties);
    writeSelection<kThreads>(p, view, shared, threshold.tiesWanted, words, chosen, ties);
    if (p.tau) {
        sumRow(p, view, row, shared, words, chosen);
    }
}

/// A row by one block, read once in all likelihood: a sample gives the threshold to begin with. Where it was too high the row is read
/// again without. What the samples are decides how long it takes, never what comes out.
template <int kThreads, int kVectors, bool kAhead>
__device__ void selectRow(const Params &p, const RowView &view, uint2 *entries, unsigned capacity, KeptShared &shared)
{
    constexpr float kInfinity = __builtin_huge_valf();
    const unsigned wanted = static_cast<unsigned>(p.k);
    if (view.visible <= p.k) {
        if (p.tau) {
            selectByDigits<kThreads>(p, view, reinterpret_cast<unsigned *>(entries), shared);
        } else {
            selectAll<kThreads>(p, view);
        }
        return;
    }
    const VectorRow row(view);
    float tau = row.visible > capacity ? sampledThreshold<kThreads>(row, wanted, entries, shared) : -kInfinity;
    while (true) {
        const unsigned count = streamRow<kThreads, kVectors, kAhead>(row, tau, wanted, entries, capacity, shared);
        if (count >= wanted) {
            keepBest<kThreads>(entries, count, wanted, shared);
            writeKept<kThreads>(p, view, entries, shared);
            return;
        }
        if (tau == -kInfinity) {
            break;
        }
        tau = -kInfinity;
        __syncthreads();
    }
    selectByDigits<kThreads>(p, view, reinterpret_cast<unsigned *>(entries), shared); // fewer numbers than wanted
}

template <int kThreads, int kVectors, bool kAhead, int kBlocks>
__global__ void __launch_bounds__(kThreads, kBlocks) selectStreamed(Params p)
{
    extern __shared__ __align__(16) unsigned char memory[];
    __shared__ KeptShared shared;
    unsigned bytes;
    asm("mov.u32 %0, %%dynamic_smem_size;" : "=r"(bytes));
    const unsigned capacity = bytes / sizeof(uint2);
    selectRow<kThreads, kVectors, kAhead>(p, rowOf(p, blockIdx.x), reinterpret_cast<uint2 *>(memory), capacity, shared);
}

} // namespace dsa::launch::topk_select
