#pragma once

#include "kernels/launch/cluster.cuh"
#include "kernels/launch/gathered_attention/rows.cuh"
#include "kernels/launch/wgmma_wide.cuh"

namespace dsa::launch::gathered_attention {

/// Shared memory of a block, behind q, gradO, the gathered rows and two tiles: probabilities and score gradients, heads by slots.
struct BackwardShared {
    float norm[kHeadRows], delta[kHeadRows]; ///< norm times log2 e; +inf where there is no head
    std::uint64_t ownFull, full[kPieces], empty, probabilities;
    std::uint64_t emptyUpper, received[5], maySend[2]; ///< of a pair of blocks; by place of a trade, and by warpgroup
};

constexpr int kGradBytes = kValueTiles * hopper::kTileBytes;
constexpr std::size_t kBackwardBytes = 2 * kRowsBytes + kGradBytes + 2 * hopper::kTileBytes + sizeof(BackwardShared);
static_assert(kBackwardBytes <= 232448);

/// Where the pieces begin; the last is where a pair of blocks trades.
__device__ constexpr int pieceTile(int piece)
{
    return piece == 0 ? 0 : piece == 1 ? 2 : piece == 2 ? 4 : kTiles;
}

/// Places in a block's shared memory.
struct BackwardPlaces {
    std::uint32_t q, gradO, rows, probabilities, grads;

    __device__ explicit BackwardPlaces(std::uint32_t base)
        : q(base)
        , gradO(base + kRowsBytes)
        , rows(gradO + kGradBytes)
        , probabilities(rows + kRowsBytes)
        , grads(probabilities + hopper::kTileBytes)
    {}
};

struct BackwardWork {
    int query, firstHead, tiles;

    __device__ explicit BackwardWork(const Params &p)
    {
        const int blocks = static_cast<int>((p.heads + kHeadRows - 1) / kHeadRows), index = static_cast<int>(blockIdx.x);
        query = index / blocks;
        firstHead = (index - query * blocks) * kHeadRows;
        tiles = (__ldg(p.slots + query) + 63) / 64;
    }
};

template <bool kPair>
__device__ __forceinline__ void copyBackward(const Params &p, BackwardShared &shared, const BackwardPlaces &places, const BackwardWork &work)
{
    RowCopier copier(static_cast<int>(threadIdx.x) % kGroupThreads);
    const std::int32_t *list = p.idx + static_cast<long long>(work.query) * p.k;
    ListReader reader(p, copier.row);
    reader.read(list, 0);
    copier.setHeads(p.q, work.query, work.firstHead, static_cast<int>(p.heads), p.qStrides);
    copier.copy<kTiles>(places.q, 0);
    copier.setHeads(p.gradO, work.query, work.firstHead, static_cast<int>(p.heads), p.gradOStrides);
    copier.copy<kValueTiles>(places.gradO, 0);
    hopper::arriveAfterCopies(ptx::sharedAddress(&shared.ownFull));
    const std::uint32_t full = ptx::sharedAddress(shared.full);
    for (int i = 0; i < work.tiles; ++i) {
#pragma unroll
        for (int j = 0; j < 4; ++j) {
            copier.set(j, p.kv, reader.places[j] * p.kvStride, isKey(p, reader.places[j]));
        }
        reader.read(list, i + 1);
        hopper::waitFor(ptx::sharedAddress(&shared.empty), (i & 1) ^ 1);
        copier.copy<pieceTile(1)>(places.rows, 0);
        hopper::arriveAfterCopies(full);
        copier.copy<pieceTile(2) - pieceTile(1)>(places.rows, pieceTile(1));
        hopper::arriveAfterCopies(full + 8);
        if constexpr (kPair) {
            hopper::waitFor(ptx::sharedAddress(&shared.emptyUpper), (i & 1) ^ 1);
        }
        copier.copy<pieceTile(3) - pieceTile(2)>(places.rows, pieceTile(2));
        hopper::arriveAfterCopies(full + 16);
    }
}

/// delta and norm of this block's heads, a warp a head.
__device__ __forceinline__ void sumRows(const Params &p, BackwardShared &shared, const BackwardWork &work, int warp, int lane)
{
    for (int row = warp; row < kHeadRows; row += 8) {
        const int head = work.firstHead + row;
        float delta = 0, norm = __builtin_huge_valf();
        if (head < p.heads) {
            const __nv_bfloat16 *o = static_cast<const __nv_bfloat16 *>(p.o) + work.query * p.oStrides[0] + head * p.oStrides[1] + lane * 8;
            const __nv_bfloat16 *grad = static_cast<const __nv_bfloat16 *>(p.gradO) + work.query * p.gradOStrides[0] + head * p.gradOStrides[1] + lane * 8;
#pragma unroll
            for (int part = 0; part < 2; ++part) {
                const uint4 left = __ldg(reinterpret_cast<const uint4 *>(o + part * 256)), right = __ldg(reinterpret_cast<const uint4 *>(grad + part * 256));
                const std::uint32_t a[4] = {left.x, left.y, left.z, left.w}, b[4] = {right.x, right.y, right.z, right.w};
#pragma unroll
                for (int i = 0; i < 4; ++i) {
                    const float2 x = ptx::unpackPair<__nv_bfloat16>(a[i]), y = ptx::unpackPair<__nv_bfloat16>(b[i]);
                    delta = fmaf(x.x, y.x, fmaf(x.y, y.y, delta));
                }
            }
#pragma unroll
            for (int step = 16; step > 0; step /= 2) {
                delta += __shfl_xor_sync(~0u, delta, step);
            }
            norm = p.norm[static_cast<long long>(work.query) * p.heads + head] * kLog2E;
            if (lane == 0) {
                p.delta[static_cast<long long>(work.query) * p.heads + head] = delta;
            }
        }
        if (lane == 0) {
            shared.delta[row] = delta;
            shared.norm[row] = norm;
        }
    }
}

/// Where a lane's element 4 n + 2 half lies in a tile of heads by slots.
__device__ __forceinline__ std::uint32_t pairPlace(const Lane &lane, int row, int n)
{
    return static_cast<std::uint32_t>(row * 128 + ((n ^ (row & 7)) * 16) + lane.pair * 4);
}

/// Adds 64 slots by 64 columns to the table's rows, 64 bytes of a row at a time.
__device__ __forceinline__ void addTile(float *upperRow, float *lowerRow, const Lane &lane, const float (&values)[32], int column)
{
    const bool odd = lane.pair & 1;
    const int to = column + (lane.pair & 1) * 8 + (lane.pair >> 1) * 4;
#pragma unroll
    for (int half = 0; half < 2; ++half) {
        float *row = half ? lowerRow : upperRow;
#pragma unroll
        for (int n = 0; n < 8; n += 2) {
            // Neighbours trade: an even lane ends with four columns of group n, an odd one with four of group n + 1.
            float mine[2], theirs[2];
#pragma unroll
            for (int i = 0; i < 2; ++i) {
                const float first = values[n * 4 + half * 2 + i], second = values[(n + 1) * 4 + half * 2 + i];
                mine[i] = odd ? second : first;
                theirs[i] = __shfl_xor_sync(~0u, odd ? first : second, 1);
            }
            if (row) {
                asm volatile("red.global.add.v4.f32 [%0], {%1, %2, %3, %4};" ::"l"(row + to + n * 8), "f"(odd ? theirs[0] : mine[0]), "f"(odd ? theirs[1] : mine[1]),
                             "f"(odd ? mine[0] : theirs[0]), "f"(odd ? mine[1] : theirs[1])
                             : "memory");
            }
        }
    }
}

/// What warpgroups trade with their like in the other block of a pair: each block's sums over its heads, 64 slots by 64 columns at a
/// time, go to whichever of the two adds these columns to the table. They come to where the rows' last columns were, which are copied
/// anew only when all are read, and in bf16: rounded once, and added in fp32. Every trade of a tile has a place of its own, so that
/// nothing waits for a place within a tile.
struct Trade {
    BackwardShared &shared;
    std::uint32_t rows; ///< of the first place, for this thread; both blocks are laid out alike

