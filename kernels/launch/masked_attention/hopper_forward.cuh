#pragma once

#include "kernels/launch/masked_attention/hopper_tiles.cuh"

namespace dsa::launch::masked_attention {

constexpr int kForwardStages = 2;

template <int kWidth>
constexpr std::size_t kHopperForwardBytes = 1024 + (kForwardStages * 2 + 1) * (kWidth / 64) * hopper::kTileBytes;

/// Online softmax of two rows a lane. The reference that the exponents are relative to follows the maximum of a row only when that
/// has grown 2^8 fold: few tiles then touch the output. Each row decides for itself, so that no row's bits depend on another's.
struct RowSoftmax {
    static constexpr float kNone = -__builtin_huge_valf(), kSlack = 8;
    float factor, top[2] = {kNone, kNone}, sum[2] = {};

    __device__ explicit RowSoftmax(float factor)
        : factor(factor)
    {}

    /// Scores become probabilities relative to 2^(top factor). True where out has to be multiplied by `shrink` first.
    __device__ __forceinline__ bool step(float (&scores)[32], std::uint32_t mask, float (&shrink)[2])
    {
        bool moves = false;
        float highest[2];
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            // The maximum is that of the seen: that of all visible might drown them.
            float other = kNone; // two chains, which do not wait for each other
            highest[half] = kNone;
#pragma unroll
            for (int n = 0; n < 8; ++n) {
                const int i = n * 4 + half * 2;
                scores[i] = inMask(mask, i) ? scores[i] : kNone;
                scores[i + 1] = inMask(mask, i + 1) ? scores[i + 1] : kNone;
                highest[half] = fmaxf(highest[half], scores[i]);
                other = fmaxf(other, scores[i + 1]);
            }
            highest[half] = fmaxf(highest[half], other);
            highest[half] = fmaxf(highest[half], __shfl_xor_sync(~0u, highest[half], 1));
            highest[half] = fmaxf(highest[half], __shfl_xor_sync(~0u, highest[half], 2));
            shrink[half] = 1;
        }
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            if (highest[half] * factor > fmaf(top[half], factor, kSlack)) {
                shrink[half] = ptx::exp2Fast((top[half] - highest[half]) * factor); // 0 where there was none
                top[half] = highest[half];
                sum[half] *= shrink[half];
                moves = true;
            }
            const float shift = top[half] == kNone ? 0.0f : top[half] * factor; // 0 keeps -inf - -inf away
            float added = 0;
#pragma unroll
            for (int n = 0; n < 8; ++n) {
#pragma unroll
                for (int i = n * 4 + half * 2; i < n * 4 + half * 2 + 2; ++i) {
                    scores[i] = ptx::exp2Fast(fmaf(scores[i], factor, -shift));
                    added += scores[i];
                }
            }
            sum[half] += added;
        }
        return __any_sync(~0u, moves);
    }
};

