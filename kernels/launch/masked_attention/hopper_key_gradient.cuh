#pragma once

#include "kernels/launch/masked_attention/hopper_tiles.cuh"
#include "kernels/launch/masked_attention/key_block.cuh"

namespace dsa::launch::masked_attention {

constexpr int kKeyGradientStages = 2;

template <int kWidth>
constexpr std::size_t kHopperKeyGradientBytes = 1024 + (2 + kKeyGradientStages * 2) * (kWidth / 64) * hopper::kTileBytes;

/// gradK and gradV, with keys as rows and queries as columns: the transposed probabilities are left operands as they come.
template <class T, int kWidth, int kBlocks>
__global__ void __launch_bounds__(kHopperThreads, kBlocks) hopperKeyGradient(const __grid_constant__ HopperParams params)
{
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
    extern __shared__ unsigned char memory[];
    constexpr int kStages = kKeyGradientStages, kParts = kWidth / 64, kBytes = kParts * hopper::kTileBytes, kSteps = kWidth / 16, kStageBytes = 2 * kBytes;
    __shared__ Ring<kStages> ring;
    __shared__ TileSet tiles;
    __shared__ __align__(8) float logSums[kStages][kTile], deltas[kStages][kTile]; // of the queries of a stage
    const Params &p = params.p;
    const std::uint32_t own = hopper::alignedTiles(memory), base = own + 2 * kBytes;
    const BlockOrder order(static_cast<int>(p.batch * p.keyHeads), tilesOf(p.keys), params.together);
    const KeyBlock block(p, order.head, order.tile * kTile);
    const int group = static_cast<int>(p.heads / p.keyHeads), queryCount = static_cast<int>(p.queries), keyCount = static_cast<int>(p.keys);
    ring.init(kHopperThreads + 1, block.b, block.keyHead, block.first);
    if (threadIdx.x == 0) {
        copyPair<kParts>(own, params.own[0], params.own[1], ptx::sharedAddress(&ring.held), block.first, block.keyHead, block.b);
    }
    block.listed(p, tiles);
    TileWalk ahead(tiles);
    TileQueue<kStages> queue;
    int aheadHead = 0;
    if (group == 0) {
        ahead.tile = -1;
    }
    const auto fetch = [&](int stage) { // the warps in turn
        queue.add(ahead.tile);
        if (ahead.tile >= 0) {
            const int h = ring.head * group + aheadHead, t = ahead.tile * kTile + static_cast<int>(threadIdx.x) % kTile;
            const std::uint32_t barrier = ptx::sharedAddress(ring.full + stage);
            if (threadIdx.x == stage * 32) {
                copyPair<kParts>(base + stage * kStageBytes, params.first, params.second, barrier, ahead.tile * kTile, h, ring.b);
            }
            const bool sums = threadIdx.x < kTile;
            const float *from = (sums ? p.lse : p.delta) + (ring.b * p.heads + h) * p.queries;
            ptx::copyAsync4(ptx::sharedAddress((sums ? logSums : deltas)[stage] + threadIdx.x % kTile), t < queryCount ? from + t : from, t < queryCount);
            hopper::arriveAfterCopies(barrier);
            ahead.advance(tiles);
            if (ahead.tile < 0 && ++aheadHead < group) {
                ahead.restart(tiles);
            }
        }
    };
#pragma unroll
    for (int i = 0; i < kStages; ++i) {
        queue.shift();
        fetch(i);
    }

    const Lane lane;
    const int first = block.first + lane.warp * 16;
    const float factor = p.scale * kLog2E;
    float gradK[kParts][32] = {}, gradV[kParts][32] = {};
    const RowMasks<false> masks(p, block.b, first + lane.group);
    const std::uint64_t keys = hopper::descriptorOf(own), values = hopper::descriptorOf(own + kBytes);
    hopper::waitFor(ptx::sharedAddress(&ring.held), 0);
    inTurn(queue, [&](auto stageIndex, std::uint32_t parity) {
        constexpr int kStage = decltype(stageIndex)::value;
        const std::uint64_t queries = hopper::descriptorOf(base + kStage * kStageBytes), queryGrads = hopper::descriptorOf(base + kStage * kStageBytes + kBytes);
        const std::uint64_t upper = masks.read(p, 0, queue.tiles[0]), lower = masks.read(p, 1, queue.tiles[0]);
        float scores[32], grads[32];
        ring.waitFull(kStage, parity);
        hopper::fenceProducts();
#pragma unroll
        for (int step = 0; step < kSteps; ++step) {
            hopper::multiplyTiles<T>(scores, keys + columnStep(step), queries + columnStep(step), step > 0);
        }
        hopper::commitProducts();
#pragma unroll
        for (int step = 0; step < kSteps; ++step) {
            hopper::multiplyTiles<T>(grads, values + columnStep(step), queryGrads + columnStep(step), step > 0);
        }
        hopper::commitProducts();
        const std::uint32_t mask = laneMask(lane, upper, lower);
        hopper::waitForProducts<1>();
        hopper::hold(scores);
#pragma unroll
        for (int n = 0; n < 8; ++n) {
            const float2 logSum = *reinterpret_cast<const float2 *>(&logSums[kStage][n * 8 + 2 * lane.pair]);
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                const float probability = ptx::exp2Fast(fmaf(scores[n * 4 + i], factor, -kLog2E * (i % 2 ? logSum.y : logSum.x)));
                scores[n * 4 + i] = inMask(mask, n * 4 + i) ? probability : 0.0f;
            }
        }
        std::uint32_t probabilities[4][4], operand[4][4];
#pragma unroll
        for (int step = 0; step < 4; ++step) {
            hopper::packOperand<T>(probabilities[step], scores, step);
        }
        hopper::fenceProducts();
#pragma unroll
        for (int step = 0; step < 4; ++step) {
#pragma unroll
            for (int part = 0; part < kParts; ++part) {
                hopper::multiplyAcross<T>(gradV[part], probabilities[step], queryGrads + part * (hopper::kTileBytes / 16) + step * 128);
            }
        }
        hopper::commitProducts();
        hopper::waitForProducts<1>();
        hopper::hold(grads);
#pragma unroll
        for (int n = 0; n < 8; ++n) {
            const float2 delta = *reinterpret_cast<const float2 *>(&deltas[kStage][n * 8 + 2 * lane.pair]);
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                grads[n * 4 + i] = scores[n * 4 + i] * (grads[n * 4 + i] - (i % 2 ? delta.y : delta.x));
            }
        }
#pragma unroll
        for (int step = 0; step < 4; ++step) {
            hopper::packOperand<T>(operand[step], grads, step);
        }
        hopper::fenceProducts();
#pragma unroll
        for (int step = 0; step < 4; ++step) {
#pragma unroll
            for (int part = 0; part < kParts; ++part) {
                hopper::multiplyAcross<T>(gradK[part], operand[step], queries + part * (hopper::kTileBytes / 16) + step * 128);
            }
        }
        hopper::commitProducts();
        hopper::waitForProducts<0>();
#pragma unroll
        for (int part = 0; part < kParts; ++part) {
            hopper::hold(gradK[part]);
            hopper::hold(gradV[part]);
        }
        ring.release(kStage);
        ring.waitEmpty(kStage, parity);
        queue.shift();
        fetch(kStage);
    });
    writeParts<T, kParts>(static_cast<T *>(p.gradK) + ring.b * p.gradKStrides[0] + ring.head * p.gradKStrides[1], static_cast<int>(p.gradKStrides[2]), lane, ring.first + lane.warp * 16, keyCount,
                          static_cast<int>(p.width), gradK, p.scale, p.scale);
    writeParts<T, kParts>(static_cast<T *>(p.gradV) + ring.b * p.gradVStrides[0] + ring.head * p.gradVStrides[1], static_cast<int>(p.gradVStrides[2]), lane, ring.first + lane.warp * 16, keyCount,
                          static_cast<int>(p.valueWidth), gradV, 1.0f, 1.0f);
#endif
}

template <class T>
HopperChoice hopperKeyGradientChoice(const Params &p)
{
    if (p.width <= 64 && p.valueWidth <= 64) {
        // A third block costs 16 bytes of local memory and is worth it: 192 against 221 us (H100, 8 x 8 x 2048 x 64).
        return {hopperKeyGradient<T, 64, 3>, "wgmma gradient of k and v, up to 64 wide", kHopperThreads, kHopperKeyGradientBytes<64>};
    }
    return {hopperKeyGradient<T, 128, 2>, "wgmma gradient of k and v, up to 128 wide", kHopperThreads, kHopperKeyGradientBytes<128>};
}

} // namespace dsa::launch::masked_attention
