#pragma once

#include "kernels/launch/gathered_attention/backward_parts.cuh"

namespace dsa::launch::gathered_attention {

/// One of two warpgroups: the first makes the probabilities, the second the score gradients; then each has its tiles of the gradients,
/// gradQ's in registers for good, the table's added as they are made.
template <int kGroup, bool kPair>
__device__ __forceinline__ void multiplyBackward(const Params &p, BackwardShared &shared, const BackwardPlaces &places, const BackwardWork &work)
{
    constexpr int kFirstTile = kGroup * 4, kQueryTiles = kGroup == 0 ? 4 : 5, kSteps = kGroup == 0 ? kTiles * 4 : kValueTiles * 4;
    const Lane lane;
    const int warp = lane.warp % 4, row = warp * 16 + lane.group, k = static_cast<int>(p.k);
    const std::int32_t *list = p.idx + static_cast<long long>(work.query) * k;
    sumRows(p, shared, work, lane.warp, lane.lane);
    syncThreads<2 * kGroupThreads>(1);
    const float shift[2] = {(kGroup == 0 ? shared.norm : shared.delta)[row], (kGroup == 0 ? shared.norm : shared.delta)[row + 8]};
    const float factor = p.scale * kLog2E;
    const auto tileOf = [](std::uint32_t place, int tile) { return hopper::descriptorOf(place) + tile * (hopper::kTileBytes / 16); };
    float gradQ[kQueryTiles][32] = {};
    hopper::waitFor(ptx::sharedAddress(&shared.ownFull), 0);
    publishToProducts();
    for (int tile = 0; tile < work.tiles; ++tile) {
        const int slot = tile * 64 + lane.lane;
        const int first = slot < k ? __ldg(list + slot) : -1, second = slot + 32 < k ? __ldg(list + slot + 32) : -1;
        float values[32];
#pragma unroll
        for (int i = 0; i < kPieces; ++i) {
            hopper::waitFor(ptx::sharedAddress(shared.full + i), tile & 1);
            publishToProducts();
            hopper::fenceProducts();
#pragma unroll
            for (int step = pieceTile(i) * 4; step < pieceTile(i + 1) * 4; ++step) {
                if (step < kSteps) {
                    const int at = step / 4 * (hopper::kTileBytes / 16) + step % 4 * 2;
                    hopper::multiplyTiles<__nv_bfloat16>(values, hopper::descriptorOf(kGroup == 0 ? places.q : places.gradO) + at, hopper::descriptorOf(places.rows) + at, step > 0);
                }
            }
            hopper::commitProducts();
        }
        hopper::waitForProducts<0>();
        hopper::hold(values);
        const SlotMask mask(p, lane, first, second);
        if constexpr (kGroup == 0) {
#pragma unroll
            for (int i = 0; i < 32; i += 2) {
                const float left = mask.has(i) ? ptx::exp2Fast(fmaf(values[i], factor, -shift[i / 2 % 2])) : 0.0f;
                const float right = mask.has(i + 1) ? ptx::exp2Fast(fmaf(values[i + 1], factor, -shift[i / 2 % 2])) : 0.0f;
                const std::uint32_t pair = ptx::packPair<__nv_bfloat16>(left, right);
                asm volatile("st.shared.u32 [%0], %1;" ::"r"(places.probabilities + pairPlace(lane, row + i / 2 % 2 * 8, i / 4)), "r"(pair) : "memory");
            }
            publishToProducts();
            hopper::arriveAsWarp(ptx::sharedAddress(&shared.probabilities));
        } else {
            hopper::waitFor(ptx::sharedAddress(&shared.probabilities), tile & 1);
#pragma unroll
            for (int i = 0; i < 32; i += 2) {
                const std::uint32_t place = pairPlace(lane, row + i / 2 % 2 * 8, i / 4);
                std::uint32_t pair;
                asm volatile("ld.shared.u32 %0, [%1];" : "=r"(pair) : "r"(places.probabilities + place) : "memory");
                const float2 probability = ptx::unpackPair<__nv_bfloat16>(pair);
                pair = ptx::packPair<__nv_bfloat16>(p.scale * probability.x * (values[i] - shift[i / 2 % 2]), p.scale * probability.y * (values[i + 1] - shift[i / 2 % 2]));
                asm volatile("st.shared.u32 [%0], %1;" ::"r"(places.grads + place), "r"(pair) : "memory");
            }
            publishToProducts();
        }
        syncThreads<2 * kGroupThreads>(1); // both tiles are there

        const std::uint64_t grads = hopper::descriptorOf(places.grads), probabilities = hopper::descriptorOf(places.probabilities);
        hopper::fenceProducts();
#pragma unroll
        for (int step = 0; step < 4; ++step) {
#pragma unroll
            for (int i = 0; i < kQueryTiles; ++i) {
                hopper::multiplyShared<false>(gradQ[i], grads + step * 2, tileOf(places.rows, kFirstTile + i) + step * 128, true);
            }
        }
        hopper::commitProducts();
        // Rows of the list, as rows of accumulators.
        float *to[2];
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            const int at = tile * 64 + row + half * 8, place = at < k ? __ldg(list + at) : -1;
            to[half] = isKey(p, place) ? p.gradKv + static_cast<long long>(place) * kWidth : nullptr;
        }
        float sums[32];
        const auto multiplyTile = [&](int column, bool hasValues) {
            hopper::fenceProducts();
#pragma unroll
            for (int step = 0; step < 4; ++step) {
                hopper::multiplyShared<true>(sums, grads + step * 128, tileOf(places.q, column) + step * 128, step > 0);
            }
            if (hasValues) {
#pragma unroll
                for (int step = 0; step < 4; ++step) {
                    hopper::multiplyShared<true>(sums, probabilities + step * 128, tileOf(places.gradO, column) + step * 128, true);
                }
            }
            hopper::commitProducts();
        };
        const auto finishQuery = [&] {
            hopper::waitForProducts<1>();
#pragma unroll
            for (int i = 0; i < kQueryTiles; ++i) {
                hopper::hold(gradQ[i]);
            }
            hopper::arriveAsWarp(ptx::sharedAddress(&shared.empty));
        };
        const auto finishTile = [&] {
            hopper::waitForProducts<0>();
            hopper::hold(sums);
        };
        if constexpr (kPair) {
            constexpr int kPlace = kGroup * 3;
            const Trade trade(shared, places);
            const int rank = static_cast<int>(hopper::clusterRank());
            const bool ownsLast = kGroup == 0 && (tile & 1) == rank; // of the columns that are no values, which go to each in turn
            // First what the other block adds, then what this one does.
            multiplyTile(kFirstTile + (rank ^ 1), true);
            finishQuery();
            if constexpr (kGroup == 1) { // the last to read where the two trade
                trade.allow();
            }
            finishTile();
            hopper::waitForCluster(ptx::sharedAddress(shared.maySend + kGroup), tile & 1);
            trade.send(kPlace, sums);
            multiplyTile(kFirstTile + 2 + (rank ^ 1), true);
            finishTile();
            trade.send(kPlace + 1, sums);
            if (kGroup == 0 && !ownsLast) {
                multiplyTile(kValueTiles, false);
                finishTile();
                trade.send(kPlace + 2, sums);
            }
            multiplyTile(kFirstTile + rank, true);
            finishTile();
            trade.add(kPlace, sums, tile & 1);
            addTile(to[0], to[1], lane, sums, (kFirstTile + rank) * 64);
            multiplyTile(kFirstTile + 2 + rank, true);
            finishTile();
            trade.add(kPlace + 1, sums, tile & 1);
            if (!ownsLast) {
                hopper::arriveAsWarp(ptx::sharedAddress(&shared.emptyUpper));
            }
            addTile(to[0], to[1], lane, sums, (kFirstTile + 2 + rank) * 64);
            if (ownsLast) {
                multiplyTile(kValueTiles, false);
                finishTile();
                trade.add(kPlace + 2, sums, tile >> 1 & 1);
                hopper::arriveAsWarp(ptx::sharedAddress(&shared.emptyUpper));
                addTile(to[0], to[1], lane, sums, kValueTiles * 64);
            }
        } else {
            multiplyTile(kFirstTile, true);
            finishQuery();
            finishTile();
            addTile(to[0], to[1], lane, sums, kFirstTile * 64);
#pragma unroll 1
            for (int i = 1; i < 4; ++i) {
                multiplyTile(kFirstTile + i, true);
                finishTile();
                addTile(to[0], to[1], lane, sums, (kFirstTile + i) * 64);
            }
            if constexpr (kGroup == 0) { // the last tile has no values: less work, so it goes to the one with less of gradQ
                multiplyTile(kValueTiles, false);
                finishTile();
                addTile(to[0], to[1], lane, sums, kValueTiles * 64);
            }
        }
        syncThreads<2 * kGroupThreads>(1); // both tiles may be written anew
    }
    __nv_bfloat16 *rows[2];
#pragma unroll
    for (int half = 0; half < 2; ++half) {
        const int head = work.firstHead + row + half * 8;
        rows[half] = head < p.heads ? static_cast<__nv_bfloat16 *>(p.gradQ) + work.query * p.gradQStrides[0] + head * p.gradQStrides[1] + kFirstTile * 64 : nullptr;
    }
#pragma unroll
    for (int i = 0; i < kQueryTiles; ++i) {
        writeTile(rows[0] ? rows[0] + i * 64 : nullptr, rows[1] ? rows[1] + i * 64 : nullptr, lane, gradQ[i], 0, 1.0f, 1.0f);
    }
}

