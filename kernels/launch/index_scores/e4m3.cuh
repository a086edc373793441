#pragma once

#include "kernels/launch/index_scores/hopper_block.cuh"
#include "kernels/launch/wgmma_fp8.cuh"

/// The scores of e4m3 queries and keys: a row of up to 128 values is one tile's.
namespace dsa::launch::index_scores {

constexpr int kE4m3Groups = 2, kE4m3Queries = kHopperQueries / kE4m3Groups, kE4m3Threads = (kE4m3Groups + 1) * 128, kE4m3Stages = 8;

/// Behind the queries and the stages of keys.
struct E4m3Shared {
    std::uint64_t queries, full[kE4m3Stages], empty[kE4m3Stages];
};

constexpr std::size_t kE4m3Bytes = (kHopperQueries + kE4m3Stages) * hopper::kTileBytes + sizeof(E4m3Shared);

__device__ __forceinline__ void copyE4m3(const HopperParams &params, const HopperBlock &block, E4m3Shared &shared, std::uint32_t base)
{
    const std::uint32_t queries = ptx::sharedAddress(&shared.queries);
    hopper::arriveExpecting(queries, kHopperQueries * hopper::kTileBytes);
    for (int i = 0; i < kHopperQueries; ++i) {
        hopper::copyTile(base + i * hopper::kTileBytes, params.queries, queries, 0, 0, block.firstQuery + i, static_cast<int>(block.b));
    }
    int stage = 0;
    std::uint32_t parity = 1;
    for (int tile = block.firstTile; tile < block.visibleTiles; ++tile) {
        const std::uint32_t full = ptx::sharedAddress(shared.full + stage);
        hopper::waitFor(ptx::sharedAddress(shared.empty + stage), parity);
        hopper::arriveExpecting(full, hopper::kTileBytes);
        hopper::copyTile(base + (kHopperQueries + stage) * hopper::kTileBytes, params.keys, full, 0, tile * 64, 0, static_cast<int>(block.b));
        if (++stage == kE4m3Stages) {
            stage = 0;
            parity ^= 1;
        }
    }
}

/// One of the warpgroups: four queries, two at a time against 64 keys. A lane's accumulators are keys by heads, so that the sum over heads
/// is one over its own and three other lanes' values; in the end each of the four lanes has one score.
__device__ __forceinline__ void multiplyE4m3(const HopperParams &params, const HopperBlock &block, E4m3Shared &shared, std::uint32_t base, int group)
{
    const Params &p = params.p;
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32 % 4, pair = lane % 4, firstQuery = block.firstQuery + group * kE4m3Queries, odd = pair & 1, lower = pair >> 1;
    float weights[kE4m3Queries][16];
#pragma unroll
    for (int i = 0; i < kE4m3Queries; ++i) {
#pragma unroll
        for (int j = 0; j < 16; ++j) {
            const int head = j / 2 * 8 + 2 * pair + j % 2;
            weights[i][j] = firstQuery + i < p.queries && head < p.heads ? __ldg(p.w + block.b * p.wStrides[0] + (firstQuery + i) * p.wStrides[1] + head) : 0.0f;
        }
    }
    const int keys = static_cast<int>(p.keys), row = warp * 16 + lane / 4 + lower * 8;
    float *out = p.out + (block.b * p.queries + firstQuery + odd) * p.keys;
    const float *scales = p.kScale + block.b * p.keys;
    const auto multiply = [&](float (&dots)[64], int which, int stage) {
        const std::uint64_t from = hopper::descriptorOf(base + (kHopperQueries + stage) * hopper::kTileBytes),
                            to = hopper::descriptorOf(base + (group * kE4m3Queries + which * 2) * hopper::kTileBytes);
        hopper::fenceProducts();
#pragma unroll
        for (int step = 0; step < 4; ++step) {
            hopper::multiplyTilesE4m3Wide(dots, from + step * 2, to + step * 2, step > 0);
        }
        hopper::commitProducts();
    };
    const auto write = [&](const float (&dots)[64], int which, int s, float scale) {
        float sums[2][2] = {}; // query, half
#pragma unroll
        for (int i = 0; i < 32; ++i) { // the four chains in turn
#pragma unroll
            for (int query = 0; query < 2; ++query) {
                float &sum = sums[query][i / 2 % 2];
                sum = fmaf(weights[which * 2 + query][i / 4 * 2 + i % 2], ptx::relu(dots[query * 32 + i]), sum);
            }
        }
        float mine[2];
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            mine[half] = (odd ? sums[1][half] : sums[0][half]) + __shfl_xor_sync(~0u, odd ? sums[0][half] : sums[1][half], 1);
        }
        const float score = (lower ? mine[1] : mine[0]) + __shfl_xor_sync(~0u, lower ? mine[0] : mine[1], 2);
        const int t = firstQuery + which * 2 + odd;
        const bool seen = s <= t + p.offset;
        if (t < p.queries && s < keys && (seen || p.fillHidden)) {
            out[which * 2 * p.keys + s] = seen ? score * scale : -__builtin_huge_valf();
        }
    };
    if (block.firstTile < block.visibleTiles) {
        hopper::waitFor(ptx::sharedAddress(&shared.queries), 0);
    }
    int stage = 0;
    std::uint32_t parity = 0;
    for (int tile = block.firstTile; tile < block.visibleTiles; ++tile) {
        // While one half is summed the other is multiplied, and while that is summed the other warpgroup multiplies.
        float left[64], right[64];
        const int s = tile * 64 + row;
        const float scale = __ldg(scales + min(s, keys - 1));
        hopper::waitFor(ptx::sharedAddress(shared.full + stage), parity);
        multiply(left, 0, stage);
        multiply(right, 1, stage);
        hopper::waitForProducts<1>();
        hopper::hold(left);
        write(left, 0, s, scale);
        hopper::waitForProducts<0>();
        hopper::hold(right);
        __syncwarp();
        if (lane == 0) {
            hopper::arrive(ptx::sharedAddress(shared.empty + stage));
        }
        write(right, 1, s, scale);
        if (++stage == kE4m3Stages) {
            stage = 0;
            parity ^= 1;
        }
    }
    if (p.fillHidden) {
        for (int s = max(block.visibleTiles, block.firstTile) * 64 + static_cast<int>(threadIdx.x) % 128; s < min(block.endTile * 64, keys); s += 128) {
            for (int i = 0; i < kE4m3Queries && firstQuery + i < p.queries; ++i) {
                p.out[(block.b * p.queries + firstQuery + i) * p.keys + s] = -__builtin_huge_valf();
            }
        }
    }
}

