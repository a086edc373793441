#pragma once

#include "kernels/launch/masked_attention/key_block.cuh"
#include "kernels/launch/masked_attention/tiles.cuh"

namespace dsa::launch::masked_attention {

/// K and V stay in registers, or in shared memory where both gradients fill the registers.
template <int kWidth>
constexpr bool kHoldsKeys = kWidth <= 64;

/// q and gradO, lse and delta of 64 queries.
template <int kWidth>
constexpr int kKeyStageBytes = 2 * kTile * kWidth * 2 + 2 * kTile * static_cast<int>(sizeof(float));

template <int kWidth>
constexpr std::size_t kKeyGradientBytes = 2 * kKeyStageBytes<kWidth> + (kHoldsKeys<kWidth> ? 0 : 2 * kTile * kWidth * 2);

/// gradK and gradV, with keys as rows and queries as columns: the transposed probabilities are left operands as they come.
template <class T, int kWidth>
__global__ void __launch_bounds__(kThreads, kWidth <= 32 ? 4 : kWidth <= 64 ? 3 : 2) keyGradient(Params p)
{
    extern __shared__ __align__(256) unsigned char memory[]; // then the pieces of a row are reached by flipping bits of an address
    __shared__ TileSet tiles;
    constexpr int kTileBytes = kTile * kWidth * 2, kStageBytes = kKeyStageBytes<kWidth>, kGroups = 4;
    constexpr bool kHolds = kHoldsKeys<kWidth>;
    const KeyBlock block(p);
    const Lane lane;
    const int queryCount = static_cast<int>(p.queries), keyCount = static_cast<int>(p.keys);
    const int width = static_cast<int>(p.width), valueWidth = static_cast<int>(p.valueWidth);
    const int group = static_cast<int>(p.heads / p.keyHeads);
    const T *q = static_cast<const T *>(p.q) + block.b * p.qStrides[0], *gradO = static_cast<const T *>(p.gradO) + block.b * p.gradOStrides[0];
    const T *k = static_cast<const T *>(p.k) + block.b * p.kStrides[0] + block.keyHead * p.kStrides[1];
    const T *v = static_cast<const T *>(p.v) + block.b * p.vStrides[0] + block.keyHead * p.vStrides[1];
    const int first = block.first + lane.warp * 16;
    const std::uint32_t base = ptx::sharedAddress(memory), held = base + 2 * kStageBytes;
    block.visible(p, tiles);

    int ahead = group > 0 ? tiles.from(0) : -1, aheadHead = 0, tile = ahead;
    const auto fetch = [&](int stage) {
        if (ahead >= 0) {
            const int h = block.keyHead * group + aheadHead, firstQuery = ahead * kTile;
            const std::uint32_t to = base + stage * kStageBytes;
            fetchRows<T, kWidth>(to, q + h * p.qStrides[1], static_cast<int>(p.qStrides[2]), firstQuery, queryCount, width, threadIdx.x);
            fetchRows<T, kWidth>(to + kTileBytes, gradO + h * p.gradOStrides[1], static_cast<int>(p.gradOStrides[2]), firstQuery, queryCount, valueWidth, threadIdx.x);
            const float *from = (threadIdx.x < kTile ? p.lse : p.delta) + (block.b * p.heads + h) * p.queries;
            const int t = firstQuery + threadIdx.x % kTile;
            ptx::copyAsync4(to + 2 * kTileBytes + threadIdx.x * 4, t < queryCount ? from + t : from, t < queryCount);
            ahead = tiles.from(ahead + 1);
            if (ahead < 0 && ++aheadHead < group) {
                ahead = tiles.from(0);
            }
        }
        ptx::commitCopies();
    };
    std::uint32_t keys[kHolds ? kWidth / 16 : 1][4], values[kHolds ? kWidth / 16 : 1][4];
    if constexpr (kHolds) {
        readOperands<T, kWidth>(keys, lane, k, static_cast<int>(p.kStrides[2]), first, keyCount, width);
        readOperands<T, kWidth>(values, lane, v, static_cast<int>(p.vStrides[2]), first, keyCount, valueWidth);
    } else {
        fetchRows<T, kWidth>(held, k, static_cast<int>(p.kStrides[2]), block.first, keyCount, width, threadIdx.x);
        fetchRows<T, kWidth>(held + kTileBytes, v, static_cast<int>(p.vStrides[2]), block.first, keyCount, valueWidth, threadIdx.x);
    }
    fetch(0);

    const float factor = p.scale * kLog2E;
    float gradK[kWidth / 8][4] = {}, gradV[kWidth / 8][4] = {};
    for (int stage = 0; tile >= 0; stage = 1 - stage) {
        std::uint64_t words[2];
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            words[half] = queriesSeeing(p, block.b, first + lane.group + half * 8, tile) >> 2 * lane.pair;
        }
        tile = ahead;
        ptx::waitForCopies<0>();
        __syncthreads(); // this tile is there, and everyone has left the other stage
        fetch(1 - stage);

        const std::uint32_t queries = base + stage * kStageBytes, grads = queries + kTileBytes;
        const float *logSums = reinterpret_cast<const float *>(memory + stage * kStageBytes + 2 * kTileBytes) + 2 * lane.pair, *deltas = logSums + kTile;
        const auto operand = [&](const std::uint32_t(&held16)[kHolds ? kWidth / 16 : 1][4], std::uint32_t heldTile) {
            return [&, heldTile](int step, std::uint32_t(&a)[4]) {
                if constexpr (kHolds) {
#pragma unroll
                    for (int i = 0; i < 4; ++i) {
                        a[i] = held16[step][i];
                    }
                } else {
                    ptx::loadMatrices(a, heldTile + placeOf<kWidth>(lane.warp * 16 + lane.lane % 16, step * 2 + lane.lane / 16) * 16);
                }
            };
        };
#pragma unroll 1
        for (int part = 0; part < kTile / 8; part += kGroups) {
            const std::uint32_t halves[2] = {halfOf(words[0], part), halfOf(words[1], part)};
            float probabilities[kGroups][4] = {}, scoreGrads[kGroups][4] = {};
            multiplyRows<T, kWidth>(probabilities, lane, queries, part * 8, operand(keys, held));
            multiplyRows<T, kWidth>(scoreGrads, lane, grads, part * 8, operand(values, held + kTileBytes));
#pragma unroll
            for (int n = 0; n < kGroups; ++n) {
                const float2 logSum = *reinterpret_cast<const float2 *>(logSums + (part + n) * 8), delta = *reinterpret_cast<const float2 *>(deltas + (part + n) * 8);
#pragma unroll
                for (int i = 0; i < 4; ++i) {
                    const float shift = -kLog2E * (i % 2 ? logSum.y : logSum.x);
                    probabilities[n][i] = seen(halves, n, i) ? ptx::exp2Fast(fmaf(probabilities[n][i], factor, shift)) : 0.0f;
                    scoreGrads[n][i] = probabilities[n][i] * (scoreGrads[n][i] - (i % 2 ? delta.y : delta.x));
                }
            }
            multiplyColumns<T, kWidth>(gradV, lane, probabilities, grads, part * 8);
            multiplyColumns<T, kWidth>(gradK, lane, scoreGrads, queries, part * 8);
        }
    }
    ptx::waitForCopies<0>(); // without a tile K and V may still be on their way
    writeRows<T, kWidth>(static_cast<T *>(p.gradK) + block.b * p.gradKStrides[0] + block.keyHead * p.gradKStrides[1], static_cast<int>(p.gradKStrides[2]), lane, first, keyCount, width, gradK,
                         p.scale, p.scale);
    writeRows<T, kWidth>(static_cast<T *>(p.gradV) + block.b * p.gradVStrides[0] + block.keyHead * p.gradVStrides[1], static_cast<int>(p.gradVStrides[2]), lane, first, keyCount, valueWidth,
                         gradV, 1.0f, 1.0f);
}

template <class T>
Choice keyGradientChoice(const Params &p)
{
    const std::int64_t width = p.width > p.valueWidth ? p.width : p.valueWidth;
    if (width <= 32) {
        return {keyGradient<T, 32>, "mma.sync gradient of k and v, up to 32 wide", kThreads, kKeyGradientBytes<32>};
    }
    if (width <= 64) {
        return {keyGradient<T, 64>, "mma.sync gradient of k and v, up to 64 wide", kThreads, kKeyGradientBytes<64>};
    }
    return {keyGradient<T, 128>, "mma.sync gradient of k and v, up to 128 wide", kThreads, kKeyGradientBytes<128>};
}

} // namespace dsa::launch::masked_attention
