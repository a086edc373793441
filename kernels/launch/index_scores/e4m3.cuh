#pragma once

#include "kernels/launch/index_scores/copier.cuh"
#include "kernels/launch/wgmma_fp8.cuh"

/// The scores of e4m3 queries and keys: a row of up to 128 values is one tile's, and products take half the time of those in bf16, so four
/// warpgroups share a block's eight queries: while some sum, others multiply.
namespace dsa::launch::index_scores {

constexpr int kE4m3Groups = kHopperQueries / 2, kE4m3Threads = kE4m3Groups * 128;
using E4m3Copier = Copier<kHopperQueries, 8>;

/// One of the warpgroups: two queries against 64 keys at a time. A lane's accumulators are keys by heads, so that the sum over heads is one
/// over its own and three other lanes' values; in the end each of the four lanes has one score.
__device__ __forceinline__ void multiplyE4m3(const HopperParams &params, const HopperBlock &block, E4m3Copier::Shared &shared, std::uint32_t base)
{
    const Params &p = params.p;
    const int group = __shfl_sync(~0u, static_cast<int>(threadIdx.x) / 128, 0), lane = threadIdx.x % 32, warp = threadIdx.x / 32 % 4, pair = lane % 4;
    const int firstQuery = block.firstQuery + group * 2, odd = pair & 1, lower = pair >> 1, tiles = block.visibleTiles - block.firstTile;
    float weights[2][16];
#pragma unroll
    for (int i = 0; i < 2; ++i) {
#pragma unroll
        for (int j = 0; j < 16; ++j) {
            const int head = j / 2 * 8 + 2 * pair + j % 2;
            weights[i][j] = firstQuery + i < p.queries && head < p.heads ? __ldg(p.w + block.b * p.wStrides[0] + (firstQuery + i) * p.wStrides[1] + head) : 0.0f;
        }
    }
    const int t = firstQuery + odd, keys = static_cast<int>(p.keys);
    const bool isThere = t < p.queries;
    float *out = p.out + (block.b * p.queries + t) * p.keys;
    const float *scales = p.kScale + block.b * p.keys;
    const E4m3Copier copier{params, block, shared, base, tiles, 1};
    const std::uint64_t queries = copier.queryTile(group * 2);
    if (tiles > 0) {
        if (threadIdx.x == 0) {
            copier.start();
        }
        __syncwarp();
        hopper::waitFor(ptx::sharedAddress(&shared.queries), 0);
    }
    for (int i = 0; i < tiles; ++i) {
        const int s = (block.firstTile + i) * 64 + warp * 16 + lane / 4 + lower * 8;
        const float scale = __ldg(scales + min(s, keys - 1));
        float dots[64];
        copier.waitForTile(i);
        const std::uint64_t from = copier.keyTile(i);
        hopper::fenceProducts();
#pragma unroll
        for (int step = 0; step < 4; ++step) {
            hopper::multiplyTilesE4m3Wide(dots, from + step * 2, queries + step * 2, step > 0);
        }
        hopper::commitProducts();
        hopper::waitForProducts<0>();
        hopper::hold(dots);
        copier.release(i);
        float sums[2][2] = {}; // query, half
#pragma unroll
        for (int j = 0; j < 32; ++j) { // the four chains in turn
#pragma unroll
            for (int query = 0; query < 2; ++query) {
                float &sum = sums[query][j / 2 % 2];
                sum = fmaf(weights[query][j / 4 * 2 + j % 2], ptx::relu(dots[query * 32 + j]), sum);
            }
        }
        float mine[2];
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            mine[half] = (odd ? sums[1][half] : sums[0][half]) + __shfl_xor_sync(~0u, odd ? sums[0][half] : sums[1][half], 1);
        }
        const float score = (lower ? mine[1] : mine[0]) + __shfl_xor_sync(~0u, lower ? mine[0] : mine[1], 2);
        const bool seen = s <= t + p.offset;
        if (isThere && s < keys && (seen || p.fillHidden)) {
            out[s] = seen ? score * scale : -__builtin_huge_valf();
        }
    }
    if (p.fillHidden) {
        for (int s = max(block.visibleTiles, block.firstTile) * 64 + static_cast<int>(threadIdx.x) % 128; s < min(block.endTile * 64, keys); s += 128) {
            for (int i = 0; i < 2 && firstQuery + i < p.queries; ++i) {
                p.out[(block.b * p.queries + firstQuery + i) * p.keys + s] = -__builtin_huge_valf();
            }
        }
    }
}

__global__ void __launch_bounds__(kE4m3Threads, 1) scoresE4m3(const __grid_constant__ HopperParams params)
{
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
    extern __shared__ __align__(1024) unsigned char memory[];
    E4m3Copier::Shared &shared = E4m3Copier::sharedOf(memory);
    const std::uint32_t base = ptx::sharedAddress(memory);
    E4m3Copier::init(shared, base, kE4m3Groups * 4);
    const HopperBlock block(params, kHopperQueries);
    multiplyE4m3(params, block, shared, base);
#endif
}

} // namespace dsa::launch::index_scores