__global__ void __launch_bounds__(kE4m3Threads, 1) scoresE4m3(const __grid_constant__ HopperParams params)
{
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
    extern __shared__ __align__(1024) unsigned char memory[];
    E4m3Shared &shared = *reinterpret_cast<E4m3Shared *>(memory + kE4m3Bytes - sizeof(E4m3Shared));
    const std::uint32_t base = ptx::sharedAddress(memory);
    if (threadIdx.x == 0) {
        if (base % 1024 != 0) { // the tiles' turns are those of addresses
            __trap();
        }
        hopper::initBarrier(ptx::sharedAddress(&shared.queries), 1);
        for (int i = 0; i < kE4m3Stages; ++i) {
            hopper::initBarrier(ptx::sharedAddress(shared.full + i), 1);
            hopper::initBarrier(ptx::sharedAddress(shared.empty + i), kE4m3Groups * 4);
        }
        hopper::publishBarriers();
    }
    __syncthreads();
    const HopperBlock block(params);
    const int group = __shfl_sync(~0u, static_cast<int>(threadIdx.x) / 128, 0);
    if (group == kE4m3Groups) {
        hopper::giveRegisters<40>();
        if (threadIdx.x == kE4m3Groups * 128 && block.firstTile < block.visibleTiles) {
            copyE4m3(params, block, shared, base);
        }
    } else {
        hopper::takeRegisters<232>();
        multiplyE4m3(params, block, shared, base, group);
    }
#endif
}

} // namespace dsa::launch::index_scores
