#pragma once

#include "kernels/launch/index_scores/tile.cuh"
#include "kernels/launch/ptx.cuh"
#include "kernels/launch/swizzle.cuh"

namespace dsa::launch::index_scores {

constexpr int kTileQueries = 64, kTileKeys = 128, kMmaThreads = 128, kStages = 3;
constexpr int kRowBlocks = kTileQueries / 16, kKeyBlocks = 4; ///< a warp: 64 queries x 32 keys

/// Every warp holds 32 keys in registers for good; the heads of 64 queries stream through shared memory. The sum over heads
/// stays in the thread that owns the element, so no head's scores are ever written down.
template <class T, int kWidth>
__global__ void __launch_bounds__(kMmaThreads, kWidth <= 64 ? 3 : 2) scoresMma(Params p)
{
    extern __shared__ __align__(128) unsigned char memory[];
    constexpr int kPieces = kWidth / 8, kSteps = kWidth / 16, kStageBytes = kTileQueries * kWidth * 2;
    float *weights = reinterpret_cast<float *>(memory + kStages * kStageBytes); // [Hi][64]
    const Tile tile(p, kTileQueries, kTileKeys);
    const int lastQuery = static_cast<int>(min(tile.firstQuery + static_cast<long long>(kTileQueries), static_cast<long long>(p.queries))) - 1;
    if (!tile.sees(p, lastQuery, tile.firstKey)) {
        if (p.fillHidden) {
            fillWithHidden(p, tile, kTileQueries, kTileKeys);
        }
        return;
    }
    const int heads = static_cast<int>(p.heads), width = static_cast<int>(p.width);
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, group = lane / 4, pair = lane % 4;
    const T *q = static_cast<const T *>(p.q) + tile.b * p.qStrides[0] + tile.firstQuery * p.qStrides[1];
    const std::uint32_t base = ptx::sharedAddress(memory);

    const auto fetch = [&](int head) {
        const std::uint32_t to = base + head % kStages * kStageBytes;
        for (int i = threadIdx.x; i < kTileQueries * kPieces; i += kMmaThreads) {
            const int row = i / kPieces, piece = i % kPieces;
            const bool valid = tile.firstQuery + row <= lastQuery && piece * 8 < width;
            ptx::copyAsync16(to + placeOf<kWidth>(row, piece) * 16, valid ? q + row * p.qStrides[1] + head * p.qStrides[2] + piece * 8 : q, valid);
        }
    };
    for (int head = 0; head < kStages - 1; ++head) {
        if (head < heads) {
            fetch(head);
        }
        ptx::commitCopies();
    }
    for (int i = threadIdx.x; i < heads * kTileQueries; i += kMmaThreads) {
        const int row = i / heads, head = i % heads;
        weights[head * kTileQueries + row] = tile.firstQuery + row <= lastQuery ? p.w[tile.b * p.wStrides[0] + (tile.firstQuery + row) * p.wStrides[1] + head] : 0.0f;
    }

    const int firstKey = tile.firstKey + warp * 8 * kKeyBlocks;
    std::uint32_t keys[kSteps][kKeyBlocks][2];
#pragma unroll
    for (int n = 0; n < kKeyBlocks; ++n) {
        const int s = firstKey + n * 8 + group;
        const T *row = static_cast<const T *>(p.k) + tile.b * p.kStrides[0] + s * p.kStrides[1];
#pragma unroll
        for (int step = 0; step < kSteps; ++step) {
#pragma unroll
            for (int half = 0; half < 2; ++half) {
                const int d = step * 16 + half * 8;
                keys[step][n][half] = s < p.keys && d < width ? __ldg(reinterpret_cast<const std::uint32_t *>(row + d + 2 * pair)) : 0u;
            }
        }
    }

    float sums[kRowBlocks][kKeyBlocks][4] = {};
    for (int head = 0; head < heads; ++head) {
        ptx::waitForCopies<kStages - 2>();
        __syncthreads(); // this head is there, and everyone has left the stage that is filled next
        if (head + kStages - 1 < heads) {
            fetch(head + kStages - 1);
        }
        ptx::commitCopies();
        const std::uint32_t stage = base + head % kStages * kStageBytes;
#pragma unroll
        for (int m = 0; m < kRowBlocks; ++m) {
            if (!tile.sees(p, tile.firstQuery + m * 16 + 15, firstKey)) {
                continue;
            }
            float dots[kKeyBlocks][4] = {};
#pragma unroll
            for (int step = 0; step < kSteps; ++step) {
                std::uint32_t rows[4];
                ptx::loadMatrices(rows, stage + placeOf<kWidth>(m * 16 + lane % 16, step * 2 + lane / 16) * 16);
#pragma unroll
                for (int n = 0; n < kKeyBlocks; ++n) {
                    ptx::multiplyAdd<T>(dots[n], rows, keys[step][n][0], keys[step][n][1]);
                }
            }
            const float upper = weights[head * kTileQueries + m * 16 + group], lower = weights[head * kTileQueries + m * 16 + group + 8];
#pragma unroll
            for (int n = 0; n < kKeyBlocks; ++n) {
#pragma unroll
                for (int i = 0; i < 4; ++i) {
                    sums[m][n][i] = fmaf(i < 2 ? upper : lower, ptx::relu(dots[n][i]), sums[m][n][i]);
                }
            }
        }
    }

    const bool pairs = p.keys % 2 == 0; // then both scores of a thread lie in one aligned word of eight bytes
#pragma unroll
    for (int m = 0; m < kRowBlocks; ++m) {
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            const int t = tile.firstQuery + m * 16 + half * 8 + group;
            if (t > lastQuery) {
                continue;
            }
            float *row = p.out + (tile.b * p.queries + t) * p.keys;
#pragma unroll
            for (int n = 0; n < kKeyBlocks; ++n) {
                const int s = firstKey + n * 8 + 2 * pair;
                const bool first = s <= t + p.offset, second = s + 1 <= t + p.offset;
                const float2 value = {first ? sums[m][n][half * 2] : -__builtin_huge_valf(), second ? sums[m][n][half * 2 + 1] : -__builtin_huge_valf()};
                if (!first && !p.fillHidden) {
                    continue;
                }
                if (pairs && s < p.keys) {
                    *reinterpret_cast<float2 *>(row + s) = value;
                } else if (s < p.keys) {
                    row[s] = value.x;
                    if (s + 1 < p.keys) {
                        row[s + 1] = value.y;
                    }
                }
            }
        }
    }
}

template <class T>
Choice mmaChoice(const Params &p)
{
    const auto make = [&](void (*kernel)(Params), const char *name, std::size_t width) {
        return Choice{kernel, name, kMmaThreads, kTileQueries, kTileKeys,
                      kStages * kTileQueries * width * 2 + static_cast<std::size_t>(p.heads) * kTileQueries * sizeof(float)};
    };
    if (p.width <= 32) {
        return make(scoresMma<T, 32>, "mma.sync, up to 32 wide", 32);
    }
    if (p.width <= 64) {
        return make(scoresMma<T, 64>, "mma.sync, up to 64 wide", 64);
    }
    return make(scoresMma<T, 128>, "mma.sync, up to 128 wide", 128);
}

} // namespace dsa::launch::index_scores
