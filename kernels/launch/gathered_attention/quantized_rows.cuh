#pragma once

#include "kernels/launch/gathered_attention/forward.cuh"

/// Rows of a cache of 656 bytes: 512 values in e4m3, the four scales of 128 of them each (powers of two, fp32), and 64 columns in
/// bf16. On their way into shared memory they become the bf16 rows that the products read, without rounding.
namespace dsa::launch::gathered_attention {

constexpr int kQuantizedRowBytes = 656, kScalesAt = 512, kPlainColumnsAt = 528, kUnits = 16, kAhead = 8;

__device__ __forceinline__ uint4 loadOnce(const void *from)
{
    uint4 x;
    asm volatile("ld.global.nc.L1::no_allocate.v4.u32 {%0,%1,%2,%3}, [%4];" : "=r"(x.x), "=r"(x.y), "=r"(x.z), "=r"(x.w) : "l"(from));
    return x;
}

/// Two e4m3 values, in the upper bytes of the halves, as bf16 2^120 times too small: sign, exponent and mantissa move to where bf16 has
/// them, and what has no exponent in the one has none in the other.
__device__ __forceinline__ __nv_bfloat162 spread(std::uint32_t halves)
{
    const std::uint32_t bits = (halves & 0x80008000u) | (halves >> 4 & 0x07f007f0u);
    return *reinterpret_cast<const __nv_bfloat162 *>(&bits);
}

/// Four e4m3 values times their scale.
__device__ __forceinline__ uint2 widen(std::uint32_t four, __nv_bfloat162 scale)
{
    const __nv_bfloat162 shift = __halves2bfloat162(__ushort_as_bfloat16(0x7b80), __ushort_as_bfloat16(0x7b80)); // 2^120
    // First to the true exponents: the scale alone might leave nothing of a small value, or too much of a great one.
    const __nv_bfloat162 low = __hmul2(__hmul2(spread(__byte_perm(four, 0, 0x1404)), shift), scale), high = __hmul2(__hmul2(spread(__byte_perm(four, 0, 0x3424)), shift), scale);
    return make_uint2(*reinterpret_cast<const std::uint32_t *>(&low), *reinterpret_cast<const std::uint32_t *>(&high));
}

/// A thread of the copying warpgroup: 16 bytes of each block of 128 values, in four rows; kAhead such units are on their way.
struct RowWidener {
    const unsigned char *cache;
    uint4 raw[kAhead];
    float scale[kAhead];
    std::uint32_t place; ///< in the first two tiles of 64 columns, of the first eight values that are stored
    int row, piece;
    bool swaps; ///< so that the eight threads of a row store to eight different groups of banks

    __device__ RowWidener(const void *cache, int thread)
        : cache(static_cast<const unsigned char *>(cache))
        , row(thread / 8)
        , piece(thread % 8)
        , swaps(piece >= 4)
    {
        place = piece / 4 * hopper::kTileBytes + row * 128 + ((piece % 4 * 2 + (swaps ? 1 : 0)) ^ row % 8) * 16;
    }
    __device__ __forceinline__ const unsigned char *rowOf(int slot) const { return cache + static_cast<long long>(slot) * kQuantizedRowBytes; }
    /// Unit kUnit of a tile whose first half of units is columns 256 first .. 256 first + 256.
    template <int kUnit>
    __device__ __forceinline__ void load(const int (&slots)[4], int first)
    {
        const int block = (kUnit / 8 ^ first) * 2 + kUnit / 4 % 2, slot = slots[kUnit % 4];
        raw[kUnit % kAhead] = make_uint4(0, 0, 0, 0);
        scale[kUnit % kAhead] = 0;
        if (slot >= 0) {
            const unsigned char *from = rowOf(slot);
            raw[kUnit % kAhead] = loadOnce(from + block * 128 + piece * 16);
            scale[kUnit % kAhead] = __ldg(reinterpret_cast<const float *>(from + kScalesAt) + block);
        }
    }
    template <int kUnit>
    __device__ __forceinline__ void store(std::uint32_t rows, int first) const
    {
        const int block = (kUnit / 8 ^ first) * 2 + kUnit / 4 % 2;
        const uint4 x = raw[kUnit % kAhead];
        const __nv_bfloat162 factor = __float2bfloat162_rn(scale[kUnit % kAhead]);
        const std::uint32_t to = rows + place + block * 2 * hopper::kTileBytes + kUnit % 4 * 16 * 128;
        write(to, widen(swaps ? x.z : x.x, factor), widen(swaps ? x.w : x.y, factor));
        write(to ^ 16, widen(swaps ? x.x : x.z, factor), widen(swaps ? x.y : x.w, factor));
    }
    static __device__ __forceinline__ void write(std::uint32_t to, uint2 a, uint2 b)
    {
        asm volatile("st.shared.v4.u32 [%0], {%1,%2,%3,%4};" ::"r"(to), "r"(a.x), "r"(a.y), "r"(b.x), "r"(b.y) : "memory");
    }
    /// A row's eight threads ask for its lines.
    __device__ __forceinline__ void prefetch(const int (&slots)[4]) const
    {
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            if (slots[i] >= 0 && piece < 7) {
                asm volatile("prefetch.global.L2 [%0];" ::"l"(rowOf(slots[i]) + min(piece * 128, kQuantizedRowBytes - 1)));
            }
        }
    }
};

