#pragma once

#include "kernels/launch/index_scores/copier.cuh"
#include "kernels/launch/ptx.cuh"
#include "kernels/launch/wgmma_wide.cuh"

/// The scores of 4, 8 or 16 heads, up to 64 wide: writing them takes longer than the products, so a block keeps as many queries as
/// its registers hold and lets all of its keys pass once.
namespace dsa::launch::index_scores {

constexpr int kFewGroups = 2, kFewThreads = kFewGroups * 128, kFewStages = 4;
constexpr int kFewRows = 128; ///< a warpgroup's queries by heads: two tiles, the columns of one product
using FewCopier = Copier<kFewGroups * 2, kFewStages>;

/// One of the warpgroups. A lane's accumulators are rows lane / 4 and lane / 4 + 8 of a warp's 16 keys by two columns of each of 16
/// groups of eight, so that up to four lanes hold the heads of a query; each ends with as many scores as the others.
template <int kHeads>
struct FewHeads {
    static constexpr int kQueries = kFewRows / kHeads;
    static constexpr int kSums = kHeads == 16 ? 8 : 16; ///< groups of columns, of 16 heads two together

    const int pair = threadIdx.x % 4, odd = pair & 1, lower = pair >> 1;
    float weights[16][2];

    __device__ FewHeads(const Params &p, long long b, int firstQuery)
    {
#pragma unroll
        for (int i = 0; i < 32; ++i) {
            const int column = i / 2 * 8 + 2 * pair + i % 2, t = firstQuery + column / kHeads, head = column % kHeads;
            weights[i / 2][i % 2] = t < p.queries ? __ldg(p.w + b * p.wStrides[0] + t * p.wStrides[1] + head) : 0.0f;
        }
    }
    /// Sum i over this lane's columns, of its upper or lower row.
    __device__ __forceinline__ float sumOf(const float (&dots)[64], int i, int half) const
    {
        float sum = 0;
#pragma unroll
        for (int n = i * 16 / kSums; n < (i + 1) * 16 / kSums; ++n) {
#pragma unroll
            for (int c = 0; c < 2; ++c) {
                sum = fmaf(weights[n][c], ptx::relu(dots[n * 4 + half * 2 + c]), sum);
            }
        }
        return sum;
    }
    /// write(query, score) for this lane's query of each group of lanes; its key is the one below.
    template <class Write>
    __device__ __forceinline__ void each(const float (&dots)[64], Write write) const
    {
        if constexpr (kHeads == 4) { // two lanes a query: each keeps one row
#pragma unroll
            for (int i = 0; i < kSums; ++i) {
                const float upper = sumOf(dots, i, 0), below = sumOf(dots, i, 1);
                write(2 * i, (odd ? below : upper) + __shfl_xor_sync(~0u, odd ? upper : below, 1));
            }
        } else { // four lanes two queries: each keeps one of them and one row
#pragma unroll
            for (int i = 0; i < kSums; i += 2) {
                float mine[2];
#pragma unroll
                for (int half = 0; half < 2; ++half) {
                    const float first = sumOf(dots, i, half), second = sumOf(dots, i + 1, half);
                    mine[half] = (odd ? second : first) + __shfl_xor_sync(~0u, odd ? first : second, 1);
                }
                write(i, (lower ? mine[1] : mine[0]) + __shfl_xor_sync(~0u, lower ? mine[0] : mine[1], 2));
            }
        }
    }
    /// What is added to the query that each() names, and to the first key of the warp's 16.
    __device__ int query() const { return kHeads == 4 ? lower : odd; }
    __device__ int key() const { return static_cast<int>(threadIdx.x) % 32 / 4 + 8 * (kHeads == 4 ? odd : lower); }
};

template <int kHeads>
__global__ void __launch_bounds__(kFewThreads, 2) scoresFewHeads(const __grid_constant__ HopperParams params)
{
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
    using Heads = FewHeads<kHeads>;
    extern __shared__ __align__(1024) unsigned char memory[];
    FewCopier::Shared &shared = FewCopier::sharedOf(memory);
    const std::uint32_t base = ptx::sharedAddress(memory);
    FewCopier::init(shared, base, kFewThreads / 32);
    const Params &p = params.p;
    const HopperBlock block(params, kFewGroups * Heads::kQueries);
    const int group = __shfl_sync(~0u, static_cast<int>(threadIdx.x) / 128, 0), warp = threadIdx.x / 32 % 4, tiles = block.visibleTiles - block.firstTile;
    const int firstQuery = block.firstQuery + group * Heads::kQueries, keys = static_cast<int>(p.keys), queries = static_cast<int>(p.queries);
    const FewCopier copier{params, block, shared, base, tiles, 64 / kHeads};
    if (tiles > 0) {
        if (threadIdx.x == 0) {
            copier.start();
        }
        __syncwarp();
        hopper::waitFor(ptx::sharedAddress(&shared.queries), 0);
    }
    const Heads heads(p, block.b, firstQuery);
    const int s0 = block.firstTile * 64 + warp * 16 + heads.key(), t0 = firstQuery + heads.query();
    float *out = p.out + (block.b * p.queries + t0) * p.keys;
    const std::uint64_t rows = copier.queryTile(group * 2);
    for (int i = 0; i < tiles; ++i) {
        float dots[64];
        copier.waitForTile(i);
        const std::uint64_t from = copier.keyTile(i);
        hopper::fenceProducts();
#pragma unroll
        for (int step = 0; step < 4; ++step) {
            hopper::multiplyTilesWide(dots, from + step * 2, rows + step * 2, step > 0);
        }
        hopper::commitProducts();
        hopper::waitForProducts<0>();
        hopper::hold(dots);
        copier.release(i);
        const int s = s0 + i * 64, lastKey = (block.firstTile + i) * 64 + 63;
        if (lastKey < keys && firstQuery + Heads::kQueries <= queries && lastKey <= firstQuery + p.offset) {
            heads.each(dots, [&](int query, float score) { out[query * p.keys + s] = score; });
        } else {
            heads.each(dots, [&](int query, float score) {
                const bool seen = s <= t0 + query + p.offset;
                if (t0 + query < queries && s < keys && (seen || p.fillHidden)) {
                    out[query * p.keys + s] = seen ? score : -__builtin_huge_valf();
                }
            });
        }
    }
    if (p.fillHidden) {
        for (int s = max(block.visibleTiles, block.firstTile) * 64 + static_cast<int>(threadIdx.x) % 128; s < min(block.endTile * 64, keys); s += 128) {
            for (int i = 0; i < Heads::kQueries && firstQuery + i < queries; ++i) {
                p.out[(block.b * p.queries + firstQuery + i) * p.keys + s] = -__builtin_huge_valf();
            }
        }
    }
#endif
}

} // namespace dsa::launch::index_scores
