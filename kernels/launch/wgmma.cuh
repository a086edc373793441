#pragma once

#include "kernels/launch/ptx.cuh"

#include <cuda.h>

#include <cstdint>
#include <type_traits>

/// Hopper's own instructions (sm_90a): barriers that count bytes, copies of whole tiles, products of a warpgroup of 128 threads.
/// A tile is 64 rows of 64 values of 16 bits, 128 bytes a row, on 1024 bytes; the 16-byte pieces of a row change places with the
/// row (swizzle of 128 bytes), for the copies as for the products. Wider tiles are several of these, one behind the other.
namespace dsa::launch::hopper {

constexpr int kTileBytes = 64 * 64 * 2;

/// Where the first tile in this shared memory may begin, up to 1023 bytes on.
__device__ __forceinline__ std::uint32_t alignedTiles(void *memory)
{
    return (ptx::sharedAddress(memory) + 1023) & ~1023u;
}

// Barriers: 64 bits of shared memory that a phase flips.

__device__ __forceinline__ void initBarrier(std::uint32_t barrier, int arrivals)
{
    asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(barrier), "r"(arrivals) : "memory");
}

/// So that the copy engine sees the barriers that were just made.
__device__ __forceinline__ void publishBarriers()
{
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}

__device__ __forceinline__ void arrive(std::uint32_t barrier)
{
    asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(barrier) : "memory");
}

/// One arrival a warp, behind what all its lanes did.
__device__ __forceinline__ void arriveAsWarp(std::uint32_t barrier)
{
    __syncwarp();
    if (threadIdx.x % 32 == 0) {
        arrive(barrier);
    }
}

/// Arrives, and has the phase wait for `bytes` of copies too.
__device__ __forceinline__ void arriveExpecting(std::uint32_t barrier, int bytes)
{
    asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes) : "memory");
}

/// Arrives once what this thread has copied with cp.async is there.
__device__ __forceinline__ void arriveAfterCopies(std::uint32_t barrier)
{
    asm volatile("cp.async.mbarrier.arrive.noinc.shared::cta.b64 [%0];" ::"r"(barrier) : "memory");
}

/// Until the phase of this parity is over.
__device__ __forceinline__ void waitFor(std::uint32_t barrier, std::uint32_t parity)
{
    std::uint32_t over = 0;
    while (!over) {
        asm volatile("{\n\t.reg .pred p;\n\tmbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2;\n\tselp.u32 %0, 1, 0, p;\n\t}"
                     : "=r"(over)
                     : "r"(barrier), "r"(parity)
                     : "memory");
    }
}

/// 64 x 64 of a [B,H,rows,width] tensor from (column, row, h, b) on; zeros beyond its edges.
__device__ __forceinline__ void copyTile(std::uint32_t to, const CUtensorMap &map, std::uint32_t barrier, int column, int row, int h, int b)
{
    asm volatile("cp.async.bulk.tensor.4d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, %5, %6}], [%2];" ::"r"(to), "l"(&map),
                 "r"(barrier), "r"(column), "r"(row), "r"(h), "r"(b)
                 : "memory");
}

/// The same where `copies`, and the barrier expects the tile's bytes. No branch, so that products may be under way around it.
__device__ __forceinline__ void copyTileIf(bool copies, std::uint32_t to, const CUtensorMap &map, std::uint32_t barrier, int column, int row, int h, int b)
{
    asm volatile("{\n\t.reg .pred p;\n\tsetp.ne.b32 p, %7, 0;\n\t@p mbarrier.arrive.expect_tx.shared::cta.b64 _, [%2], %8;\n\t"
                 "@p cp.async.bulk.tensor.4d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, %5, %6}], [%2];\n\t}" ::"r"(to),
                 "l"(&map), "r"(barrier), "r"(column), "r"(row), "r"(h), "r"(b), "r"(static_cast<int>(copies)), "n"(kTileBytes)
                 : "memory");
}

// Registers a thread, for all the rest of a warpgroup's life; the kernel has a cap of its own at entry.

template <int kCount>
__device__ __forceinline__ void takeRegisters()
{
    asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(kCount));
}

template <int kCount>
__device__ __forceinline__ void giveRegisters()
{
    asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(kCount));
}

// Products. A lane holds of a 64 x 64 accumulator element 4 n + 2 half + c: row 16 warp + lane / 4 + 8 half, column 8 n + 2 (lane % 4) + c.

/// A tile at a shared address, as a product reads it; 32 bytes on (+2) are the next 16 columns, 2048 (+128) the next 16 rows.
__device__ __forceinline__ std::uint64_t descriptorOf(std::uint32_t address)
{
    return static_cast<std::uint64_t>(address & 0x3ffff) >> 4 | std::uint64_t{1} << 16 | std::uint64_t{64} << 32 | std::uint64_t{1} << 62;
}

/// Before the first product, and whenever registers of one were written.
__device__ __forceinline__ void fenceProducts()
{
    asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}

__device__ __forceinline__ void commitProducts()
{
    asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}

/// Until at most kPending groups are under way.
template <int kPending>
__device__ __forceinline__ void waitForProducts()
{
    asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(kPending) : "memory");
}

