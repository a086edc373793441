#pragma once

#include "kernels/launch/gathered_attention/rows.cuh"
#include "kernels/launch/wgmma_wide.cuh"

namespace dsa::launch::gathered_attention {

/// Shared memory of a block, behind q and two buffers of gathered rows.
struct ForwardShared {
    float2 tops[2][kGroupThreads];    ///< of a buffer's probabilities: what their exponents are relative to, for a lane's two rows
    float2 sums[2][2][kGroupThreads]; ///< by turn of a block's queries and warpgroup
    std::uint64_t queryFull, queryEmpty, full[2][kPieces], empty[2][kPieces]; ///< pieces: the two halves of the values, and what is no value
    std::uint64_t ready[2];                                                   ///< a buffer's probabilities are there
};

constexpr std::size_t kForwardBytes = 3 * kRowsBytes + sizeof(ForwardShared);
static_assert(kForwardBytes <= 232448);

/// Where a lane stands in the softmax of its two rows. What exponents are relative to follows the maximum only when that has grown 2^8
/// fold, and both warpgroups see it change tile by tile, in the same order.
struct RowTops {
    static constexpr float kNone = -__builtin_huge_valf(), kSlack = 8;
    float factor, top[2] = {kNone, kNone}, sum[2] = {}, shrink[2];

