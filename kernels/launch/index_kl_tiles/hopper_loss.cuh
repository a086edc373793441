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
        m_tile = first();
        m_item = m_firstItem;
        for (int i = 0; i < m_params.stages; ++i) {
            copyNext();
        }
    }
    /// Waits for the next tile; those before it that were not released stay.
    __device__ void take()
    {
        m_stage = m_stage + 1 == m_params.stages ? 0 : m_stage + 1;
        hopper::waitFor(m_full + m_stage * 8, m_parity >> m_stage & 1u);
        m_parity ^= 1u << m_stage;
    }
    /// The tile that was taken last.
    __device__ std::uint32_t address() const { return m_base + m_stage * hopper::kTileBytes; }
    /// The earliest tile that was taken and not released is done with.
    __device__ void release()
    {
        m_releaseStage = m_releaseStage + 1 == m_params.stages ? 0 : m_releaseStage + 1;
        __syncwarp();
        if (threadIdx.x % 32 == 0) {
            hopper::arrive(m_empty + m_releaseStage * 8); // one lane alone works the address out
        }
        copyNext();
    }

private:
    /// By all threads, of which one copies: with branches around that the compiler would not let a product be under way.
    __device__ void copyNext()
    {
        const bool more = m_tile >= 0;
        const std::uint32_t barrier = m_full + m_copyStage * 8;
        if (more) {
            hopper::waitFor(m_empty + m_copyStage * 8, m_copyParity ^ 1);
        }
        const int heads = static_cast<int>(m_params.p.keyHeads);
        const bool ofIndexer = m_item == heads;
        hopper::copyTileIf(m_copies && more, m_base + m_copyStage * hopper::kTileBytes, ofIndexer ? m_params.ki : m_params.k, barrier, 0, m_tile * kTile, ofIndexer ? 0 : m_item, m_b);
        if (more && ++m_item > heads) {
            m_item = m_firstItem;
            m_tile = after(m_tile);
        }
        if (more && ++m_copyStage == m_params.stages) {
            m_copyStage = 0;
            m_copyParity ^= 1;
        }
    }

    const HopperParams &m_params;
    const TileSet &m_tiles;
    std::uint32_t m_full, m_empty, m_base;
    int m_group, m_b;
    bool m_copies;
    int m_stage = -1, m_releaseStage = -1, m_copyStage = 0, m_tile = -1, m_item = 0, m_firstItem = 0;
    std::uint32_t m_parity = 0, m_copyParity = 0; ///< a bit a stage; of the copies' round
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

constexpr float kLn2 = 0.693147180559945f;

/// 64 queries a block, whose tiles of all heads stay; each of three warpgroups takes every third tile of keys, at its own pace: teacher and
/// scores of a tile stay in its registers until both are whole. A unit is a head of the
/// attention or, behind those, of the indexer.
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
        float dots[2][32];
        const auto newTile = [&](int unit) { return unit < heads ? share == 1 || unit % share == 0 : unit == heads; }; // the unit has keys of its own
        const auto begin = [&](int unit, float (&product)[32]) {
            if (newTile(unit)) {
                feed.take();
            }
            beginProduct(product, hopper::descriptorOf(base + unit * hopper::kTileBytes), hopper::descriptorOf(feed.address()));
        };
        for (int tile = feed.first(); tile >= 0; tile = feed.after(tile)) {
            const std::uint64_t upper = keysSeen(p, bits, first, place, tile), lower = keysSeen(p, bits, first, place + 8, tile);
            float teacher[32] = {}, score[32] = {};
            const auto useHead = [&](int unit, float (&product)[32]) {
                hopper::hold(product);
                if (newTile(unit + 1)) {
                    feed.release();
                }
                const float shift[2] = {-kLog2E * ofRows[unit * kTile + place], -kLog2E * ofRows[unit * kTile + place + 8]};
#pragma unroll
                for (int i = 0; i < 32; ++i) {
                    teacher[i] += ptx::exp2Fast(fmaf(product[i], factor, shift[i / 2 % 2]));
                }
            };
            int unit = pass > 0 ? 0 : heads;
            // Exponentials while the next head's product is under way: four in a row, for the compiler lets none be so from one turn to the next.
            for (; unit + 4 <= heads; unit += 4) {
                begin(unit, dots[0]);
#pragma unroll
                for (int i = 0; i < 3; ++i) {
                    begin(unit + i + 1, dots[(i + 1) % 2]);
                    hopper::waitForProducts<1>();
                    useHead(unit + i, dots[i % 2]);
                }
                hopper::waitForProducts<0>();
                useHead(unit + 3, dots[1]);
            }
            for (; unit < heads; ++unit) {
                begin(unit, dots[0]);
                hopper::waitForProducts<0>();
                useHead(unit, dots[0]);
            }
            for (; unit < units; ++unit) { // two products would not fit in beside teacher and scores
                begin(unit, dots[0]);
                hopper::waitForProducts<0>();
                hopper::hold(dots[0]);
                const float weights[2] = {ofRows[unit * kTile + place], ofRows[unit * kTile + place + 8]};
#pragma unroll
                for (int i = 0; i < 32; ++i) {
                    score[i] = fmaf(weights[i / 2 % 2], ptx::relu(dots[0][i]), score[i]);
                }
            }
            feed.release();
            any |= (upper != 0 ? 1u : 0u) | (lower != 0 ? 2u : 0u);
            if (pass == 0) {
                addToLogSum(top, sum, score, laneMask(lane, upper, lower));
                continue;
            }
            const RowState rows[2] = {shared.rows[place], shared.rows[place + 8]};
            const std::uint32_t mask = laneMask(lane, rows[0].counts > 0 ? upper : 0, rows[1].counts > 0 ? lower : 0);
#pragma unroll
            for (int half = 0; half < 2; ++half) {
                const float norm = rows[half].norm * kLog2E;
                const bool writes = gradScores && first + place + half * 8 < queries;
                __nv_bfloat16 *to = gradScores + static_cast<std::int64_t>(place + half * 8) * (tilesOf(p.keys) * kTile) + tile * kTile + 2 * lane.pair;
#pragma unroll
                for (int n = 0; n < 8; ++n) {
                    float gradient[2];
#pragma unroll
                    for (int c = 0; c < 2; ++c) { // logarithms of base 2
                        const int i = n * 4 + half * 2 + c;
                        const float probability = teacher[i] * rows[half].inverse, logStudent = fmaf(score[i], kLog2E, -norm);
                        const float gap = ptx::log2Fast(fmaxf(probability, FLT_MIN)) - logStudent; // where there is no probability it is times 0
                        const bool seen = inMask(mask, i);
                        sum[half] = seen ? sum[half] + probability : sum[half];
                        divergence[half] = seen ? fmaf(probability, gap, divergence[half]) : divergence[half];
                        gradient[c] = seen ? ptx::exp2Fast(logStudent) - probability : 0.0f;
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
            p.rows[b * p.queries + t] = used ? divergence[half] * kLn2 / row.mass - logf(row.mass) : 0.0f;
            p.used[b * p.queries + t] = used ? 1.0f : 0.0f;
        }
    }
#endif
}

} // namespace dsa::launch::index_kl_tiles
