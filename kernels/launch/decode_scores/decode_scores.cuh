#pragma once

#include "kernels/launch/decode_scores/decode_scores.h"
#include "kernels/launch/wgmma_fp8.cuh"

namespace dsa::launch::decode_scores {

constexpr int kThreads = 160, kGroupThreads = 128, kBlocks = 3, kStages = 6, kMostQueries = 4, kMostHeads = 64, kMostWidth = 128;
constexpr int kPageScaleBytes = 64 * sizeof(float);

struct PagedParams {
    Params p;
    CUtensorMap keys; ///< tiles of a page
};

/// Behind the queries and the stages of keys.
struct Shared {
    float scales[kStages][64], weights[kMostQueries][kMostHeads];
    std::uint64_t full[kStages], empty[kStages];
};

/// The pages of a block: the requests' pages in a row, cut into as many even parts as there are blocks. All lanes of a warp hold the same.
struct PageRange {
    int request = 0, page = 0, pages = 0, left = 0; ///< pages: of the request

    __device__ explicit PageRange(const Params &p)
    {
        const int lane = threadIdx.x % 32;
        unsigned total = 0;
        for (int first = 0; first < p.batch; first += 32) {
            total += __reduce_add_sync(~0u, first + lane < p.batch ? static_cast<unsigned>(pagesOf(p, first + lane)) : 0);
        }
        const auto cut = [&](unsigned i) { return static_cast<unsigned>(static_cast<unsigned long long>(total) * i / gridDim.x); };
        const unsigned begin = cut(blockIdx.x);
        left = static_cast<int>(cut(blockIdx.x + 1) - begin);
        unsigned before = 0;
        for (int first = 0; left > 0; first += 32) {
            const unsigned own = first + lane < p.batch ? static_cast<unsigned>(pagesOf(p, first + lane)) : 0;
            unsigned through = own;
            for (int step = 1; step < 32; step *= 2) {
                const unsigned other = __shfl_up_sync(~0u, through, step);
                through += lane >= step ? other : 0;
            }
            const unsigned beyond = __ballot_sync(~0u, before + through > begin);
            if (beyond) {
                const int there = __ffs(static_cast<int>(beyond)) - 1;
                request = first + there;
                page = static_cast<int>(begin - before - __shfl_sync(~0u, through - own, there));
                pages = static_cast<int>(__shfl_sync(~0u, own, there));
                return;
            }
            before += __shfl_sync(~0u, through, 31);
        }
    }
    static __device__ __forceinline__ int pagesOf(const Params &p, int request)
    {
        const long long length = __ldg(p.lengths + request);
        return static_cast<int>(max(0ll, min((length + 63) / 64, static_cast<long long>(p.pagesEach))));
    }
    __device__ __forceinline__ void advance(const Params &p)
    {
        --left;
        if (++page == pages && left > 0) {
            page = 0;
            do {
                pages = pagesOf(p, ++request);
            } while (pages == 0);
        }
    }
};

/// One lane: pages in the order of the range.
__device__ __forceinline__ void copyPages(const PagedParams &params, PageRange range, Shared &shared, std::uint32_t keys)
{
    const Params &p = params.p;
    const std::int64_t keyBytes = kPageKeys * p.width, pageBytes = keyBytes + kPageScaleBytes;
    const auto placeOf = [&] { // whatever the table says, nothing outside the cache is read
        const int place = range.left > 0 ? __ldg(p.table + range.request * p.pagesEach + range.page) : 0;
        return max(0, min(place, static_cast<int>(p.pageCount) - 1));
    };
    int stage = 0, next = placeOf();
    std::uint32_t parity = 1;
    while (range.left > 0) {
        const int place = next;
        range.advance(p);
        next = placeOf();
        const std::uint32_t full = ptx::sharedAddress(shared.full + stage);
        hopper::waitFor(ptx::sharedAddress(shared.empty + stage), parity);
        hopper::arriveExpecting(full, hopper::kTileBytes + kPageScaleBytes);
        hopper::copyTile(keys + stage * hopper::kTileBytes, params.keys, full, 0, 0, place, 0);
        hopper::copyBytes(ptx::sharedAddress(shared.scales[stage]), static_cast<const char *>(p.pages) + place * pageBytes + keyBytes, kPageScaleBytes, full);
        if (++stage == kStages) {
            stage = 0;
            parity ^= 1;
        }
    }
}

/// The new queries of a request, and their weights: zeros where there is no head or no column.
__device__ __forceinline__ void loadQueries(const Params &p, int request, Shared &shared, unsigned char *tiles)
{
    const int thread = static_cast<int>(threadIdx.x), heads = static_cast<int>(p.heads), width = static_cast<int>(p.width);
    for (int t = 0; t < p.queries; ++t) {
        const long long row = (request * p.queries + t) * heads;
        for (int i = thread; i < kMostHeads * 8; i += kGroupThreads) {
            const int head = i / 8, piece = i % 8;
            uint4 values = make_uint4(0, 0, 0, 0);
            if (head < heads && piece * 16 < width) {
                values = __ldg(reinterpret_cast<const uint4 *>(static_cast<const char *>(p.q) + (row + head) * width + piece * 16));
            }
            *reinterpret_cast<uint4 *>(tiles + t * hopper::kTileBytes + head * 128 + (piece ^ head % 8) * 16) = values;
        }
        for (int head = thread; head < kMostHeads; head += kGroupThreads) {
            shared.weights[t][head] = head < heads ? __ldg(p.w + row + head) : 0.0f;
        }
    }
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

__device__ __forceinline__ void syncGroup()
{
    asm volatile("bar.sync 1, %0;" ::"n"(kGroupThreads) : "memory");
}

/// A warpgroup, a page at a time. A lane's accumulators are keys by heads, so that the sum over heads is one over its own and three other
/// lanes' values.
__device__ __forceinline__ void multiplyPages(const Params &p, PageRange range, Shared &shared, unsigned char *memory)
{
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, pair = lane % 4, odd = pair & 1, row = warp * 16 + lane / 4;
    const int queries = static_cast<int>(p.queries);
    const long long keys = kPageKeys * p.pagesEach;
    const std::uint32_t base = ptx::sharedAddress(memory);
    int loaded = -1, stage = 0;
    std::uint32_t parity = 0;
    for (; range.left > 0; range.advance(p)) {
        if (range.request != loaded) {
            syncGroup(); // the products with the queries before are over
            loaded = range.request;
            loadQueries(p, loaded, shared, memory);
            syncGroup();
        }
        hopper::waitFor(ptx::sharedAddress(shared.full + stage), parity);
        const float scale = shared.scales[stage][row + odd * 8];
        const std::uint64_t tile = hopper::descriptorOf(base + (queries + stage) * hopper::kTileBytes);
        const int s = range.page * 64 + row + odd * 8, sees = __ldg(p.lengths + loaded) - queries;
        for (int t = 0; t < queries; ++t) {
            const std::uint64_t heads = hopper::descriptorOf(base + t * hopper::kTileBytes);
            float dots[32];
            hopper::fenceProducts();
#pragma unroll
            for (int step = 0; step < 4; ++step) {
                hopper::multiplyTilesE4m3(dots, tile + step * 2, heads + step * 2, step > 0);
            }
            hopper::commitProducts();
            hopper::waitForProducts<0>();
            hopper::hold(dots);
            if (t + 1 == queries) {
                __syncwarp();
                if (lane == 0) {
                    hopper::arrive(ptx::sharedAddress(shared.empty + stage));
                }
            }
            const float2 *weights = reinterpret_cast<const float2 *>(shared.weights[t]) + pair;
            float sums[2] = {};
#pragma unroll
            for (int n = 0; n < 8; ++n) {
                const float2 w = weights[n * 4];
#pragma unroll
                for (int half = 0; half < 2; ++half) {
                    sums[half] = fmaf(w.x, ptx::relu(dots[n * 4 + half * 2]), sums[half]);
                    sums[half] = fmaf(w.y, ptx::relu(dots[n * 4 + half * 2 + 1]), sums[half]);
                }
            }
            float score = (odd ? sums[1] : sums[0]) + __shfl_xor_sync(~0u, odd ? sums[0] : sums[1], 1);
            score += __shfl_xor_sync(~0u, score, 2);
            if (pair < 2) {
                p.out[(loaded * p.queries + t) * keys + s] = s <= sees + t ? score * scale : -__builtin_huge_valf();
            }
        }
        if (++stage == kStages) {
            stage = 0;
            parity ^= 1;
        }
    }
}

__global__ void __launch_bounds__(kThreads, kBlocks) scorePages(const __grid_constant__ PagedParams params)
{
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
    extern __shared__ __align__(1024) unsigned char memory[];
    const Params &p = params.p;
    const std::uint32_t base = ptx::sharedAddress(memory);
    const int tiles = static_cast<int>(p.queries) + kStages;
    Shared &shared = *reinterpret_cast<Shared *>(memory + tiles * hopper::kTileBytes);
    if (threadIdx.x == 0) {
        if (base % 1024 != 0) { // the tiles' turns are those of addresses
            __trap();
        }
        for (int i = 0; i < kStages; ++i) {
            hopper::initBarrier(ptx::sharedAddress(shared.full + i), 1);
            hopper::initBarrier(ptx::sharedAddress(shared.empty + i), 4);
        }
        hopper::publishBarriers();
    }
    __syncthreads();
    const PageRange range(p);
    if (threadIdx.x >= kGroupThreads) {
        if (threadIdx.x == kGroupThreads) {
            copyPages(params, range, shared, base + static_cast<std::uint32_t>(p.queries) * hopper::kTileBytes);
        }
        return;
    }
    multiplyPages(p, range, shared, memory);
    // What lies behind the last page of a request.
    const long long keys = kPageKeys * p.pagesEach;
    for (int b = 0; b < p.batch; ++b) {
        for (long long s = PageRange::pagesOf(p, b) * kPageKeys + blockIdx.x * kGroupThreads + threadIdx.x; s < keys; s += gridDim.x * kGroupThreads) {
            for (int t = 0; t < p.queries; ++t) {
                p.out[(b * p.queries + t) * keys + s] = -__builtin_huge_valf();
            }
        }
    }
#endif
}

} // namespace dsa::launch::decode_scores