/// o and lse. The queries stay beside the tiles.
template <class T, int kWidth, int kBlocks>
__global__ void __launch_bounds__(kHopperThreads, kBlocks) hopperForward(const __grid_constant__ HopperParams params)
{
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
    extern __shared__ unsigned char memory[];
    __shared__ Ring<kForwardStages> ring;
    __shared__ TileSet tiles;
    constexpr int kParts = kWidth / 64, kStageBytes = 2 * kParts * hopper::kTileBytes, kSteps = kWidth / 16;
    const Params &p = params.p;
    const std::uint32_t base = hopper::alignedTiles(memory);
    const int blocks = tilesOf(p.queries);
    const BlockOrder order(static_cast<int>(p.batch * p.heads), blocks, params.together);
    const QueryBlock block(p, order.head, (blocks - 1 - order.tile) * kTile);
    const Lane lane;
    const int first = block.first + lane.warp * 16, queryCount = static_cast<int>(p.queries);
    ring.init(1, block.b, block.keyHead, block.first);
    if (threadIdx.x == 0) {
        const std::uint32_t barrier = ptx::sharedAddress(&ring.held);
        hopper::arriveExpecting(barrier, kParts * hopper::kTileBytes);
#pragma unroll
        for (int part = 0; part < kParts; ++part) {
            hopper::copyTile(base + kForwardStages * kStageBytes + part * hopper::kTileBytes, params.own[0], barrier, part * 64, block.first, block.h, block.b);
        }
    }
    block.listed(p, tiles);

    TileWalk ahead(tiles);
    TileQueue<kForwardStages> queue;
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
    for (int i = 0; i < kForwardStages; ++i) {
        queue.shift();
        fetch(i);
    }

    float out[kParts][32] = {};
    RowSoftmax softmax(p.scale * kLog2E);
    const RowMasks<true> masks(p, block.b, first + lane.group);
    hopper::waitFor(ptx::sharedAddress(&ring.held), 0);
    inTurn(queue, [&](auto stageIndex, std::uint32_t parity) {
        constexpr int kStage = decltype(stageIndex)::value;
        const std::uint64_t keys = hopper::descriptorOf(base + kStage * kStageBytes), values = hopper::descriptorOf(base + kStage * kStageBytes + kStageBytes / 2);
        const std::uint64_t queries = hopper::descriptorOf(base + kForwardStages * kStageBytes);
        float scores[32], shrink[2];
        const std::uint64_t upper = masks.read(p, 0, queue.tiles[0]), lower = masks.read(p, 1, queue.tiles[0]);
        ring.waitFull(kStage, parity);
        hopper::fenceProducts();
#pragma unroll
        for (int i = 0; i < kSteps; ++i) {
            hopper::multiplyTiles<T>(scores, queries + columnStep(i), keys + columnStep(i), i > 0);
        }
        hopper::commitProducts();
        const std::uint32_t mask = laneMask(lane, upper, lower);
        hopper::waitForProducts<0>();
        hopper::hold(scores);
        if (softmax.step(scores, mask, shrink)) {
#pragma unroll
            for (int part = 0; part < kParts; ++part) {
#pragma unroll
                for (int i = 0; i < 32; ++i) {
                    out[part][i] *= shrink[i / 2 % 2];
                }
            }
        }
        std::uint32_t probabilities[4][4];
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            hopper::packOperand<T>(probabilities[i], scores, i);
        }
        hopper::fenceProducts();
#pragma unroll
        for (int i = 0; i < 4; ++i) {
#pragma unroll
            for (int part = 0; part < kParts; ++part) {
                hopper::multiplyAcross<T>(out[part], probabilities[i], values + part * (hopper::kTileBytes / 16) + i * 128);
            }
        }
        hopper::commitProducts();
        hopper::waitForProducts<0>();
#pragma unroll
        for (int part = 0; part < kParts; ++part) {
            hopper::hold(out[part]);
        }
        ring.release(kStage);
        if (ahead.tile >= 0 && threadIdx.x == kStage * 32) {
            ring.waitEmpty(kStage, parity);
        }
        queue.shift();
        fetch(kStage);
    });

    const QueryBlock done(p, BlockOrder(static_cast<int>(p.batch * p.heads), blocks, params.together).head, ring.first); // worked out again: no register held it
    const int row0 = done.first + lane.warp * 16;
    float inverse[2];
#pragma unroll
    for (int half = 0; half < 2; ++half) {
        const float total = sumOfRow(softmax.sum[half]);
        const int row = row0 + lane.group + half * 8;
        inverse[half] = total == 0 ? 0.0f : 1.0f / total; // a NaN stays one
        if (lane.pair == 0 && row < queryCount) {
            p.lse[(done.b * p.heads + done.h) * p.queries + row] = total == 0 ? -__builtin_huge_valf() : fmaf(softmax.top[half], p.scale, logf(total));
        }
    }
    writeParts<T, kParts>(static_cast<T *>(p.o) + done.b * p.oStrides[0] + done.h * p.oStrides[1], static_cast<int>(p.oStrides[2]), lane, row0, queryCount,
                          static_cast<int>(p.valueWidth), out, inverse[0], inverse[1]);
#endif
}

template <class T>
HopperChoice hopperForwardChoice(const Params &p)
{
    if (p.width <= 64 && p.valueWidth <= 64) {
        return {hopperForward<T, 64, 4>, "wgmma, up to 64 wide", kHopperThreads, kHopperForwardBytes<64>};
    }
    return {hopperForward<T, 128, 2>, "wgmma, up to 128 wide", kHopperThreads, kHopperForwardBytes<128>};
}

} // namespace dsa::launch::masked_attention
