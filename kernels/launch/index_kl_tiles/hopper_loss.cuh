#pragma once

#include "kernels/launch/index_kl_tiles/blocks.cuh"
#include "kernels/launch/index_kl_tiles/hopper.h"
#include "kernels/launch/index_kl_tiles/row_state.cuh"
#include "kernels/launch/index_kl_tiles/tile_product.cuh"
#include "kernels/launch/lane_mask.cuh"

#include <cfloat>

namespace dsa::launch::index_kl_tiles {

constexpr int kLossGroups = 3, kHopperLossThreads = kLossGroups * kGroupThreads, kMostStages = 4;

/// Behind the tiles: of each head of attention and indexer a number a row. Bytes of a head's tile and numbers:
constexpr int kUnitBytes = hopper::kTileBytes + kTile * static_cast<int>(sizeof(float));
constexpr std::size_t hopperLossBytes(std::int64_t units, int stages)
{
    return 1024 + units * kUnitBytes + static_cast<std::size_t>(kLossGroups) * stages * hopper::kTileBytes;
}

struct HopperLossShared {
    std::uint64_t full[kLossGroups][kMostStages], empty[kLossGroups][kMostStages], held;
    RowState rows[kTile];
    float scratch[kLossGroups][kTile];
};

/// The tiles of keys that a warpgroup has copied, one key head after the other and the indexer's keys last, every third tile of those
/// that are seen. Its first thread copies them.
class KeyFeed {
public:
    __device__ KeyFeed(const HopperParams &params, HopperLossShared &shared, const TileSet &tiles, std::uint32_t base, int group, int b)
        : m_params(params)
        , m_tiles(tiles)
        , m_full(ptx::sharedAddress(shared.full[group]))
        , m_empty(ptx::sharedAddress(shared.empty[group]))
        , m_base(base)
        , m_group(group)
        , m_b(b)
        , m_copies(threadIdx.x % kGroupThreads == 0)
    {}
    __device__ int first() const
    {
        int tile = m_tiles.from(0);
        for (int i = 0; i < m_group && tile >= 0; ++i) {
            tile = m_tiles.from(tile + 1);
        }
        return tile;
    }
    __device__ int after(int tile) const
    {
        for (int i = 0; i < kLossGroups && tile >= 0; ++i) {
            tile = m_tiles.from(tile + 1);
        }
        return tile;
    }
    /// Has the first tiles copied; `withHeads`: those of the attention too.
    __device__ void start(bool withHeads)
    {
        m_firstItem = withHeads ? 0 : static_cast<int>(m_params.p.keyHeads);
        if (m_copies) {
            m_tile = first();
            m_item = m_firstItem;
            for (int i = 0; i < m_params.stages; ++i) {
                copyNext();
            }
        }
    }
    __device__ std::uint32_t address() const { return m_base + m_stage * hopper::kTileBytes; }
    __device__ void wait() const { hopper::waitFor(m_full + m_stage * 8, m_parity); }
    /// The tile at hand is done with.
    __device__ void release()
    {
        __syncwarp();
        if (threadIdx.x % 32 == 0) {
            hopper::arrive(m_empty + m_stage * 8); // one lane alone works the address out
        }
        if (++m_stage == m_params.stages) {
            m_stage = 0;
            m_parity ^= 1;
        }
        if (m_copies) {
            copyNext();
        }
    }

private:
    __device__ void copyNext()
    {
        if (m_tile < 0) {
            return;
        }
        const std::uint32_t barrier = m_full + m_copyStage * 8;
        hopper::waitFor(m_empty + m_copyStage * 8, m_copyParity ^ 1);
        hopper::arriveExpecting(barrier, hopper::kTileBytes);
        const int heads = static_cast<int>(m_params.p.keyHeads);
        const bool ofIndexer = m_item == heads;
        hopper::copyTile(m_base + m_copyStage * hopper::kTileBytes, ofIndexer ? m_params.ki : m_params.k, barrier, 0, m_tile * kTile, ofIndexer ? 0 : m_item, m_b);
        if (++m_item > heads) {
            m_item = m_firstItem;
            m_tile = after(m_tile);
        }
        if (++m_copyStage == m_params.stages) {
            m_copyStage = 0;
            m_copyParity ^= 1;
        }
    }