    __device__ Trade(BackwardShared &shared, const BackwardPlaces &places)
        : shared(shared)
        , rows(places.rows + pieceTile(2) * hopper::kTileBytes + threadIdx.x % kGroupThreads * 16)
    {}
    __device__ static std::uint32_t there(std::uint32_t address) { return hopper::inBlock(address, hopper::clusterRank() ^ 1); }
    /// The other block's warpgroups may send what is of this tile: all places are free.
    __device__ __forceinline__ void allow() const
    {
        __syncwarp();
        if (threadIdx.x % 32 < 2) {
            hopper::arriveInCluster(there(ptx::sharedAddress(shared.maySend + threadIdx.x % 32)));
        }
    }
    __device__ __forceinline__ void send(int place, const float (&sums)[32]) const
    {
        const std::uint32_t to = there(rows + place * hopper::kTileBytes), barrier = there(ptx::sharedAddress(shared.received + place));
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            std::uint32_t words[4];
#pragma unroll
            for (int j = 0; j < 4; ++j) {
                words[j] = ptx::packPair<__nv_bfloat16>(sums[i * 8 + j * 2], sums[i * 8 + j * 2 + 1]);
            }
            hopper::send(to + i * kGroupThreads * 16, words[0], words[1], words[2], words[3], barrier);
        }
    }
    __device__ __forceinline__ void add(int place, float (&sums)[32], std::uint32_t parity) const
    {
        const std::uint32_t received = ptx::sharedAddress(shared.received + place);
        hopper::waitForCluster(received, parity);
        if (threadIdx.x % kGroupThreads == 0) {
            hopper::arriveExpecting(received, hopper::kTileBytes); // the next
        }
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            std::uint32_t words[4];
            asm volatile("ld.shared.v4.u32 {%0,%1,%2,%3}, [%4];"
                         : "=r"(words[0]), "=r"(words[1]), "=r"(words[2]), "=r"(words[3])
                         : "r"(rows + place * hopper::kTileBytes + i * kGroupThreads * 16)
                         : "memory");
#pragma unroll
            for (int j = 0; j < 4; ++j) {
                const float2 other = ptx::unpackPair<__nv_bfloat16>(words[j]);
                sums[i * 8 + j * 2] += other.x;
                sums[i * 8 + j * 2 + 1] += other.y;
            }
        }
    }
};

} // namespace dsa::launch::gathered_attention
