#pragma once

#include "kernels/launch/masked_attention/hopper_tiles.cuh"

namespace dsa::launch::masked_attention {

constexpr int kQueryGradientStages = 2;

template <int kWidth>
constexpr std::size_t kHopperQueryGradientBytes = 1024 + (2 + kQueryGradientStages * 2) * (kWidth / 64) * hopper::kTileBytes;

/// delta and gradQ: the forward's walk, with the probabilities from lse. q and gradO stay in shared memory.
template <class T, int kWidth, int kBlocks>
__global__ void __launch_bounds__(kHopperThreads, kBlocks) hopperQueryGradient(const __grid_constant__ HopperParams params)
{
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
    extern __shared__ unsigned char memory[];
    constexpr int kStages = kQueryGradientStages, kParts = kWidth / 64, kBytes = kParts * hopper::kTileBytes, kSteps = kWidth / 16;
    __shared__ Ring<kStages> ring;
    __shared__ TileSet tiles;
    constexpr int kStageBytes = 2 * kBytes;
    const Params &p = params.p;
    const std::uint32_t own = hopper::alignedTiles(memory), base = own + 2 * kBytes;
    const int blocks = tilesOf(p.queries);
    const BlockOrder order(static_cast<int>(p.batch * p.heads), blocks, params.together);
    const QueryBlock block(p, order.head, (blocks - 1 - order.tile) * kTile);
    ring.init(1, block.b, block.keyHead, block.first);
    if (threadIdx.x == 0) {
        copyPair<kParts>(own, params.own[0], params.own[1], ptx::sharedAddress(&ring.held), block.first, block.h, block.b);
    }
    block.listed(p, tiles);
    TileWalk ahead(tiles);
    TileQueue<kStages> queue;
    const auto fetch = [&](int stage) { // the warps in turn
        queue.add(ahead.tile);
        if (ahead.tile >= 0) {
            if (threadIdx.x == stage * 32) {
                copyPair<kParts>(base + stage * kStageBytes, params.first, params.second, ptx::sharedAddress(ring.full + stage), ahead.tile * kTile, ring.head, ring.b);
            }
            ahead.advance(tiles);
        }
    };
#pragma unroll
    for (int i = 0; i < kStages; ++i) {
        queue.shift();
        fetch(i);
    }

    const Lane lane;
    const int first = block.first + lane.warp * 16, queryCount = static_cast<int>(p.queries), valueWidth = static_cast<int>(p.valueWidth);
    const long long firstRow = (block.b * p.heads + block.h) * p.queries;
    float delta[2] = {}, logSum[2] = {};
    {
        std::uint32_t o[kSteps][4], gradO[kSteps][4];
        readOperands<T, kWidth>(o, lane, static_cast<const T *>(p.o) + block.b * p.oStrides[0] + block.h * p.oStrides[1], static_cast<int>(p.oStrides[2]), first, queryCount, valueWidth);
        readOperands<T, kWidth>(gradO, lane, static_cast<const T *>(p.gradO) + block.b * p.gradOStrides[0] + block.h * p.gradOStrides[1], static_cast<int>(p.gradOStrides[2]), first,
                                queryCount, valueWidth);
#pragma unroll
        for (int step = 0; step < kSteps; ++step) {
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                const float2 left = ptx::unpackPair<T>(o[step][i]), right = ptx::unpackPair<T>(gradO[step][i]);
                delta[i % 2] = fmaf(left.x, right.x, fmaf(left.y, right.y, delta[i % 2]));
            }
        }
    }
#pragma unroll
    for (int half = 0; half < 2; ++half) {
        const int row = first + lane.group + half * 8;
        delta[half] = sumOfRow(delta[half]);
        if (row < queryCount) {
            logSum[half] = p.lse[firstRow + row] * kLog2E;
            if (lane.pair == 0) {
                p.delta[firstRow + row] = delta[half];
            }
        }
    }