    __device__ explicit RowTops(float factor)
        : factor(factor)
    {}
    /// True where the output has to shrink.
    __device__ __forceinline__ bool moveTo(int half, float other)
    {
        shrink[half] = 1;
        if (other == top[half]) {
            return false;
        }
        shrink[half] = ptx::exp2Fast((top[half] - other) * factor); // 0 where there was none
        top[half] = other;
        sum[half] *= shrink[half];
        return true;
    }
    __device__ __forceinline__ bool follow(float2 tops)
    {
        const bool upper = moveTo(0, tops.x), lower = moveTo(1, tops.y);
        return __any_sync(~0u, upper || lower);
    }
    /// Scores become probabilities.
    __device__ __forceinline__ bool step(float (&scores)[32], const SlotMask &mask)
    {
        if (!mask.all) {
#pragma unroll
            for (int i = 0; i < 32; ++i) {
                scores[i] = mask.has(i) ? scores[i] : kNone;
            }
        }
        bool moves = false;
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            float highest = kNone, other = kNone; // two chains, which do not wait for each other
#pragma unroll
            for (int n = 0; n < 8; ++n) {
                highest = fmaxf(highest, scores[n * 4 + half * 2]);
                other = fmaxf(other, scores[n * 4 + half * 2 + 1]);
            }
            highest = fmaxf(highest, other);
            highest = fmaxf(highest, __shfl_xor_sync(~0u, highest, 1));
            highest = fmaxf(highest, __shfl_xor_sync(~0u, highest, 2));
            moves |= moveTo(half, highest * factor > fmaf(top[half], factor, kSlack) ? highest : top[half]);
        }
#pragma unroll
        for (int half = 0; half < 2; ++half) {
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

/// The block's next query and half of its heads, and how many pairs of tiles its list fills.
struct ForwardWork {
    int blocks, index, query, firstHead, pairs;

    __device__ explicit ForwardWork(const Params &p)
        : blocks(static_cast<int>((p.heads + kHeadRows - 1) / kHeadRows))
        , index(static_cast<int>(blockIdx.x))
    {}
    __device__ __forceinline__ bool find(const Params &p)
    {
        query = index / blocks; // the blocks of a query run together: one of them reads its rows from memory
        if (query >= p.queries) {
            return false;
        }
        firstHead = (index - query * blocks) * kHeadRows;
        pairs = (__ldg(p.slots + query) + 127) / 128;
        return true;
    }
    __device__ __forceinline__ void advance() { index += static_cast<int>(gridDim.x); }
};

/// Rows as they lie in the table: what a copying warpgroup does, and the registers of a thread of it and of the others.
struct PlainRows {
    static constexpr int kCopyRegisters = gathered_attention::kCopyRegisters, kMultiplyRegisters = gathered_attention::kMultiplyRegisters;
    static __device__ __forceinline__ void copy(const Params &p, ForwardShared &shared, std::uint32_t base);
};

__device__ __forceinline__ void PlainRows::copy(const Params &p, ForwardShared &shared, std::uint32_t base)
{
    const RowCopier start(static_cast<int>(threadIdx.x) % kGroupThreads);
    RowCopier copier = start;
    ForwardWork work(p);
    std::uint32_t turn = 0, tile = 0; // of the queries, of the tiles of all of them
    for (; work.find(p); work.advance(), ++turn) {
        const std::int32_t *list = p.idx + static_cast<long long>(work.query) * p.k;
        ListReader reader(p, copier.row);
        reader.read(list, 0);
        copier.setHeads(p.q, work.query, work.firstHead, static_cast<int>(p.heads), p.qStrides);
        hopper::waitFor(ptx::sharedAddress(&shared.queryEmpty), (turn & 1) ^ 1);
        copier.copy<kTiles>(base, 0);
        hopper::arriveAfterCopies(ptx::sharedAddress(&shared.queryFull));
        for (int i = 0; i < 2 * work.pairs; ++i, ++tile) {
#pragma unroll
            for (int j = 0; j < 4; ++j) {
                copier.set(j, p.kv, reader.places[j] * p.kvStride, isKey(p, reader.places[j]));
            }
            reader.read(list, i + 1);
            const std::uint32_t buffer = tile & 1, rows = base + (1 + buffer) * kRowsBytes, parity = (tile >> 1 & 1) ^ 1;
            const auto next = [&](int piece) { hopper::waitFor(ptx::sharedAddress(shared.empty[buffer] + piece), parity); };
            // In the order in which they come free, and are wanted.
            next(2);
            copier.copy<1>(rows, kValueTiles);
            hopper::arriveAfterCopies(ptx::sharedAddress(shared.full[buffer] + 2));
#pragma unroll
            for (int i = 0; i < 2; ++i) {
                const int half = static_cast<int>(buffer) ^ i;
                next(half);
                copier.copy<4>(rows, half * 4);
                hopper::arriveAfterCopies(ptx::sharedAddress(shared.full[buffer] + half));
            }
        }
    }
}

/// One of two warpgroups. Tiles go to them in turn: `own` tiles' scores and probabilities are its work, of every tile's product with
/// the values it does 256 columns. The probabilities of the other's tiles come through shared memory: where the last 64 columns of the
/// rows were, which are no values.
__device__ __forceinline__ void multiplyForward(const Params &p, ForwardShared &shared, std::uint32_t base, int group)
{
    const Lane lane;
    const int thread = static_cast<int>(threadIdx.x) % kGroupThreads, warp = thread / 32;
    const std::uint32_t ownRows = base + (1 + group) * kRowsBytes, otherRows = base + (2 - group) * kRowsBytes;
    const std::uint32_t ownFull = ptx::sharedAddress(shared.full[group]), otherReady = ptx::sharedAddress(shared.ready + (1 - group));
    const std::uint32_t exchange = kValueTiles * hopper::kTileBytes + thread * 16;
    const std::uint64_t queries = hopper::descriptorOf(base), keys = hopper::descriptorOf(ownRows);
    const std::uint64_t ownValues = hopper::wideDescriptorOf(ownRows + group * 4 * hopper::kTileBytes), otherValues = hopper::wideDescriptorOf(otherRows + group * 4 * hopper::kTileBytes);
    const int k = static_cast<int>(p.k);
    ForwardWork work(p);
    std::uint32_t round = 0; // own tiles so far
    for (std::uint32_t turn = 0; work.find(p); work.advance(), ++turn) {
        const std::int32_t *list = p.idx + static_cast<long long>(work.query) * p.k;
        float out[128] = {};
        RowTops tops(p.scale * kLog2E);
        const auto shrink = [&] {
#pragma unroll
            for (int i = 0; i < 128; ++i) {
                out[i] *= tops.shrink[i / 2 % 2];
            }
        };
        // The product with the other's tile, its probabilities there for the parity; not waited for.
        const auto addOther = [&](std::uint32_t parity, std::uint32_t (&operand)[4][4]) {
            hopper::waitFor(otherReady, parity);
            if (tops.follow(shared.tops[1 - group][thread])) {
                shrink();
            }
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                asm volatile("ld.shared.v4.u32 {%0,%1,%2,%3}, [%4];"
                             : "=r"(operand[i][0]), "=r"(operand[i][1]), "=r"(operand[i][2]), "=r"(operand[i][3])
                             : "r"(otherRows + exchange + i * kGroupThreads * 16)
                             : "memory");
            }
            hopper::arriveAsWarp(ptx::sharedAddress(shared.empty[1 - group] + 2));
            hopper::fenceProducts();
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                hopper::multiplyAcrossWide(out, operand[i], otherValues + i * 128);
            }
            hopper::commitProducts();
        };
        hopper::waitFor(ptx::sharedAddress(&shared.queryFull), turn & 1);
        publishToProducts();
        for (int j = 0; j < work.pairs; ++j, ++round) {
            const bool handles = group == 1 || j > 0;
            const int slot = (2 * j + group) * 64 + lane.lane;
            const int first = slot < k ? __ldg(list + slot) : -1, second = slot + 32 < k ? __ldg(list + slot + 32) : -1;
            float scores[32];
            std::uint32_t other[4][4];
            const auto piece = [&](int which, int firstTile, int count, bool isFirst) {
                hopper::waitFor(ownFull + which * 8, round & 1);
                publishToProducts();
                hopper::fenceProducts();
                const std::uint64_t from = queries + firstTile * (hopper::kTileBytes / 16), to = keys + firstTile * (hopper::kTileBytes / 16);
#pragma unroll
                for (int step = 0; step < count * 4; ++step) {
                    const int at = step / 4 * (hopper::kTileBytes / 16) + step % 4 * 2;
                    hopper::multiplyTiles<__nv_bfloat16>(scores, from + at, to + at, !isFirst || step > 0);
                }
                hopper::commitProducts();
            };
            // First what is ready as a rule: these rows may still be on their way.
            if (handles) {
                addOther((round & 1) ^ (group ^ 1), other);
            }
            piece(2, kValueTiles, 1, true);
            piece(group, group * 4, 4, false);
            piece(1 - group, (1 - group) * 4, 4, false);
            hopper::waitForProducts<kPieces>();
            hopper::hold(out);
            if (handles) {
                hopper::arriveAsWarp(ptx::sharedAddress(shared.empty[1 - group] + group));
            }
            hopper::waitForProducts<0>();
            hopper::hold(scores);
            if (j + 1 == work.pairs) {
                hopper::arriveAsWarp(ptx::sharedAddress(&shared.queryEmpty));
            }
            const bool moves = tops.step(scores, SlotMask(p, lane, first, second));
            std::uint32_t operand[4][4];
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                hopper::packOperand<__nv_bfloat16>(operand[i], scores, i);
            }
            syncThreads<kGroupThreads>(1 + group); // no warp still reads the columns that the probabilities take
            shared.tops[group][thread] = make_float2(tops.top[0], tops.top[1]);
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                asm volatile("st.shared.v4.u32 [%4], {%0,%1,%2,%3};" ::"r"(operand[i][0]), "r"(operand[i][1]), "r"(operand[i][2]), "r"(operand[i][3]),
                             "r"(ownRows + exchange + i * kGroupThreads * 16)
                             : "memory");
            }
            hopper::arriveAsWarp(ptx::sharedAddress(shared.ready + group));
            if (moves) {
                shrink();
            }
            hopper::fenceProducts();
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                hopper::multiplyAcrossWide(out, operand[i], ownValues + i * 128);
            }
            hopper::commitProducts();
            hopper::waitForProducts<0>();
            hopper::hold(out);
            hopper::arriveAsWarp(ptx::sharedAddress(shared.empty[group] + group));
        }
        if (work.pairs == 0) {
            hopper::arriveAsWarp(ptx::sharedAddress(&shared.queryEmpty));
        } else if (group == 0) {
            std::uint32_t other[4][4];
            addOther((round & 1) ^ 1, other);
            hopper::waitForProducts<0>();
            hopper::hold(out);
            hopper::arriveAsWarp(ptx::sharedAddress(shared.empty[1]));
        }
        // Each has summed its own tiles.
        shared.sums[turn & 1][group][thread] = make_float2(tops.sum[0], tops.sum[1]);
        syncThreads<2 * kGroupThreads>(3);
        const float2 rest = shared.sums[turn & 1][1 - group][thread];
        float inverse[2];
        __nv_bfloat16 *rows[2];
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            const int head = work.firstHead + warp * 16 + lane.group + half * 8;
            const float mine = sumOfRow(tops.sum[half]), others = sumOfRow(half ? rest.y : rest.x);
            const float total = group == 0 ? mine + others : others + mine; // the same bits in both
            const bool isThere = head < p.heads;
            float all = total;
            if (p.sink && isThere) {
                all += total == 0 ? 0.0f : exp2f(fmaf(p.sink[head], kLog2E, -tops.top[half] * tops.factor));
            }
            inverse[half] = total == 0 ? 0.0f : 1.0f / all; // a NaN stays one
            if (group == 0 && lane.pair == 0 && isThere) {
                p.lse[static_cast<long long>(work.query) * p.heads + head] = total == 0 ? -__builtin_huge_valf() : fmaf(tops.top[half], p.scale, logf(total));
            }
            rows[half] = isThere ? static_cast<__nv_bfloat16 *>(p.o) + work.query * p.oStrides[0] + head * p.oStrides[1] + group * 256 : nullptr;
        }