struct QuantizedRows {
    static constexpr int kCopyRegisters = 88, kMultiplyRegisters = 208;
    static __device__ __forceinline__ void copy(const Params &p, ForwardShared &shared, std::uint32_t base)
    {
        const int thread = static_cast<int>(threadIdx.x) % kGroupThreads;
        RowWidener rows(p.kv, thread);
        ForwardWork work(p);
        std::uint32_t turn = 0, tile = 0; // of the queries, of the tiles of all of them
        for (; work.find(p); work.advance(), ++turn) {
            {
                RowCopier copier(thread);
                copier.setHeads(p.q, work.query, work.firstHead, static_cast<int>(p.heads), p.qStrides);
                hopper::waitFor(ptx::sharedAddress(&shared.queryEmpty), (turn & 1) ^ 1);
                copier.copy<kTiles>(base, 0);
                hopper::arriveAfterCopies(ptx::sharedAddress(&shared.queryFull));
            }
            ListReader reader(p, rows.row);
            const std::int32_t *list = p.idx + static_cast<long long>(work.query) * p.k;
            reader.read(list, 0);
            loadFirst(rows, reader.places, tile & 1);
            for (int i = 0; i < 2 * work.pairs; ++i, ++tile) {
                const int slots[4] = {reader.places[0], reader.places[1], reader.places[2], reader.places[3]};
                reader.read(list, i + 1);
                convert(rows, shared, base, tile, slots, reader);
            }
        }
    }

private:
    static __device__ __forceinline__ void loadFirst(RowWidener &rows, const int (&slots)[4], int first)
    {
        rows.load<0>(slots, first);
        rows.load<1>(slots, first);
        rows.load<2>(slots, first);
        rows.load<3>(slots, first);
        rows.load<4>(slots, first);
        rows.load<5>(slots, first);
        rows.load<6>(slots, first);
        rows.load<7>(slots, first);
    }
    /// Stores a unit, then asks for the one that follows by kAhead: of this tile or of the next one.
    template <int kUnit>
    static __device__ __forceinline__ void step(RowWidener &rows, std::uint32_t to, int first, const int (&slots)[4], const ListReader &reader)
    {
        rows.store<kUnit>(to, first);
        if constexpr (kUnit + kAhead < kUnits) {
            rows.load<kUnit + kAhead>(slots, first);
        } else {
            rows.load<kUnit + kAhead - kUnits>(reader.places, first ^ 1);
        }
    }
    /// The units of half a tile's columns.
    template <int kFirst>
    static __device__ __forceinline__ void half(RowWidener &rows, ForwardShared &shared, std::uint32_t to, std::uint32_t buffer, std::uint32_t parity, const int (&slots)[4],
                                                const ListReader &reader)
    {
        const int first = static_cast<int>(buffer), which = first ^ kFirst / 8;
        hopper::waitFor(ptx::sharedAddress(shared.empty[buffer] + which), parity);
        step<kFirst>(rows, to, first, slots, reader);
        step<kFirst + 1>(rows, to, first, slots, reader);
        step<kFirst + 2>(rows, to, first, slots, reader);
        step<kFirst + 3>(rows, to, first, slots, reader);
        step<kFirst + 4>(rows, to, first, slots, reader);
        step<kFirst + 5>(rows, to, first, slots, reader);
        step<kFirst + 6>(rows, to, first, slots, reader);
        step<kFirst + 7>(rows, to, first, slots, reader);
        publishToProducts();
        hopper::arrive(ptx::sharedAddress(shared.full[buffer] + which));
    }
    static __device__ __forceinline__ void convert(RowWidener &rows, ForwardShared &shared, std::uint32_t base, std::uint32_t tile, const int (&slots)[4], const ListReader &reader)
    {
        const std::uint32_t buffer = tile & 1, to = base + (1 + buffer) * kRowsBytes, parity = (tile >> 1 & 1) ^ 1;
        hopper::waitFor(ptx::sharedAddress(shared.empty[buffer] + 2), parity);
        const std::uint32_t plain = to + kValueTiles * hopper::kTileBytes + rows.row * 128 + (rows.piece ^ rows.row % 8) * 16;
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            const bool isThere = slots[i] >= 0;
            ptx::copyAsync16(plain + i * 16 * 128, rows.rowOf(isThere ? slots[i] : 0) + kPlainColumnsAt + rows.piece * 16, isThere);
        }
        hopper::arriveAfterCopies(ptx::sharedAddress(shared.full[buffer] + 2));
        rows.prefetch(reader.places);
        half<0>(rows, shared, to, buffer, parity, slots, reader);
        half<8>(rows, shared, to, buffer, parity, slots, reader);
    }
};

} // namespace dsa::launch::gathered_attention
