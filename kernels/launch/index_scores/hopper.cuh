#pragma once

#include "kernels/launch/index_scores/hopper_block.cuh"
#include "kernels/launch/ptx.cuh"
#include "kernels/launch/wgmma_wide.cuh"

#include <cuda_bf16.h>

namespace dsa::launch::index_scores {

constexpr int kHopperThreads = 384, kHopperHeads = 64, kHopperStages = 5, kKeyBytes = 2 * hopper::kTileBytes, kQueryBytes = kHopperQueries * 2 * hopper::kTileBytes;

/// Behind the queries and the stages of keys.
struct HopperShared {
    std::uint64_t queries, full[kHopperStages], empty[kHopperStages];
};

constexpr std::size_t kHopperBytes = kQueryBytes + kHopperStages * kKeyBytes + sizeof(HopperShared);

__device__ __forceinline__ void copyTiles(const HopperParams &params, const HopperBlock &block, HopperShared &shared, std::uint32_t base)
{
    const std::uint32_t queries = ptx::sharedAddress(&shared.queries);
    hopper::arriveExpecting(queries, kQueryBytes);
    for (int i = 0; i < kHopperQueries; ++i) {
        for (int part = 0; part < 2; ++part) { // of two queries' left halves, then their right ones
            hopper::copyTile(base + (i / 2 * 4 + part * 2 + i % 2) * hopper::kTileBytes, params.queries, queries, part * 64, 0, block.firstQuery + i, static_cast<int>(block.b));
        }
    }
    int stage = 0;
    std::uint32_t parity = 1;
    for (int tile = block.firstTile; tile < block.visibleTiles; ++tile) {
        const std::uint32_t full = ptx::sharedAddress(shared.full + stage), to = base + kQueryBytes + stage * kKeyBytes;
        hopper::waitFor(ptx::sharedAddress(shared.empty + stage), parity);
        hopper::arriveExpecting(full, kKeyBytes);
        hopper::copyTile(to, params.keys, full, 0, tile * 64, 0, static_cast<int>(block.b));
        hopper::copyTile(to + hopper::kTileBytes, params.keys, full, 64, tile * 64, 0, static_cast<int>(block.b));
        if (++stage == kHopperStages) {
            stage = 0;
            parity ^= 1;
        }
    }
}

/// One of two warpgroups: four queries, two at a time against 64 keys. A lane's accumulators are keys by heads, so that the sum over heads
/// is one over its own and three other lanes' values; in the end each of the four lanes has one score.
__device__ __forceinline__ void multiplyScores(const HopperParams &params, const HopperBlock &block, HopperShared &shared, std::uint32_t base, int group)
{
    const Params &p = params.p;
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32 % 4, pair = lane % 4, firstQuery = block.firstQuery + group * 4, odd = pair & 1, lower = pair >> 1;
    float weights[4][16];
#pragma unroll
    for (int i = 0; i < 4; ++i) {
#pragma unroll
        for (int j = 0; j < 16; ++j) {
            const int head = j / 2 * 8 + 2 * pair + j % 2;
            weights[i][j] = firstQuery + i < p.queries && head < p.heads ? __ldg(p.w + block.b * p.wStrides[0] + (firstQuery + i) * p.wStrides[1] + head) : 0.0f;
        }
    }
    const std::uint64_t queries[2] = {hopper::descriptorOf(base + group * 8 * hopper::kTileBytes), hopper::descriptorOf(base + (group * 8 + 4) * hopper::kTileBytes)};
    float *out = p.out + (block.b * p.queries + firstQuery + odd) * p.keys;
    const auto multiply = [&](float (&dots)[64], int which, int stage) {
        const std::uint64_t keys = hopper::descriptorOf(base + kQueryBytes + stage * kKeyBytes);
        hopper::fenceProducts();
#pragma unroll
        for (int step = 0; step < 8; ++step) {
            hopper::multiplyTilesWide(dots, keys + step / 4 * (hopper::kTileBytes / 16) + step % 4 * 2, queries[which] + step / 4 * (2 * hopper::kTileBytes / 16) + step % 4 * 2, step > 0);
        }
        hopper::commitProducts();
    };
    const auto write = [&](const float (&dots)[64], int which, int tile) {
        float sums[2][2] = {}; // query, half
#pragma unroll
        for (int i = 0; i < 64; ++i) {
            float &sum = sums[i / 32][i / 2 % 2];
            sum = fmaf(weights[which * 2 + i / 32][i / 4 % 8 * 2 + i % 2], ptx::relu(dots[i]), sum);
        }
        float mine[2];
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            mine[half] = (odd ? sums[1][half] : sums[0][half]) + __shfl_xor_sync(~0u, odd ? sums[0][half] : sums[1][half], 1);
        }
        const float score = (lower ? mine[1] : mine[0]) + __shfl_xor_sync(~0u, lower ? mine[0] : mine[1], 2);
        const int t = firstQuery + which * 2 + odd, s = tile * 64 + warp * 16 + lane / 4 + lower * 8;
        const bool seen = s <= t + p.offset;
        if (t < p.queries && s < p.keys && (seen || p.fillHidden)) {
            out[which * 2 * p.keys + s] = seen ? score : -__builtin_huge_valf();
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
        hopper::waitFor(ptx::sharedAddress(shared.full + stage), parity);
        multiply(left, 0, stage);
        multiply(right, 1, stage);
        hopper::waitForProducts<1>();
        hopper::hold(left);
        write(left, 0, tile);
        hopper::waitForProducts<0>();
        hopper::hold(right);
        __syncwarp();
        if (lane == 0) {
            hopper::arrive(ptx::sharedAddress(shared.empty + stage));
        }
        write(right, 1, tile);
        if (++stage == kHopperStages) {
            stage = 0;
            parity ^= 1;
        }
    }
    if (p.fillHidden) {
        for (int s = max(block.visibleTiles, block.firstTile) * 64 + static_cast<int>(threadIdx.x) % 128; s < min(block.endTile * 64ll, static_cast<long long>(p.keys)); s += 128) {
            for (int i = 0; i < 4 && firstQuery + i < p.queries; ++i) {
                p.out[(block.b * p.queries + firstQuery + i) * p.keys + s] = -__builtin_huge_valf();
            }
        }
    }
}

__global__ void __launch_bounds__(kHopperThreads, 1) scoresHopper(const __grid_constant__ HopperParams params)
{
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
    extern __shared__ __align__(1024) unsigned char memory[];
    HopperShared &shared = *reinterpret_cast<HopperShared *>(memory + kHopperBytes - sizeof(HopperShared));
    const std::uint32_t base = ptx::sharedAddress(memory);
    if (threadIdx.x == 0) {
        if (base % 1024 != 0) { // the tiles' turns are those of addresses
            __trap();
        }
        hopper::initBarrier(ptx::sharedAddress(&shared.queries), 1);
        for (int i = 0; i < kHopperStages; ++i) {
            hopper::initBarrier(ptx::sharedAddress(shared.full + i), 1);
            hopper::initBarrier(ptx::sharedAddress(shared.empty + i), 8);
        }
        hopper::publishBarriers();
    }
    __syncthreads();
    const HopperBlock block(params, kHopperQueries);
    const int group = __shfl_sync(~0u, static_cast<int>(threadIdx.x) / 128, 0);
    if (group == 2) {
        hopper::giveRegisters<40>();
        if (threadIdx.x == 256 && block.firstTile < block.visibleTiles) {
            copyTiles(params, block, shared, base);
        }
    } else {
        hopper::takeRegisters<232>();
        multiplyScores(params, block, shared, base, group);
    }
#endif
}

} // namespace dsa::launch::index_scores