#pragma unroll
        for (int tile = 0; tile < 4; ++tile) {
            writeTile(rows[0] ? rows[0] + tile * 64 : nullptr, rows[1] ? rows[1] + tile * 64 : nullptr, lane, out, tile * 32, inverse[0], inverse[1]);
        }
    }
}

/// o and lse.
template <class Rows>
__global__ void __launch_bounds__(kBlockThreads, 1) gatheredForward(const __grid_constant__ Params p)
{
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
    extern __shared__ __align__(1024) unsigned char memory[];
    ForwardShared &shared = *reinterpret_cast<ForwardShared *>(memory + 3 * kRowsBytes);
    const std::uint32_t base = ptx::sharedAddress(memory);
    if (threadIdx.x == 0) {
        if (base % 1024 != 0) { // the tiles' turns are those of addresses
            __trap();
        }
        const auto init = [](std::uint64_t &barrier, int arrivals) { hopper::initBarrier(ptx::sharedAddress(&barrier), arrivals); };
        init(shared.queryFull, kGroupThreads);
        init(shared.queryEmpty, 8);
        for (int buffer = 0; buffer < 2; ++buffer) {
            for (int piece = 0; piece < kPieces; ++piece) {
                init(shared.full[buffer][piece], kGroupThreads);
                init(shared.empty[buffer][piece], 4); // one warpgroup is the last to want it
            }
            init(shared.ready[buffer], 4);
        }
        hopper::publishBarriers();
    }
    __syncthreads();
    const int group = __shfl_sync(~0u, static_cast<int>(threadIdx.x) / kGroupThreads, 0);
    if (group == 2) {
        hopper::giveRegisters<Rows::kCopyRegisters>();
        Rows::copy(p, shared, base);
    } else {
        hopper::takeRegisters<Rows::kMultiplyRegisters>();
        multiplyForward(p, shared, base, group);
    }
#endif
}

} // namespace dsa::launch::gathered_attention