    const HopperParams &m_params;
    const TileSet &m_tiles;
    std::uint32_t m_full, m_empty, m_base;
    int m_group, m_b;
    bool m_copies;
    int m_stage = 0, m_copyStage = 0, m_tile = -1, m_item = 0, m_firstItem = 0;
    std::uint32_t m_parity = 0, m_copyParity = 0;
};

/// As acrossGroups(), the largest.
__device__ __forceinline__ float highestAcross(float (&scratch)[kLossGroups][kTile], int group, int row, const Lane &lane, float value)
{
    value = fmaxf(value, __shfl_xor_sync(~0u, value, 1));
    value = fmaxf(value, __shfl_xor_sync(~0u, value, 2));
    __syncthreads();
    if (lane.pair == 0) {
        scratch[group][row] = value;
    }
    __syncthreads();
#pragma unroll
    for (int g = 0; g < kLossGroups; ++g) {
        value = fmaxf(value, scratch[g][row]);
    }
    return value;
}

/// Adds exp of a tile's scores to the sums of two rows, which are relative to exp(top).
__device__ __forceinline__ void addToLogSum(float (&top)[2], float (&sum)[2], const float (&score)[32], std::uint32_t mask)
{
#pragma unroll
    for (int half = 0; half < 2; ++half) {
        float higher = top[half], added = 0;
#pragma unroll
        for (int n = 0; n < 8; ++n) {
#pragma unroll
            for (int i = n * 4 + half * 2; i < n * 4 + half * 2 + 2; ++i) {
                higher = inMask(mask, i) ? fmaxf(higher, score[i]) : higher;
            }
        }
#pragma unroll
        for (int n = 0; n < 8; ++n) {
#pragma unroll
            for (int i = n * 4 + half * 2; i < n * 4 + half * 2 + 2; ++i) {
                added += inMask(mask, i) ? ptx::exp2Fast((score[i] - higher) * kLog2E) : 0.0f;
            }
        }
        sum[half] = fmaf(sum[half], ptx::exp2Fast((top[half] - higher) * kLog2E), added);
        top[half] = higher;
    }
}

/// 64 queries a block, whose tiles of all heads stay; each of three warpgroups takes every third tile of keys, at its own pace: teacher and
/// scores of a tile stay in its registers until both are whole. Heads of attention are up to 16 kSteps wide.
template <int kSteps>
__global__ void __launch_bounds__(kHopperLossThreads, 1) hopperLoss(const __grid_constant__ HopperParams params)
{
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
    extern __shared__ unsigned char memory[];
    __shared__ TileSet tiles;
    __shared__ HopperLossShared shared;
    const Params &p = params.p;
    const Lane lane;
    const int group = __shfl_sync(~0u, static_cast<int>(threadIdx.x) / kGroupThreads, 0), place = lane.warp % 4 * 16 + lane.group;
    const int queryTile = tilesOf(p.queries) - 1 - static_cast<int>(blockIdx.x / p.batch), b = static_cast<int>(blockIdx.x % p.batch);
    const int first = queryTile * kTile, queries = static_cast<int>(p.queries), heads = static_cast<int>(p.heads), indexHeads = static_cast<int>(p.indexHeads);
    const int units = heads + indexHeads, share = heads / static_cast<int>(p.keyHeads);
    const std::uint32_t base = hopper::alignedTiles(memory), ring = base + units * hopper::kTileBytes;
    const int ringBytes = kLossGroups * params.stages * hopper::kTileBytes;
    // Of head u: the log-sum of a row, or the weight of the indexer's head there.
    float *ofRows = reinterpret_cast<float *>(memory + (base - ptx::sharedAddress(memory)) + units * hopper::kTileBytes + ringBytes);
    if (threadIdx.x == 0) {
        for (int g = 0; g < kLossGroups; ++g) {
            for (int i = 0; i < params.stages; ++i) {
                hopper::initBarrier(ptx::sharedAddress(shared.full[g] + i), 1);
                hopper::initBarrier(ptx::sharedAddress(shared.empty[g] + i), 4);
            }
        }
        hopper::initBarrier(ptx::sharedAddress(&shared.held), 1);
        hopper::publishBarriers();
        const std::uint32_t barrier = ptx::sharedAddress(&shared.held);
        hopper::arriveExpecting(barrier, units * hopper::kTileBytes);
        for (int unit = 0; unit < units; ++unit) {
            hopper::copyTile(base + unit * hopper::kTileBytes, unit < heads ? params.q : params.qi, barrier, 0, first, unit < heads ? unit : unit - heads, b);
        }
    }
    for (int i = threadIdx.x; i < units * kTile; i += kHopperLossThreads) {
        const int unit = i / kTile, t = first + i % kTile;
        const float *from = unit < heads ? p.lse + (b * p.heads + unit) * p.queries + t : p.weights + (b * p.queries + t) * p.indexHeads + unit - heads;
        ofRows[i] = t < queries ? __ldg(from) : 0.0f;
    }
    if (threadIdx.x < kTile) {
        const int t = first + static_cast<int>(threadIdx.x);
        shared.rows[threadIdx.x] = {p.lseSelected && t < queries ? __ldg(p.lseSelected + b * p.queries + t) : 0.0f, 1.0f / heads, 1, 1};
    }
    keyTilesSeen(p, b, queryTile, tiles); // and all of the above is there

    const std::int64_t *bits = p.bits ? p.bits + (b * p.queries + first) * tilesOf(p.keys) : nullptr;
    __nv_bfloat16 *gradScores =
        p.gradScores ? static_cast<__nv_bfloat16 *>(p.gradScores) + (b * p.queries + first) * (tilesOf(p.keys) * static_cast<std::int64_t>(kTile)) : nullptr;
    const float factor = p.scale * kLog2E;
    KeyFeed feed(params, shared, tiles, ring + group * params.stages * hopper::kTileBytes, group, b);
    hopper::waitFor(ptx::sharedAddress(&shared.held), 0);
    float divergence[2] = {};
    // Pass 0 finds the log-sum of the scores where nobody knows it, pass 1 the loss; pass 2 only where the teacher's sum is not 1.
    for (int pass = p.lseSelected ? 1 : 0; pass < 3; ++pass) {
        float top[2] = {-FLT_MAX, -FLT_MAX}, sum[2] = {};
        unsigned any = 0; // a bit a half
        divergence[0] = divergence[1] = 0;
        feed.start(pass > 0);
        for (int tile = feed.first(); tile >= 0; tile = feed.after(tile)) {
            const std::uint64_t upper = keysSeen(p, bits, first, place, tile), lower = keysSeen(p, bits, first, place + 8, tile);
            float teacher[32] = {}, score[32] = {}, dots[32];
            for (int head = 0; head < (pass > 0 ? heads : 0); head += share) {
                feed.wait();
                for (int unit = head; unit < head + share; ++unit) {
                    const float logSums[2] = {ofRows[unit * kTile + place] * kLog2E, ofRows[unit * kTile + place + 8] * kLog2E};
                    tileProduct<kSteps>(dots, hopper::descriptorOf(base + unit * hopper::kTileBytes), hopper::descriptorOf(feed.address()));
#pragma unroll
                    for (int i = 0; i < 32; ++i) {
                        teacher[i] += ptx::exp2Fast(fmaf(dots[i], factor, -logSums[i / 2 % 2]));
                    }
                }
                feed.release();
            }
            feed.wait();
            for (int unit = heads; unit < units; ++unit) {
                const float weights[2] = {ofRows[unit * kTile + place], ofRows[unit * kTile + place + 8]};
                tileProduct<4>(dots, hopper::descriptorOf(base + unit * hopper::kTileBytes), hopper::descriptorOf(feed.address()));
#pragma unroll
                for (int i = 0; i < 32; ++i) {
                    score[i] = fmaf(weights[i / 2 % 2], ptx::relu(dots[i]), score[i]);
                }
            }
            feed.release();

            const std::uint32_t mask = laneMask(lane, upper, lower);
            any |= (upper != 0 ? 1u : 0u) | (lower != 0 ? 2u : 0u);
            if (pass == 0) {
                addToLogSum(top, sum, score, mask);
                continue;
            }
#pragma unroll
            for (int half = 0; half < 2; ++half) {
                const RowState row = shared.rows[place + half * 8];
                const bool writes = gradScores && first + place + half * 8 < queries;
                __nv_bfloat16 *to = gradScores + static_cast<std::int64_t>(place + half * 8) * (tilesOf(p.keys) * kTile) + tile * kTile + 2 * lane.pair;
#pragma unroll
                for (int n = 0; n < 8; ++n) {
                    float gradient[2];
#pragma unroll
                    for (int c = 0; c < 2; ++c) {
                        const int i = n * 4 + half * 2 + c;
                        const float probability = teacher[i] * row.inverse, logStudent = score[i] - row.norm;
                        const float gap = (probability == 0 ? 0.0f : __logf(probability)) - logStudent;
                        const bool seen = inMask(mask, i);
                        sum[half] += seen ? probability : 0.0f;
                        divergence[half] += seen ? probability * gap : 0.0f;
                        gradient[c] = seen ? (ptx::exp2Fast(logStudent * kLog2E) - probability) * row.counts : 0.0f;
                    }
                    if (writes) {
                        *reinterpret_cast<std::uint32_t *>(to + n * 8) = ptx::packPair<__nv_bfloat16>(gradient[0], gradient[1]);
                    }
                }
            }
        }

        bool again = false;
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            const int of = place + half * 8;
            if (pass == 0) {
                const float highest = highestAcross(shared.scratch, group, of, lane, top[half]); // so that the sums meet on one scale
                const float total = acrossGroups(shared.scratch, group, of, lane, sum[half] * ptx::exp2Fast((top[half] - highest) * kLog2E));
                if (group == 0 && lane.pair == 0) {
                    shared.rows[of].norm = logf(total) + highest;
                }
                continue;
            }
            const float mass = acrossGroups(shared.scratch, group, of, lane, sum[half]);
            divergence[half] = acrossGroups(shared.scratch, group, of, lane, divergence[half]);
            const bool hasKey = acrossGroups(shared.scratch, group, of, lane, any >> half & 1u ? 1.0f : 0.0f) > 0;
            again = again || (pass == 1 && hasKey && fabsf(mass - 1) > kSumTolerance);
            if (group == 0 && lane.pair == 0) {
                shared.rows[of].mass = mass;
                if (pass == 1) {
                    shared.rows[of].counts = hasKey && !(mass <= 0) ? 1.0f : 0.0f; // a row that is NaN counts, so that it shows
                    shared.rows[of].inverse /= fmaxf(mass, FLT_MIN);
                }
            }
        }
        if (!__syncthreads_or(again) && pass > 0) {
            break;
        }
    }

#pragma unroll
    for (int half = 0; half < 2; ++half) {
        const int t = first + place + half * 8;
        if (group == 0 && lane.pair == 0 && t < queries) {
            const RowState row = shared.rows[place + half * 8];
            const bool used = row.counts > 0 && sampled(p, queryTile);
            p.rows[b * p.queries + t] = used ? divergence[half] / row.mass - logf(row.mass) : 0.0f;
            p.used[b * p.queries + t] = used ? 1.0f : 0.0f;
        }
    }
#endif
}

} // namespace dsa::launch::index_kl_tiles
