#pragma once

#include "kernels/launch/masked_attention/tiles.cuh"

namespace dsa::launch::masked_attention {

template <int kWidth>
constexpr std::size_t kForwardBytes = 2 * 2 * kTile * kWidth * 2;

/// Online softmax (Milakov and Gimelshein, arXiv 1805.02867) over the visible tiles; queries stay in registers.
template <class T, int kWidth>
__global__ void __launch_bounds__(kThreads, kWidth <= 32 ? 4 : kWidth <= 64 ? 3 : 2) forward(Params p)
{
    extern __shared__ __align__(256) unsigned char memory[]; // then the pieces of a row are reached by flipping bits of an address
    __shared__ TileSet tiles;
    constexpr int kTileBytes = kTile * kWidth * 2;
    const QueryBlock block(p);
    const Lane lane;
    const int queryCount = static_cast<int>(p.queries), keyCount = static_cast<int>(p.keys);
    const int width = static_cast<int>(p.width), valueWidth = static_cast<int>(p.valueWidth);
    const T *k = static_cast<const T *>(p.k) + block.b * p.kStrides[0] + block.keyHead * p.kStrides[1];
    const T *v = static_cast<const T *>(p.v) + block.b * p.vStrides[0] + block.keyHead * p.vStrides[1];
    const int first = block.first + lane.warp * 16;
    std::uint32_t q[kWidth / 16][4];
    readOperands<T, kWidth>(q, lane, static_cast<const T *>(p.q) + block.b * p.qStrides[0] + block.h * p.qStrides[1], static_cast<int>(p.qStrides[2]), first, queryCount, width);
    block.visible(p, tiles);

    const std::uint32_t base = ptx::sharedAddress(memory);
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

    const float factor = p.scale * kLog2E;
    float out[kWidth / 8][4] = {}, top[2] = {-__builtin_huge_valf(), -__builtin_huge_valf()}, sum[2] = {};
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

        const std::uint32_t keys = base + stage * 2 * kTileBytes;
        float scores[kTile / 8][4] = {};
        multiplyRows<T, kWidth>(scores, lane, keys, 0, [&](int step, std::uint32_t(&a)[4]) {
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                a[i] = q[step][i];
            }
        });
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            // The maximum is that of the seen: that of all visible might drown them. -inf so far: 0 keeps -inf - -inf away.
            float highest = top[half];
#pragma unroll
            for (int n = 0; n < kTile / 8; ++n) {
                const std::uint32_t word = halfOf(words[half], n / 4);
#pragma unroll
                for (int i = half * 2; i < half * 2 + 2; ++i) {
                    scores[n][i] = word >> (n % 4 * 8 + i % 2) & 1u ? scores[n][i] : -__builtin_huge_valf();
                    highest = fmaxf(highest, scores[n][i]);
                }
            }
            highest = fmaxf(highest, __shfl_xor_sync(~0u, highest, 1));
            highest = fmaxf(highest, __shfl_xor_sync(~0u, highest, 2));
            const float shift = highest == -__builtin_huge_valf() ? 0.0f : highest * factor;
            // Exactly 1 where the maximum stays: else a row's bits would tell how many tiles its neighbours see.
            const float shrink = top[half] == highest ? 1.0f : ptx::exp2Fast((top[half] - highest) * factor);
            top[half] = highest;
            float added = 0;
#pragma unroll
            for (int n = 0; n < kTile / 8; ++n) {
#pragma unroll
                for (int i = half * 2; i < half * 2 + 2; ++i) {
                    scores[n][i] = ptx::exp2Fast(fmaf(scores[n][i], factor, -shift));
                    added += scores[n][i];
                }
            }
            sum[half] = fmaf(sum[half], shrink, added);
#pragma unroll
            for (int n = 0; n < kWidth / 8; ++n) {
                out[n][half * 2] *= shrink;
                out[n][half * 2 + 1] *= shrink;
            }
        }
        multiplyColumns<T, kWidth>(out, lane, scores, keys + kTileBytes, 0);
    }

    float inverse[2];
#pragma unroll
    for (int half = 0; half < 2; ++half) {
        const float total = sumOfRow(sum[half]);
        const int row = first + lane.group + half * 8;
        inverse[half] = total == 0 ? 0.0f : 1.0f / total; // a NaN stays one
        if (lane.pair == 0 && row < queryCount) {
            p.lse[(block.b * p.heads + block.h) * p.queries + row] = total == 0 ? -__builtin_huge_valf() : fmaf(top[half], p.scale, logf(total));
        }
    }
    writeRows<T, kWidth>(static_cast<T *>(p.o) + block.b * p.oStrides[0] + block.h * p.oStrides[1], static_cast<int>(p.oStrides[2]), lane, first, queryCount, valueWidth, out, inverse[0],
                         inverse[1]);
}

template <class T>
Choice forwardChoice(const Params &p)
{
    const std::int64_t width = p.width > p.valueWidth ? p.width : p.valueWidth;
    if (width <= 32) {
        return {forward<T, 32>, "mma.sync, up to 32 wide", kThreads, kForwardBytes<32>};
    }
    if (width <= 64) {
        return {forward<T, 64>, "mma.sync, up to 64 wide", kThreads, kForwardBytes<64>};
    }
    return {forward<T, 128>, "mma.sync, up to 128 wide", kThreads, kForwardBytes<128>};
}

} // namespace dsa::launch::masked_attention