template <bool kPair>
__device__ __forceinline__ void backwardBlock(const Params &p, unsigned char *memory)
{
    BackwardShared &shared = *reinterpret_cast<BackwardShared *>(memory + kBackwardBytes - sizeof(BackwardShared));
    const std::uint32_t base = ptx::sharedAddress(memory);
    if (threadIdx.x == 0) {
        if (base % 1024 != 0) { // the tiles' turns are those of addresses
            __trap();
        }
        const auto init = [](std::uint64_t &barrier, int arrivals) { hopper::initBarrier(ptx::sharedAddress(&barrier), arrivals); };
        init(shared.ownFull, kGroupThreads);
        for (std::uint64_t &barrier : shared.full) {
            init(barrier, kGroupThreads);
        }
        init(shared.empty, 8);
        init(shared.emptyUpper, 8);
        init(shared.probabilities, 4);
        for (std::uint64_t &barrier : shared.received) {
            init(barrier, 1);
            hopper::arriveExpecting(ptx::sharedAddress(&barrier), hopper::kTileBytes);
        }
        init(shared.maySend[0], 4);
        init(shared.maySend[1], 4);
        hopper::publishBarriers();
    }
    if constexpr (kPair) {
        hopper::syncCluster();
    } else {
        __syncthreads();
    }
    const BackwardPlaces places(base);
    const BackwardWork work(p);
    const int group = __shfl_sync(~0u, static_cast<int>(threadIdx.x) / kGroupThreads, 0);
    if (group == 2) {
        hopper::giveRegisters<kCopyRegisters>();
        copyBackward<kPair>(p, shared, places, work);
    } else {
        hopper::takeRegisters<kMultiplyRegisters>();
        if (group == 0) {
            multiplyBackward<0, kPair>(p, shared, places, work);
        } else {
            multiplyBackward<1, kPair>(p, shared, places, work);
        }
    }
    if constexpr (kPair) {
        hopper::syncCluster(); // neither leaves while the other may still write to it
    }
}

/// delta, gradQ, and what this query's heads add to gradKv.
__global__ void __launch_bounds__(kBlockThreads, 1) gatheredBackward(const __grid_constant__ Params p)
{
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
    extern __shared__ __align__(1024) unsigned char memory[];
    backwardBlock<false>(p, memory);
#endif
}

#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 900
#define SPARSESCOPE_PAIR __cluster_dims__(2, 1, 1)
#else
#define SPARSESCOPE_PAIR // no clusters there, and nothing in the kernel
#endif

/// The same by two blocks for the 128 heads of a query, which add to gradKv once for both.
__global__ void SPARSESCOPE_PAIR __launch_bounds__(kBlockThreads, 1) gatheredBackwardPair(const __grid_constant__ Params p)
{
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
    extern __shared__ __align__(1024) unsigned char memory[];
    backwardBlock<true>(p, memory);
#endif
}

#undef SPARSESCOPE_PAIR

} // namespace dsa::launch::gathered_attention