/// Keeps the compiler from moving what reads a finished product before the wait for it.
template <int kCount>
__device__ __forceinline__ void hold(float (&x)[kCount])
{
#pragma unroll
    for (int i = 0; i < kCount; ++i) {
        asm volatile("" : "+f"(x[i])::"memory");
    }
}

// clang-format off
#define SPARSESCOPE_WGMMA_32 \
    "{%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31}"
#define SPARSESCOPE_WGMMA_OUT(c) \
    "+f"((c)[0]), "+f"((c)[1]), "+f"((c)[2]), "+f"((c)[3]), "+f"((c)[4]), "+f"((c)[5]), "+f"((c)[6]), "+f"((c)[7]), \
    "+f"((c)[8]), "+f"((c)[9]), "+f"((c)[10]), "+f"((c)[11]), "+f"((c)[12]), "+f"((c)[13]), "+f"((c)[14]), "+f"((c)[15]), \
    "+f"((c)[16]), "+f"((c)[17]), "+f"((c)[18]), "+f"((c)[19]), "+f"((c)[20]), "+f"((c)[21]), "+f"((c)[22]), "+f"((c)[23]), \
    "+f"((c)[24]), "+f"((c)[25]), "+f"((c)[26]), "+f"((c)[27]), "+f"((c)[28]), "+f"((c)[29]), "+f"((c)[30]), "+f"((c)[31])
#define SPARSESCOPE_WGMMA_SHARED(type) \
    asm volatile("{\n\t.reg .pred p;\n\tsetp.ne.b32 p, %34, 0;\n\twgmma.mma_async.sync.aligned.m64n64k16.f32." type "." type " " SPARSESCOPE_WGMMA_32 \
                 ", %32, %33, p, 1, 1, 0, 0;\n\t}" : SPARSESCOPE_WGMMA_OUT(c) : "l"(a), "l"(b), "r"(static_cast<int>(accumulate)))
#define SPARSESCOPE_WGMMA_REGISTERS(type) \
    asm volatile("wgmma.mma_async.sync.aligned.m64n64k16.f32." type "." type " " SPARSESCOPE_WGMMA_32 \
                 ", {%32,%33,%34,%35}, %36, 1, 1, 1, 1;" : SPARSESCOPE_WGMMA_OUT(c) \
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b))
#define SPARSESCOPE_WGMMA_ROWS(type) \
    asm volatile("{\n\t.reg .pred p;\n\tsetp.ne.b32 p, %37, 0;\n\twgmma.mma_async.sync.aligned.m64n64k16.f32." type "." type " " SPARSESCOPE_WGMMA_32 \
                 ", {%32,%33,%34,%35}, %36, p, 1, 1, 0;\n\t}" : SPARSESCOPE_WGMMA_OUT(c) \
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"(static_cast<int>(accumulate)))
// clang-format on

/// c (+)= a b^T over 16 columns of two tiles; without `accumulate` what was in c is of no matter.
template <class T>
__device__ __forceinline__ void multiplyTiles(float (&c)[32], std::uint64_t a, std::uint64_t b, bool accumulate)
{
    if constexpr (std::is_same_v<T, __nv_bfloat16>) {
        SPARSESCOPE_WGMMA_SHARED("bf16");
    } else {
        SPARSESCOPE_WGMMA_SHARED("f16");
    }
}

/// c (+)= a b^T over 16 columns of a, in registers, and of a tile: the tile alone is read from shared memory.
template <class T>
__device__ __forceinline__ void multiplyRows(float (&c)[32], const std::uint32_t (&a)[4], std::uint64_t b, bool accumulate)
{
    if constexpr (std::is_same_v<T, __nv_bfloat16>) {
        SPARSESCOPE_WGMMA_ROWS("bf16");
    } else {
        SPARSESCOPE_WGMMA_ROWS("f16");
    }
}

/// c += a b for 16 columns of a, in registers, and 16 rows of a tile.
template <class T>
__device__ __forceinline__ void multiplyAcross(float (&c)[32], const std::uint32_t (&a)[4], std::uint64_t b)
{
    if constexpr (std::is_same_v<T, __nv_bfloat16>) {
        SPARSESCOPE_WGMMA_REGISTERS("bf16");
    } else {
        SPARSESCOPE_WGMMA_REGISTERS("f16");
    }
}

#undef SPARSESCOPE_WGMMA_REGISTERS
#undef SPARSESCOPE_WGMMA_ROWS
#undef SPARSESCOPE_WGMMA_SHARED
#undef SPARSESCOPE_WGMMA_OUT
#undef SPARSESCOPE_WGMMA_32

/// Columns 16 step .. 16 step + 16 of an accumulator as the left operand of the next product.
template <class T>
__device__ __forceinline__ void packOperand(std::uint32_t (&a)[4], const float (&c)[32], int step)
{
#pragma unroll
    for (int i = 0; i < 4; ++i) {
        a[i] = ptx::packPair<T>(c[step * 8 + i * 2], c[step * 8 + i * 2 + 1]);
    }
}

} // namespace dsa::launch::hopper
