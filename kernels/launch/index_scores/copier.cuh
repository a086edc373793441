#pragma once

#include "kernels/launch/index_scores/hopper_block.cuh"
#include "kernels/launch/wgmma.cuh"

/// Brings a block's queries, and its keys tile after tile, into shared memory: one thread of those that multiply also copies.
namespace dsa::launch::index_scores {

constexpr int kCopierLag = 2; ///< tiles after which a stage is filled again: all are through with it as a rule

/// Behind the queries and the stages of keys.
template <int kStages>
struct CopierShared {
    std::uint64_t queries, full[kStages], empty[kStages];
};

/// Tiles of 64 rows, one row of up to 128 bytes a query and head, or a key.
template <int kQueryTiles, int kStages>
struct Copier {
    using Shared = CopierShared<kStages>;
    static constexpr std::size_t kBytes = (kQueryTiles + kStages) * hopper::kTileBytes + sizeof(Shared);

    const HopperParams &params;
    const HopperBlock &block;
    Shared &shared;
    std::uint32_t base;
    int tiles, queriesATile;

    static __device__ Shared &sharedOf(unsigned char *memory) { return *reinterpret_cast<Shared *>(memory + kBytes - sizeof(Shared)); }
    /// By all threads of the block; `readers` warps read each stage.
    static __device__ void init(Shared &shared, std::uint32_t base, int readers)
    {
        if (threadIdx.x == 0) {
            if (base % 1024 != 0) { // the tiles' turns are those of addresses
                __trap();
            }
            hopper::initBarrier(ptx::sharedAddress(&shared.queries), 1);
            for (int i = 0; i < kStages; ++i) {
                hopper::initBarrier(ptx::sharedAddress(shared.full + i), 1);
                hopper::initBarrier(ptx::sharedAddress(shared.empty + i), readers);
            }
            hopper::publishBarriers();
        }
        __syncthreads();
    }
    __device__ __forceinline__ void copy(int i) const
    {
        const std::uint32_t full = ptx::sharedAddress(shared.full + i % kStages);
        hopper::arriveExpecting(full, hopper::kTileBytes);
        hopper::copyTile(base + (kQueryTiles + i % kStages) * hopper::kTileBytes, params.keys, full, 0, (block.firstTile + i) * 64, 0, static_cast<int>(block.b));
    }
    __device__ __forceinline__ void start() const
    {
        const std::uint32_t queries = ptx::sharedAddress(&shared.queries);
        hopper::arriveExpecting(queries, kQueryTiles * hopper::kTileBytes);
        for (int i = 0; i < kQueryTiles; ++i) {
            hopper::copyTile(base + i * hopper::kTileBytes, params.queries, queries, 0, 0, block.firstQuery + i * queriesATile, static_cast<int>(block.b));
        }
        for (int i = 0; i < min(tiles, kStages); ++i) {
            copy(i);
        }
    }
    /// Behind tile i.
    __device__ __forceinline__ void follow(int i) const
    {
        const int freed = i - kCopierLag;
        if (freed >= 0 && freed + kStages < tiles) {
            hopper::waitFor(ptx::sharedAddress(shared.empty + freed % kStages), freed / kStages & 1);
            copy(freed + kStages);
        }
    }
    __device__ __forceinline__ void waitForTile(int i) const { hopper::waitFor(ptx::sharedAddress(shared.full + i % kStages), i / kStages & 1); }
    /// This warp has read all it wants of tile i; the thread that copies goes on.
    __device__ __forceinline__ void release(int i) const
    {
        __syncwarp();
        if (threadIdx.x % 32 == 0) {
            hopper::arrive(ptx::sharedAddress(shared.empty + i % kStages));
        }
        if (threadIdx.x == 0) {
            follow(i);
        }
        __syncwarp();
    }
    __device__ __forceinline__ std::uint64_t queryTile(int i) const { return hopper::descriptorOf(base + i * hopper::kTileBytes); }
    __device__ __forceinline__ std::uint64_t keyTile(int i) const { return hopper::descriptorOf(base + (kQueryTiles + i % kStages) * hopper::kTileBytes); }
};

} // namespace dsa::launch::index_scores
