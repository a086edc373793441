#pragma once

#include "kernels/launch/masked_attention/tiles.cuh"

namespace dsa::launch::masked_attention {

template <int kWidth>
constexpr std::size_t kQueryGradientBytes = 2 * 2 * kTile * kWidth * 2;

/// delta and gradQ: the forward's walk, with the probabilities from lse. Half a tile at a time keeps the registers few.
template <class T, int kWidth>
__global__ void __launch_bounds__(kThreads, kWidth <= 32 ? 4 : kWidth <= 64 ? 3 : 2) queryGradient(Params p)
{
    extern __shared__ __align__(256) unsigned char memory[]; // then the pieces of a row are reached by flipping bits of an address
    __shared__ TileSet tiles;
    constexpr int kTileBytes = kTile * kWidth * 2, kGroups = 4;
    const QueryBlock block(p);
    const Lane lane;
    const int queryCount = static_cast<int>(p.queries), keyCount = static_cast<int>(p.keys);
    const int width = static_cast<int>(p.width), valueWidth = static_cast<int>(p.valueWidth);
    const T *k = static_cast<const T *>(p.k) + block.b * p.kStrides[0] + block.keyHead * p.kStrides[1];
    const T *v = static_cast<const T *>(p.v) + block.b * p.vStrides[0] + block.keyHead * p.vStrides[1];
    const int first = block.first + lane.warp * 16;
    const long long firstRow = (block.b * p.heads + block.h) * p.queries;

    const std::uint32_t base = ptx::sharedAddress(memory);
    block.visible(p, tiles);
    int ahead = tiles.from(0), tile = ahead;
    const auto fetch = [&](int stage) {
        if (ahead >= 0) {
            const std::uint32_t to = base + stage * 2 * kTileBytes;
            fetchRows<T, kWidth>(to, k, static_cast<int>(p.kStrides[2]), ahead * kTile, keyCount, width, threadIdx.x);
            fetchRows<T, kWidth>(to + kTileBytes, v, static_cast<int>(p.vStrides[2]), ahead * kTile, keyCount, valueWidth, threadIdx.x);
            ahead = tiles.from(ahead + 1);
        }
        ptx::commitCopies();
    };
    fetch(0);

    std::uint32_t q[kWidth / 16][4], gradO[kWidth / 16][4];
    readOperands<T, kWidth>(q, lane, static_cast<const T *>(p.q) + block.b * p.qStrides[0] + block.h * p.qStrides[1], static_cast<int>(p.qStrides[2]), first, queryCount, width);
    readOperands<T, kWidth>(gradO, lane, static_cast<const T *>(p.gradO) + block.b * p.gradOStrides[0] + block.h * p.gradOStrides[1], static_cast<int>(p.gradOStrides[2]), first,
                            queryCount, valueWidth);
    float delta[2] = {}, logSum[2] = {};
    {
        std::uint32_t o[kWidth / 16][4];
        readOperands<T, kWidth>(o, lane, static_cast<const T *>(p.o) + block.b * p.oStrides[0] + block.h * p.oStrides[1], static_cast<int>(p.oStrides[2]), first, queryCount, valueWidth);
#pragma unroll
        for (int step = 0; step < kWidth / 16; ++step) {
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
    float gradQ[kWidth / 8][4] = {};
    for (int stage = 0; tile >= 0; stage = 1 - stage) {
        std::uint64_t words[2];
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            words[half] = keysSeen(p, block.b, first + lane.group + half * 8, tile) >> 2 * lane.pair;
        }
        tile = ahead;
        ptx::waitForCopies<0>();
        __syncthreads(); // this tile is there, and everyone has left the other stage
        fetch(1 - stage);

        const std::uint32_t keys = base + stage * 2 * kTileBytes, values = keys + kTileBytes;
#pragma unroll 1
        for (int part = 0; part < kTile / 8; part += kGroups) {
            const std::uint32_t halves[2] = {halfOf(words[0], part), halfOf(words[1], part)};
            float scores[kGroups][4] = {}, grads[kGroups][4] = {};
            multiplyRows<T, kWidth>(scores, lane, keys, part * 8, [&](int step, std::uint32_t(&a)[4]) {
#pragma unroll
                for (int i = 0; i < 4; ++i) {
                    a[i] = q[step][i];
                }
            });
            multiplyRows<T, kWidth>(grads, lane, values, part * 8, [&](int step, std::uint32_t(&a)[4]) {
#pragma unroll
                for (int i = 0; i < 4; ++i) {
                    a[i] = gradO[step][i];
                }
            });
#pragma unroll
            for (int n = 0; n < kGroups; ++n) {
#pragma unroll
                for (int i = 0; i < 4; ++i) {
                    const float probability = seen(halves, n, i) ? ptx::exp2Fast(fmaf(scores[n][i], factor, -logSum[i / 2])) : 0.0f;
                    grads[n][i] = probability * (grads[n][i] - delta[i / 2]);
                }
            }
            multiplyColumns<T, kWidth>(gradQ, lane, grads, keys, part * 8);
        }
    }
    writeRows<T, kWidth>(static_cast<T *>(p.gradQ) + block.b * p.gradQStrides[0] + block.h * p.gradQStrides[1], static_cast<int>(p.gradQStrides[2]), lane, first, queryCount, width, gradQ,
                         p.scale, p.scale);
}

template <class T>
Choice queryGradientChoice(const Params &p)
{
    const std::int64_t width = p.width > p.valueWidth ? p.width : p.valueWidth;
    if (width <= 32) {
        return {queryGradient<T, 32>, "mma.sync gradient of q, up to 32 wide", kThreads, kQueryGradientBytes<32>};
    }
    if (width <= 64) {
        return {queryGradient<T, 64>, "mma.sync gradient of q, up to 64 wide", kThreads, kQueryGradientBytes<64>};
    }
    return {queryGradient<T, 128>, "mma.sync gradient of q, up to 128 wide", kThreads, kQueryGradientBytes<128>};
}

} // namespace dsa::launch::masked_attention
