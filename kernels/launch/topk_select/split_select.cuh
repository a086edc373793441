#pragma once

#include "kernels/launch/topk_select/stream_select.cuh"

namespace dsa::launch::topk_select {

/// How a few long rows are cut up: the blocks of a row all draw the same sample, so they agree on a threshold without a word.
struct Slices {
    int perRow = 1, vectors = 0; ///< at most `vectors` a slice
    unsigned *counts = nullptr;  ///< [lines,perRow]
    uint2 *entries = nullptr;    ///< [lines,perRow,4 * vectors]
};

template <int kThreads, int kVectors>
__global__ void __launch_bounds__(kThreads) gatherSlices(Params p, Slices slices, unsigned capacity)
{
    constexpr float kInfinity = __builtin_huge_valf();
    extern __shared__ __align__(16) unsigned char memory[];
    __shared__ KeptShared shared;
    const RowView view = rowOf(p, blockIdx.x / slices.perRow);
    if (view.visible <= p.k) {
        return;
    }
    const VectorRow row(view);
    const int begin = static_cast<int>(blockIdx.x % slices.perRow) * slices.vectors, end = min(row.count, begin + slices.vectors);
    float4 batch[kVectors];
    row.readBatch<kThreads>(batch, begin, end); // on its way while the sample is looked at
    const float tau = row.visible > capacity ? sampledThreshold<kThreads>(row, static_cast<unsigned>(p.k), reinterpret_cast<uint2 *>(memory), shared) : -kInfinity;
    if (threadIdx.x == 0) {
        shared.added[0] = 0;
    }
    __syncthreads();
    uint2 *entries = slices.entries + static_cast<std::size_t>(blockIdx.x) * 4 * slices.vectors;
    for (int first = begin; first < end; first += kVectors * kThreads) {
        if (first > begin) {
            row.readBatch<kThreads>(batch, first, end);
        }
        const unsigned mask = reaching(batch, tau), at = reserve(__popc(mask), shared.added);
        append(entries + at, batch, mask, row.keyOf(first + static_cast<int>(threadIdx.x)), 4 * kThreads);
    }
    __syncthreads();
    if (threadIdx.x == 0) {
        slices.counts[blockIdx.x] = shared.added[0];
    }
}

/// A block a row, of what gatherSlices found; reads the row itself where that was too little or too much.
template <int kThreads, int kVectors>
__global__ void __launch_bounds__(kThreads) joinSlices(Params p, Slices slices, unsigned capacity)
{
    extern __shared__ __align__(16) unsigned char memory[];
    __shared__ KeptShared shared;
    const RowView view = rowOf(p, blockIdx.x);
    uint2 *entries = reinterpret_cast<uint2 *>(memory);
    if (view.visible > p.k) {
        const std::size_t first = static_cast<std::size_t>(blockIdx.x) * slices.perRow;
        const unsigned own = threadIdx.x < slices.perRow ? slices.counts[first + threadIdx.x] : 0;
        unsigned total = 0;
        const unsigned before = blockScan<kThreads>(own, shared.warpSums, total);
        if (total >= p.k && total <= capacity) {
            if (threadIdx.x < slices.perRow) {
                shared.histogram[threadIdx.x] = before;
                shared.histogram[kThreads + threadIdx.x] = own;
            }
            __syncthreads();
            for (int slice = threadIdx.x / 32; slice < slices.perRow; slice += kThreads / 32) {
                const uint2 *from = slices.entries + (first + slice) * 4 * slices.vectors;
                uint2 *to = entries + shared.histogram[slice];
                for (unsigned i = threadIdx.x % 32, count = shared.histogram[kThreads + slice]; i < count; i += 32) {
                    to[i] = __ldg(from + i);
                }
            }
            __syncthreads();
            keepBest<kThreads>(entries, total, static_cast<unsigned>(p.k), shared);
            writeKept<kThreads>(p, view, entries, shared);
            return;
        }
        __syncthreads();
    }
    selectRow<kThreads, kVectors, true>(p, view, entries, capacity, shared);
}

} // namespace dsa::launch::topk_select
