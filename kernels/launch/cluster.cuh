#pragma once

#include "kernels/launch/wgmma.cuh"

#include <cstdint>

/// Two blocks on neighbouring multiprocessors that write into each other's shared memory (sm_90).
namespace dsa::launch::hopper {

__device__ __forceinline__ std::uint32_t clusterRank()
{
    std::uint32_t rank;
    asm volatile("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
    return rank;
}

/// Where the other block has what lies at this address here.
__device__ __forceinline__ std::uint32_t inBlock(std::uint32_t address, std::uint32_t rank)
{
    std::uint32_t other;
    asm volatile("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(other) : "r"(address), "r"(rank));
    return other;
}

/// All threads of both blocks: what was written before is seen behind.
__device__ __forceinline__ void syncCluster()
{
    asm volatile("barrier.cluster.arrive.release.aligned;\n\tbarrier.cluster.wait.acquire.aligned;" ::: "memory");
}

/// At a barrier of another block.
__device__ __forceinline__ void arriveInCluster(std::uint32_t barrier)
{
    asm volatile("mbarrier.arrive.release.cluster.shared::cluster.b64 _, [%0];" ::"r"(barrier) : "memory");
}

/// Until the phase of this parity is over, which other blocks arrive at.
__device__ __forceinline__ void waitForCluster(std::uint32_t barrier, std::uint32_t parity)
{
    std::uint32_t over = 0;
    while (!over) {
        asm volatile("{\n\t.reg .pred p;\n\tmbarrier.try_wait.parity.acquire.cluster.shared::cta.b64 p, [%1], %2;\n\tselp.u32 %0, 1, 0, p;\n\t}"
                     : "=r"(over)
                     : "r"(barrier), "r"(parity)
                     : "memory");
    }
}

/// 16 bytes into another block's shared memory; they count at that block's barrier. What a plain store and an arrival behind it
/// cost is a way there and back before the arrival goes off: measured, a sixth more of a whole backward.
__device__ __forceinline__ void send(std::uint32_t to, std::uint32_t a, std::uint32_t b, std::uint32_t c, std::uint32_t d, std::uint32_t barrier)
{
    asm volatile("st.async.weak.shared::cluster.mbarrier::complete_tx::bytes.v4.b32 [%0], {%1, %2, %3, %4}, [%5];" ::"r"(to), "r"(a), "r"(b), "r"(c), "r"(d), "r"(barrier) : "memory");
}

} // namespace dsa::launch::hopper
