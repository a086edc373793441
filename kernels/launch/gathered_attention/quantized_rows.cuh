#pragma once

#include "kernels/launch/gathered_attention/forward.cuh"

/// Rows of a cache of 656 bytes: 512 values in e4m3, the four scales of 128 of them each (powers of two, fp32), and 64 columns in
/// bf16. On their way into shared memory they become the bf16 rows that the products read, without rounding.
namespace dsa::launch::gathered_attention {

constexpr int kQuantizedRowBytes = 656, kScalesAt = 512, kPlainColumnsAt = 528, kUnits = 16, kAhead = 8, kPlaceTiles = 4, kPlacesAhead = 2;
constexpr int kScaleBytes = 64 * 16; ///< of a tile's rows
constexpr std::size_t kQuantizedForwardBytes = kForwardBytes + 2 * kScaleBytes + kPlaceTiles * 64 * 4;
static_assert(kForwardBytes % 16 == 0 && kQuantizedForwardBytes <= 232448);

/// Volatile, as are the stores: else the compiler puts the loads behind the stores of half a tile, and nothing is on its way meanwhile.
__device__ __forceinline__ uint4 loadInOrder(const void *from)
{
    uint4 x;
    asm volatile("ld.volatile.global.v4.u32 {%0,%1,%2,%3}, [%4];" : "=r"(x.x), "=r"(x.y), "=r"(x.z), "=r"(x.w) : "l"(from));
    return x;
}

__device__ __forceinline__ const unsigned char *rowOf(const void *cache, int slot)
{
    return static_cast<const unsigned char *>(cache) + static_cast<long long>(slot) * kQuantizedRowBytes;
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

/// A copying thread: 16 bytes of each block of 128 values, in four rows; kAhead such units are on their way.
struct RowWidener {
    uint4 raw[kAhead];
    std::uint32_t place; ///< in the first two tiles of 64 columns, of the first eight values that are stored
    int row, piece;
    bool swaps; ///< so that the eight threads of a row store to eight different groups of banks

    __device__ explicit RowWidener(int thread)
        : row(thread / 8)
        , piece(thread % 8)
        , swaps(piece >= 4)
    {
        place = piece / 4 * hopper::kTileBytes + row * 128 + ((piece % 4 * 2 + (swaps ? 1 : 0)) ^ row % 8) * 16;
    }
    /// Which block of 128 values a unit is of, where a tile's first half of units is columns 256 first .. 256 first + 256.
    static __device__ __forceinline__ int blockOf(int unit, int first) { return (unit / kAhead ^ first) * 2 + unit / 4 % 2; }
    /// `slots`: in shared memory, the places of a tile's rows.
    __device__ __forceinline__ int slotOf(std::uint32_t slots, int i) const
    {
        int slot;
        asm volatile("ld.shared.b32 %0, [%1];" : "=r"(slot) : "r"(slots + (row + i * 16) * 4) : "memory");
        return slot;
    }
    template <int kUnit>
    __device__ __forceinline__ void load(const void *cache, int slot, int first)
    {
        raw[kUnit % kAhead] = make_uint4(0, 0, 0, 0);
        if (slot >= 0) {
            raw[kUnit % kAhead] = loadInOrder(rowOf(cache, slot) + blockOf(kUnit, first) * 128 + piece * 16);
        }
    }
    /// `scales`: in shared memory, four of each row.
    template <int kUnit>
    __device__ __forceinline__ void store(std::uint32_t rows, std::uint32_t scales, int first) const
    {
        const int block = blockOf(kUnit, first);
        float scale;
        asm volatile("ld.shared.f32 %0, [%1];" : "=f"(scale) : "r"(scales + (row + kUnit % 4 * 16) * 16 + block * 4) : "memory");
        const uint4 x = raw[kUnit % kAhead];
        const __nv_bfloat162 factor = __float2bfloat162_rn(scale);
        const std::uint32_t to = rows + place + block * 2 * hopper::kTileBytes + kUnit % 4 * 16 * 128;
        write(to, widen(swaps ? x.z : x.x, factor), widen(swaps ? x.w : x.y, factor));
        write(to ^ 16, widen(swaps ? x.x : x.z, factor), widen(swaps ? x.y : x.w, factor));
    }
    static __device__ __forceinline__ void write(std::uint32_t to, uint2 a, uint2 b)
    {
        asm volatile("st.volatile.shared.v4.u32 [%0], {%1,%2,%3,%4};" ::"r"(to), "r"(a.x), "r"(a.y), "r"(b.x), "r"(b.y) : "memory");
    }
};

/// The places of a list's next tiles, in shared memory. A row a thread; what a tile needs was read from the list a tile before.
struct RowPlaces {
    std::uint32_t ring;
    int place = -1;

    __device__ explicit RowPlaces(std::uint32_t ring)
        : ring(ring)
    {}
    __device__ __forceinline__ std::uint32_t of(std::uint32_t tile) const { return ring + tile % kPlaceTiles * 64 * 4; }
    /// The first tiles of a list; `tile`: what the first one counts as.
    __device__ __forceinline__ void start(const Params &p, const std::int32_t *list, std::uint32_t tile)
    {
        syncThreads<kGroupThreads>(4); // what stood there is used
        for (int i = 0; i < kPlacesAhead; ++i) {
            read(p, list, i);
            keep(tile + i);
        }
        read(p, list, kPlacesAhead);
        syncThreads<kGroupThreads>(4);
    }
    /// Before tile i of the list, which counts as `tile`.
    __device__ __forceinline__ void advance(const Params &p, const std::int32_t *list, int i, std::uint32_t tile)
    {
        syncThreads<kGroupThreads>(4); // the tile before is used, the next one's places are there
        keep(tile + kPlacesAhead);
        read(p, list, i + kPlacesAhead + 1);
    }

private:
    __device__ __forceinline__ void read(const Params &p, const std::int32_t *list, int tile)
    {
        const int thread = static_cast<int>(threadIdx.x) % kGroupThreads, slot = tile * 64 + thread;
        place = thread < 64 && slot < p.k ? __ldg(list + slot) : -1;
    }
    __device__ __forceinline__ void keep(std::uint32_t tile) const
    {
        const int thread = static_cast<int>(threadIdx.x) % kGroupThreads;
        if (thread < 64) {
            asm volatile("st.shared.b32 [%0], %1;" ::"r"(of(tile) + thread * 4), "r"(place) : "memory");
        }
    }
};

struct QuantizedRows {
    static constexpr int kCopyRegisters = 72, kMultiplyRegisters = 216;
    static __device__ __forceinline__ void copy(const Params &p, ForwardShared &shared, std::uint32_t base)
    {
        RowWidener rows(static_cast<int>(threadIdx.x) % kGroupThreads);
        RowPlaces places(base + static_cast<std::uint32_t>(kForwardBytes) + 2 * kScaleBytes);
        ForwardWork work(p);
        std::uint32_t turn = 0, tile = 0; // of the queries, of the tiles of all of them
        for (; work.find(p); work.advance(), ++turn) {
            const std::int32_t *list = p.idx + static_cast<long long>(work.query) * p.k;
            places.start(p, list, tile);
            {
                RowCopier copier(static_cast<int>(threadIdx.x) % kGroupThreads);
                copier.setHeads(p.q, work.query, work.firstHead, static_cast<int>(p.heads), p.qStrides);
                hopper::waitFor(ptx::sharedAddress(&shared.queryEmpty), (turn & 1) ^ 1);
                copier.copy<kTiles>(base, 0);
                hopper::arriveAfterCopies(ptx::sharedAddress(&shared.queryFull));
            }
            copyScales(p, rows, base, tile, places, true);
            load<0>(p, rows, places.of(tile), tile & 1);
            for (int i = 0; i < 2 * work.pairs; ++i, ++tile) {
                places.advance(p, list, i, tile);
                convert(p, rows, shared, base, tile, places, i + 1 == 2 * work.pairs);
            }
        }
    }

private:
    static __device__ __forceinline__ std::uint32_t scalesOf(std::uint32_t base, std::uint32_t tile)
    {
        return base + static_cast<std::uint32_t>(kForwardBytes) + (tile & 1) * kScaleBytes;
    }
    /// A tile's scales, on their way from here on: four of a row's threads copy those of four rows.
    static __device__ __forceinline__ void copyScales(const Params &p, const RowWidener &rows, std::uint32_t base, std::uint32_t tile, const RowPlaces &places, bool isThere)
    {
        if (isThere && rows.piece < 4) {
            const int slot = rows.slotOf(places.of(tile), rows.piece);
            ptx::copyAsync16(scalesOf(base, tile) + (rows.row + rows.piece * 16) * 16, rowOf(p.kv, max(slot, 0)) + kScalesAt, slot >= 0);
        }
        ptx::commitCopies();
    }
    /// The first half of a tile's units.
    template <int kUnit>
    static __device__ __forceinline__ void load(const Params &p, RowWidener &rows, std::uint32_t slots, int first)
    {
        rows.load<kUnit>(p.kv, rows.slotOf(slots, kUnit % 4), first);
        if constexpr (kUnit + 1 < kAhead) {
            load<kUnit + 1>(p, rows, slots, first);
        }
    }
    /// Stores the units of half a tile; behind each asks for the one that follows by kAhead, of this tile or of the next one.
    template <int kUnit>
    static __device__ __forceinline__ void store(const Params &p, RowWidener &rows, std::uint32_t to, std::uint32_t scales, int first, std::uint32_t slots)
    {
        const int slot = rows.slotOf(slots, kUnit % 4); // not waited for before the scale is
        rows.store<kUnit>(to, scales, first);
        rows.load<(kUnit + kAhead) % kUnits>(p.kv, slot, kUnit < kAhead ? first : first ^ 1);
        if constexpr ((kUnit + 1) % kAhead != 0) {
            store<kUnit + 1>(p, rows, to, scales, first, slots);
        }
    }
    template <int kFirst>
    static __device__ __forceinline__ void half(const Params &p, RowWidener &rows, ForwardShared &shared, std::uint32_t base, std::uint32_t tile, const RowPlaces &places)
    {
        const int first = static_cast<int>(tile & 1), which = first ^ kFirst / kAhead;
        hopper::waitFor(ptx::sharedAddress(shared.empty[first] + which), (tile >> 1 & 1) ^ 1);
        store<kFirst>(p, rows, base + (1 + first) * kRowsBytes, scalesOf(base, tile), first, places.of(tile + kFirst / kAhead));
        // Those who multiply publish what they find: a fence here would wait for the loads that are on their way.
        hopper::arrive(ptx::sharedAddress(shared.full[first] + which));
    }
    static __device__ __forceinline__ void convert(const Params &p, RowWidener &rows, ForwardShared &shared, std::uint32_t base, std::uint32_t tile, const RowPlaces &places, bool isLast)
    {
        const std::uint32_t buffer = tile & 1, to = base + (1 + buffer) * kRowsBytes + kValueTiles * hopper::kTileBytes + rows.row * 128 + (rows.piece ^ rows.row % 8) * 16;
        copyScales(p, rows, base, tile + 1, places, !isLast); // the next list copies its own
        hopper::waitFor(ptx::sharedAddress(shared.empty[buffer] + 2), (tile >> 1 & 1) ^ 1);
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            const int slot = rows.slotOf(places.of(tile), i);
            ptx::copyAsync16(to + i * 16 * 128, rowOf(p.kv, max(slot, 0)) + kPlainColumnsAt + rows.piece * 16, slot >= 0);
        }
        hopper::arriveAfterCopies(ptx::sharedAddress(shared.full[buffer] + 2));
        ptx::waitForCopies<1>(); // this tile's scales, asked for a tile ago
        __syncwarp();            // by a row's threads, which are of one warp
        half<0>(p, rows, shared, base, tile, places);
        half<kAhead>(p, rows, shared, base, tile, places);
    }
};

} // namespace dsa::launch::gathered_attention
