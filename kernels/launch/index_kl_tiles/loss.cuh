#pragma once

#include "kernels/launch/index_kl_tiles/blocks.cuh"
#include "kernels/launch/index_kl_tiles/row_state.cuh"

#include <cfloat>

namespace dsa::launch::index_kl_tiles {

// Two groups share a tile of keys: what a thread keeps of a tile then fits its registers.
constexpr int kRoundTiles = 2, kTileGroups = 2, kKeyGroups = kRoundTiles * kTileGroups, kLossThreads = kKeyGroups * kGroupThreads;
constexpr int kTileThreads = kTileGroups * kGroupThreads, kColumns = kTile / 8 / kTileGroups;

template <int kWidth, int kIndexWidth>
struct LossMemory {
    static constexpr int kLeftBytes = kTile * (kWidth > kIndexWidth ? kWidth : kIndexWidth) * 2, kKeyBytes = kTile * kWidth * 2,
                         kIndexKeyBytes = kTile * kIndexWidth * 2;
    static constexpr int kOfRows = kLeftBytes + kRoundTiles * kKeyBytes, kStageBytes = kOfRows + kTile * static_cast<int>(sizeof(float)), kIndexKeys = 2 * kStageBytes;
    static constexpr std::size_t kBytes = kIndexKeys + kRoundTiles * kIndexKeyBytes;
};

/// Where the block's entry of the batch starts, or what its first query has; in shared memory, since registers are short.
template <class T>
struct Entry {
    const T *q, *k, *qi, *ki;
    const float *lse, *weights;
    const std::int64_t *bits;
    T *gradScores;
};

/// 64 queries a block, two tiles of keys a round. Each round walks over the attention's heads, then over the
/// indexer's: teacher and scores of a tile stay in registers until both are whole.
template <class T, int kWidth, int kIndexWidth>
__global__ void __launch_bounds__(kLossThreads, 1) loss(Params p)
{
    using Memory = LossMemory<kWidth, kIndexWidth>;
    extern __shared__ __align__(256) unsigned char memory[]; // then the pieces of a row are reached by flipping bits of an address
    __shared__ TileSet tiles;
    __shared__ float scratch[kKeyGroups][kTile];
    __shared__ RowState states[kTile];
    __shared__ Entry<T> entry;
    const Lane lane;
    const int group = lane.warp / 4, slot = group / kTileGroups, part = group % kTileGroups, firstOfWarp = lane.warp % 4 * 16;
    const int queryTile = tilesOf(p.queries) - 1 - static_cast<int>(blockIdx.x / p.batch), b = static_cast<int>(blockIdx.x % p.batch);
    const int first = queryTile * kTile, queries = static_cast<int>(p.queries), keys = static_cast<int>(p.keys);
    const int heads = static_cast<int>(p.heads), units = heads + static_cast<int>(p.indexHeads), share = heads / static_cast<int>(p.keyHeads);
    const int width = static_cast<int>(p.width), indexWidth = static_cast<int>(p.indexWidth);
    if (threadIdx.x == 0) {
        entry = {static_cast<const T *>(p.q) + b * p.qStrides[0], static_cast<const T *>(p.k) + b * p.kStrides[0], static_cast<const T *>(p.qi) + b * p.qiStrides[0],
                 static_cast<const T *>(p.ki) + b * p.kiStrides[0], p.lse + b * p.heads * p.queries + first, p.weights + (b * p.queries + first) * p.indexHeads,
                 p.bits ? p.bits + (b * p.queries + first) * tilesOf(p.keys) : nullptr,
                 p.gradScores ? static_cast<T *>(p.gradScores) + (b * p.queries + first) * (tilesOf(p.keys) * static_cast<std::int64_t>(kTile)) : nullptr};
    }
    keyTilesSeen(p, b, queryTile, tiles);

    const std::uint32_t base = ptx::sharedAddress(memory), indexKeys = base + Memory::kIndexKeys + slot * Memory::kIndexKeyBytes;
    const auto nextRound = [&](int round) {
        const int tile = tiles.from(round * kRoundTiles);
        return tile < 0 ? -1 : tile / kRoundTiles;
    };
    const auto fetch = [&](int round, int unit, int stage) {
        const std::uint32_t to = base + stage * Memory::kStageBytes;
        const int tile = round * kRoundTiles + slot;
        if (threadIdx.x < kTile) { // log-sums of the head, or weights of the indexer's head
            const int thread = static_cast<int>(threadIdx.x);
            const bool valid = first + thread < queries;
            const float *from = unit < heads ? entry.lse + (unit * queries + thread) : entry.weights + (thread * (units - heads) + unit - heads);
            ptx::copyAsync4(to + Memory::kOfRows + thread * 4, valid ? from : p.weights, valid);
        }
        if (unit < heads) {
            fetchTogether<T, kWidth>(to, entry.q + unit * p.qStrides[1], p.qStrides[2], first, queries, width, threadIdx.x, kLossThreads);
            if (tiles.has(tile)) {
                fetchTogether<T, kWidth>(to + Memory::kLeftBytes + slot * Memory::kKeyBytes, entry.k + unit / share * p.kStrides[1], p.kStrides[2], tile * kTile, keys, width,
                                     threadIdx.x % kTileThreads, kTileThreads);
            }
        } else {
            fetchTogether<T, kIndexWidth>(to, entry.qi + (unit - heads) * p.qiStrides[2], p.qiStrides[1], first, queries, indexWidth, threadIdx.x, kLossThreads);
        }
    };

    const int place = firstOfWarp + lane.group, row[2] = {first + place, first + place + 8};
    if (threadIdx.x < kTile) {
        const int t = first + static_cast<int>(threadIdx.x);
        states[threadIdx.x] = {p.lseSelected && t < queries ? p.lseSelected[b * p.queries + t] : 0.0f, 1.0f / heads, 1, 1};
    }
    float divergence[2] = {};
    // Pass 0 finds the log-sum of the scores where nobody knows it, pass 1 the loss; pass 2 only where the teacher's sum is not 1.
    for (int pass = p.lseSelected ? 1 : 0; pass < 3; ++pass) {
        const int firstUnit = pass == 0 ? heads : 0;
        float top[2] = {-FLT_MAX, -FLT_MAX}, sum[2] = {};
        unsigned any = 0; // a bit a half
        divergence[0] = divergence[1] = 0;
        int stage = 0;
        if (const int round = nextRound(0); round >= 0 && firstUnit < units) {
            fetch(round, firstUnit, 0);
            ptx::commitCopies();
        }
        for (int round = nextRound(0), after; round >= 0; round = after) {
            after = nextRound(round + 1);
            const int tile = round * kRoundTiles + slot;
            const bool active = tiles.has(tile);
            std::uint32_t words[2];
#pragma unroll
            for (int half = 0; half < 2; ++half) {
                words[half] = active ? halfOf(keysSeen(p, entry.bits, first, place + half * 8, tile), part) >> 2 * lane.pair : 0;
            }
            float teacher[kColumns][4] = {}, score[kColumns][4] = {};
#pragma unroll 1
            for (int unit = firstUnit; unit < units; ++unit, stage = 1 - stage) {
                const bool isHead = unit < heads;
                ptx::waitForCopies<0>();
                __syncthreads(); // this unit is there, and everyone has left the other stage
                if (unit == firstUnit && active) {
                    fetchTogether<T, kIndexWidth>(indexKeys, entry.ki, p.kiStrides[1], tile * kTile, keys, indexWidth, threadIdx.x % kTileThreads, kTileThreads);
                }
                const int nextUnit = unit + 1 < units ? unit + 1 : firstUnit, unitRound = unit + 1 < units ? round : after;
                if (unitRound >= 0) {
                    fetch(unitRound, nextUnit, 1 - stage);
                }
                ptx::commitCopies();
                if (unit == firstUnit && !isHead) {
                    ptx::waitForCopies<0>();
                    __syncthreads();
                }
                if (!active) {
                    continue;
                }
                const std::uint32_t left = base + stage * Memory::kStageBytes;
                const float *ofRows = reinterpret_cast<const float *>(memory + stage * Memory::kStageBytes + Memory::kOfRows) + firstOfWarp + lane.group;
                const float ofRow[2] = {ofRows[0], ofRows[8]};
                if (isHead) {
                    const float factor = p.scale * kLog2E, logSums[2] = {ofRow[0] * kLog2E, ofRow[1] * kLog2E};
                    float dots[kColumns][4] = {};
                    multiplyRows<T, kWidth, 2>(dots, lane, left + Memory::kLeftBytes + slot * Memory::kKeyBytes, part * kColumns * 8, [&](int step, std::uint32_t(&a)[4]) {
                        ptx::loadMatrices(a, (left + placeOf<kWidth>(firstOfWarp + lane.lane % 16, lane.lane / 16) * 16) ^ step * 32);
                    });
#pragma unroll
                    for (int n = 0; n < kColumns; ++n) {
#pragma unroll
                        for (int i = 0; i < 4; ++i) {
                            teacher[n][i] += ptx::exp2Fast(fmaf(dots[n][i], factor, -logSums[i / 2]));
                        }
                    }
                } else {
                    float dots[kColumns][4] = {};
                    multiplyRows<T, kIndexWidth, 2>(dots, lane, indexKeys, part * kColumns * 8, [&](int step, std::uint32_t(&a)[4]) {
                        ptx::loadMatrices(a, (left + placeOf<kIndexWidth>(firstOfWarp + lane.lane % 16, lane.lane / 16) * 16) ^ step * 32);
                    });
#pragma unroll
                    for (int n = 0; n < kColumns; ++n) {
#pragma unroll
                        for (int i = 0; i < 4; ++i) {
                            score[n][i] = fmaf(ofRow[i / 2], ptx::relu(dots[n][i]), score[n][i]);
                        }
                    }
                }
            }
#pragma unroll
            for (int half = 0; half < 2; ++half) {
                any |= words[half] != 0 ? 1u << half : 0u;
                const RowState state = states[place + half * 8];
                if (pass == 0) {
                    float higher = top[half], added = 0;
#pragma unroll
                    for (int n = 0; n < kColumns; ++n) {
#pragma unroll
                        for (int i = half * 2; i < half * 2 + 2; ++i) {
                            higher = words[half] >> (n * 8 + i % 2) & 1u ? fmaxf(higher, score[n][i]) : higher;
                        }
                    }
#pragma unroll
                    for (int n = 0; n < kColumns; ++n) {
#pragma unroll
                        for (int i = half * 2; i < half * 2 + 2; ++i) {
                            added += words[half] >> (n * 8 + i % 2) & 1u ? ptx::exp2Fast((score[n][i] - higher) * kLog2E) : 0.0f;
                        }
                    }
                    sum[half] = fmaf(sum[half], ptx::exp2Fast((top[half] - higher) * kLog2E), added);
                    top[half] = higher;
                    continue;
                }
#pragma unroll
                for (int n = 0; n < kColumns; ++n) {
                    float gradient[2];
#pragma unroll
                    for (int i = half * 2; i < half * 2 + 2; ++i) {
                        const float probability = teacher[n][i] * state.inverse, logStudent = score[n][i] - state.norm;
                        const float gap = (probability == 0 ? 0.0f : __logf(probability)) - logStudent;
                        const bool seen = words[half] >> (n * 8 + i % 2) & 1u;
                        sum[half] += seen ? probability : 0.0f;
                        divergence[half] += seen ? probability * gap : 0.0f;
                        gradient[i % 2] = seen ? (ptx::exp2Fast(logStudent * kLog2E) - probability) * state.counts : 0.0f;
                    }
                    if (active && entry.gradScores && row[half] < queries) {
                        T *to = entry.gradScores + static_cast<std::int64_t>(place + half * 8) * (tilesOf(p.keys) * kTile) + (tile * kTile + part * kColumns * 8);
                        *reinterpret_cast<std::uint32_t *>(to + n * 8 + 2 * lane.pair) = ptx::packPair<T>(gradient[0], gradient[1]);
                    }
                }
            }
        }

        bool again = false;
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            const int of = place + half * 8;
            const bool writes = group == 0 && lane.pair == 0;
            if (pass == 0) {
                // The largest first, so that the sums meet on one scale.
                float highest = fmaxf(top[half], __shfl_xor_sync(~0u, top[half], 1));
                highest = fmaxf(highest, __shfl_xor_sync(~0u, highest, 2));
                __syncthreads();
                if (lane.pair == 0) {
                    scratch[group][of] = highest;
                }
                __syncthreads();
#pragma unroll
                for (int g = 0; g < kKeyGroups; ++g) {
                    highest = fmaxf(highest, scratch[g][of]);
                }
                const float total = acrossGroups(scratch, group, of, lane, sum[half] * ptx::exp2Fast((top[half] - highest) * kLog2E));
                if (writes) {
                    states[of].norm = logf(total) + highest;
                }
                continue;
            }
            const float mass = acrossGroups(scratch, group, of, lane, sum[half]);
            divergence[half] = acrossGroups(scratch, group, of, lane, divergence[half]);
            const bool hasKey = acrossGroups(scratch, group, of, lane, any >> half & 1u ? 1.0f : 0.0f) > 0;
            again = again || (pass == 1 && hasKey && fabsf(mass - 1) > kSumTolerance);
            if (writes) {
                states[of].mass = mass;
                if (pass == 1) {
                    states[of].counts = hasKey && !(mass <= 0) ? 1.0f : 0.0f; // a row that is NaN counts, so that it shows
                    states[of].inverse /= fmaxf(mass, FLT_MIN);
                }
            }
        }
        if (pass > 0 && !__syncthreads_or(again)) {
            break;
        }
    }

#pragma unroll
    for (int half = 0; half < 2; ++half) {
        if (group == 0 && lane.pair == 0 && row[half] < queries) {
            const RowState state = states[place + half * 8];
            const bool used = state.counts > 0 && sampled(p, queryTile);
            p.rows[b * p.queries + row[half]] = used ? divergence[half] / state.mass - logf(state.mass) : 0.0f;
            p.used[b * p.queries + row[half]] = used ? 1.0f : 0.0f;
        }
    }
}

} // namespace dsa::launch::index_kl_tiles