    const float factor = p.scale * kLog2E;
    float gradQ[kParts][32] = {};
    const RowMasks<true> masks(p, block.b, first + lane.group);
    const std::uint64_t queries = hopper::descriptorOf(own), ownGrads = hopper::descriptorOf(own + kBytes);
    hopper::waitFor(ptx::sharedAddress(&ring.held), 0);
    inTurn(queue, [&](auto stageIndex, std::uint32_t parity) {
        constexpr int kStage = decltype(stageIndex)::value;
        const std::uint64_t keys = hopper::descriptorOf(base + kStage * kStageBytes), values = hopper::descriptorOf(base + kStage * kStageBytes + kBytes);
        const std::uint64_t upper = masks.read(p, 0, queue.tiles[0]), lower = masks.read(p, 1, queue.tiles[0]);
        float scores[32], grads[32];
        ring.waitFull(kStage, parity);
        hopper::fenceProducts();
#pragma unroll
        for (int i = 0; i < kSteps; ++i) {
            hopper::multiplyTiles<T>(scores, queries + columnStep(i), keys + columnStep(i), i > 0);
        }
        hopper::commitProducts();
#pragma unroll
        for (int i = 0; i < kSteps; ++i) {
            hopper::multiplyTiles<T>(grads, ownGrads + columnStep(i), values + columnStep(i), i > 0);
        }
        hopper::commitProducts();
        const std::uint32_t mask = laneMask(lane, upper, lower);
        hopper::waitForProducts<1>();
        hopper::hold(scores);
#pragma unroll
        for (int i = 0; i < 32; ++i) {
            const float probability = ptx::exp2Fast(fmaf(scores[i], factor, -logSum[i / 2 % 2]));
            scores[i] = inMask(mask, i) ? probability : 0.0f;
        }
        hopper::waitForProducts<0>();
        hopper::hold(grads);
#pragma unroll
        for (int i = 0; i < 32; ++i) {
            grads[i] = scores[i] * (grads[i] - delta[i / 2 % 2]);
        }
        std::uint32_t operand[4][4];
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            hopper::packOperand<T>(operand[i], grads, i);
        }
        hopper::fenceProducts();
#pragma unroll
        for (int i = 0; i < 4; ++i) {
#pragma unroll
            for (int part = 0; part < kParts; ++part) {
                hopper::multiplyAcross<T>(gradQ[part], operand[i], keys + part * (hopper::kTileBytes / 16) + i * 128);
            }
        }
        hopper::commitProducts();
        hopper::waitForProducts<0>();
#pragma unroll
        for (int part = 0; part < kParts; ++part) {
            hopper::hold(gradQ[part]);
        }
        ring.release(kStage);
        if (ahead.tile >= 0 && threadIdx.x == kStage * 32) {
            ring.waitEmpty(kStage, parity);
        }
        queue.shift();
        fetch(kStage);
    });
    const QueryBlock done(p, BlockOrder(static_cast<int>(p.batch * p.heads), blocks, params.together).head, ring.first); // worked out again: no register held it
    writeParts<T, kParts>(static_cast<T *>(p.gradQ) + done.b * p.gradQStrides[0] + done.h * p.gradQStrides[1], static_cast<int>(p.gradQStrides[2]), lane, done.first + lane.warp * 16, queryCount,
                          static_cast<int>(p.width), gradQ, p.scale, p.scale);
#endif
}

template <class T>
HopperChoice hopperQueryGradientChoice(const Params &p)
{
    if (p.width <= 64 && p.valueWidth <= 64) {
        return {hopperQueryGradient<T, 64, 4>, "wgmma gradient of q, up to 64 wide", kHopperThreads, kHopperQueryGradientBytes<64>};
    }
    return {hopperQueryGradient<T, 128, 2>, "wgmma gradient of q, up to 128 wide", kHopperThreads, kHopperQueryGradientBytes<128>};
}

} // namespace dsa::launch::masked_attention
