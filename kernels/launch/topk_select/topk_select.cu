#include "kernels/launch/topk_select/topk_select.h"

#include "kernels/launch/choice.cuh"
#include "kernels/launch/topk_select/long_select.cuh"
#include "kernels/launch/topk_select/split_select.cuh"

#include <algorithm>
#include <limits>

namespace dsa::launch::topk_select {

namespace {

constexpr int kTransposeThreads = 256;
constexpr std::int64_t kMostKept = 8192; // selected keys; of more the entries would fill a multiprocessor's shared memory
constexpr std::int64_t kLoneRows = 132, kWideKept = 4096; // fewer rows than multiprocessors, or room for few blocks: the larger block
constexpr std::int64_t kFewRows = 32, kSplitKeys = 65536, kFewBlocks = 264, kFewestSlices = 8, kMostSlices = 16; // rows that several blocks share
constexpr int kStreamThreads = 256, kWideThreads = 512, kVectors = 4;
constexpr std::int64_t kLongestKeys = std::int64_t{1} << 19; // two words for 32 keys must fit shared memory

/// 64 x 64 bits a warp: a row of 32 is a lane, five exchanges transpose a 32 x 32 block.
__device__ unsigned transposed(unsigned x)
{
    const int lane = threadIdx.x % 32;
    unsigned low = 0x0000ffffu;
    for (int step = 16; step > 0; step /= 2, low ^= low << step) {
        const unsigned other = __shfl_xor_sync(kAllLanes, x, step);
        x = lane & step ? (x & ~low) | (other & ~low) >> step : (x & low) | (other & low) << step;
    }
    return x;
}

__global__ void __launch_bounds__(kTransposeThreads) transposeBits(Params p)
{
    const long long keyWords = (p.keys + 63) / 64, queryWords = (p.queries + 63) / 64;
    const long long tile = static_cast<long long>(blockIdx.x) * (kTransposeThreads / 32) + threadIdx.x / 32;
    if (tile >= p.batch * queryWords * keyWords) {
        return;
    }
    const int lane = threadIdx.x % 32;
    const long long keyWord = tile % keyWords, queryWord = tile / keyWords % queryWords, b = tile / keyWords / queryWords;
    unsigned halves[2][2]; // by query, by key
    for (int i = 0; i < 2; ++i) {
        const long long t = queryWord * 64 + i * 32 + lane;
        const unsigned long long word = t < p.queries ? static_cast<unsigned long long>(p.bits[(b * p.queries + t) * keyWords + keyWord]) : 0;
        halves[i][0] = static_cast<unsigned>(word);
        halves[i][1] = static_cast<unsigned>(word >> 32);
    }
    for (int j = 0; j < 2; ++j) {
        const unsigned long long low = transposed(halves[0][j]), high = transposed(halves[1][j]);
        const long long s = keyWord * 64 + j * 32 + lane;
        if (s < p.keys) {
            p.bitsT[(b * queryWords + queryWord) * p.keys + s] = static_cast<std::int64_t>(high << 32 | low);
        }
    }
}

struct Choice {
    void (*kernel)(Params);
    const char *name;
    int threads, rowsPerBlock;
    std::size_t dynamicBytes;
};

template <int kHeld, int kBlocks>
Choice byWarp(const char *name)
{
    return {selectByWarp<kHeld, kBlocks>, name, kWarpThreads, kWarpsPerBlock, kWarpSelectBytes<kHeld>};
}

unsigned keptCapacity(const Params &p)
{
    return static_cast<unsigned>(std::max<std::int64_t>(5888, p.k + std::max<std::int64_t>(p.k / 2, 2048))); // four blocks a multiprocessor
}

std::size_t streamBytes(const Params &p)
{
    const std::size_t words = static_cast<std::size_t>((p.keys + 63) / 64);
    return std::max({keptCapacity(p) * sizeof(uint2), writeKeptBytes(static_cast<std::size_t>(p.keys), static_cast<std::size_t>(p.k)),
                     words * 4 * sizeof(unsigned) + kCandidates * sizeof(unsigned)});
}

std::int64_t blocksFor(std::int64_t count, std::int64_t perBlock)
{
    return (count + perBlock - 1) / perBlock;
}

bool sharedMemoryHolds(std::size_t bytes)
{
    int device = 0, most = 0;
    return cudaGetDevice(&device) == cudaSuccess && cudaDeviceGetAttribute(&most, cudaDevAttrMaxSharedMemoryPerBlockOptin, device) == cudaSuccess &&
           bytes <= static_cast<std::size_t>(most);
}

bool isStreamed(const Params &p)
{
    return p.keys > 4096 && p.k <= kMostKept && sharedMemoryHolds(streamBytes(p) + sizeof(KeptShared));
}

/// One slice a row: no block gets help.
Slices slicesFor(const Params &p)
{
    const std::int64_t lines = p.batch * p.rows, vectors = p.keys / 4 + 2;
    Slices slices;
    if (lines > 0 && lines <= kFewRows && p.keys >= kSplitKeys && isStreamed(p)) {
        slices.perRow = static_cast<int>(std::clamp(kFewBlocks / lines, kFewestSlices, kMostSlices));
        slices.vectors = static_cast<int>(blocksFor(vectors, slices.perRow));
        slices.counts = static_cast<unsigned *>(p.scratch);
        slices.entries = reinterpret_cast<uint2 *>(slices.counts + blocksFor(lines * slices.perRow, 4) * 4);
    }
    return slices;
}

cudaError_t launchSplit(const Params &p, const Slices &slices, cudaStream_t stream)
{
    const unsigned lines = static_cast<unsigned>(p.batch * p.rows), capacity = keptCapacity(p);
    const auto join = joinSlices<kWideThreads, kVectors>;
    const cudaError_t error = cudaFuncSetAttribute(join, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(streamBytes(p)));
    if (error != cudaSuccess) {
        return error;
    }
    gatherSlices<kWideThreads, kVectors>
        <<<lines * static_cast<unsigned>(slices.perRow), kWideThreads, kSamples * sizeof(uint2), stream>>>(p, slices, capacity);
    join<<<lines, kWideThreads, streamBytes(p), stream>>>(p, slices, capacity);
    return cudaGetLastError();
}

Choice choiceFor(const Params &p)
{
    if (p.keys <= 256) {
        return byWarp<8, 9>("warp a row, 8 scores a lane");
    }
    if (p.keys <= 512) {
        return byWarp<16, 8>("warp a row, 16 scores a lane");
    }
    if (p.keys <= 1024) {
        return byWarp<32, 5>("warp a row, 32 scores a lane");
    }
    if (p.keys <= 2048) {
        return byWarp<64, 4>("warp a row, 64 scores a lane");
    }
    if (p.keys <= 4096) {
        return byWarp<128, 2>("warp a row, 128 scores a lane");
    }
    if (isStreamed(p)) {
        return p.batch * p.rows <= kLoneRows || p.k > kWideKept
                   ? Choice{selectStreamed<kWideThreads, kVectors, false, 2>, "block of 512 a row, read once", kWideThreads, 1, streamBytes(p)}
                   : Choice{selectStreamed<kStreamThreads, kVectors, false, 4>, "block a row, read once", kStreamThreads, 1, streamBytes(p)};
    }
    const std::size_t words = static_cast<std::size_t>((p.keys + 63) / 64) * 4 * sizeof(unsigned), all = words + kColumnDepth * kColumnBytes;
    const bool fits = sharedMemoryHolds(all + sizeof(BlockShared));
    return {selectLong, "block a row, the keys near the threshold kept", kLongThreads, 1, fits ? all : words + kCandidates * sizeof(unsigned)};
}

} // namespace

bool supported(const Params &p, const char **why)
{
    const char *reason = nullptr;
    if (p.batch < 0 || p.queries < 0 || p.keys < 0 || p.rows < 0 || p.k < 1) {
        reason = "a size is negative";
    } else if (p.keys > kLongestKeys) {
        reason = "rows of more than 524288 keys";
    } else if (p.batch > 0 && p.queries > std::numeric_limits<std::int32_t>::max() / p.batch / std::max<std::int64_t>(1, blocksFor(p.keys, 4096))) {
        reason = "more than 2^31 - 1 blocks";
    }
    if (why) {
        *why = reason;
    }
    return reason == nullptr;
}

std::size_t scratchBytes(const Params &p)
{
    const Slices slices = slicesFor(p);
    const std::size_t blocks = static_cast<std::size_t>(p.batch * p.rows * slices.perRow);
    return slices.perRow > 1 ? (blocks + 3) / 4 * 16 + blocks * 4 * static_cast<std::size_t>(slices.vectors) * sizeof(uint2) : 0;
}

cudaError_t launch(const Params &p, cudaStream_t stream)
{
    if (!supported(p)) {
        return cudaErrorInvalidValue;
    }
    const std::int64_t lines = p.batch * p.rows;
    if (lines == 0) {
        return cudaSuccess;
    }
    const Slices slices = slicesFor(p);
    if (p.scratch && slices.perRow > 1) {
        return launchSplit(p, slices, stream);
    }
    const Choice choice = choiceFor(p);
    return launchChoice(choice, blocksFor(lines, choice.rowsPerBlock), p, stream);
}

cudaError_t launchTranspose(const Params &p, cudaStream_t stream)
{
    if (!supported(p)) {
        return cudaErrorInvalidValue;
    }
    const std::int64_t tiles = p.batch * blocksFor(p.queries, 64) * blocksFor(p.keys, 64);
    if (tiles == 0) {
        return cudaSuccess;
    }
    transposeBits<<<static_cast<unsigned>(blocksFor(tiles, kTransposeThreads / 32)), kTransposeThreads, 0, stream>>>(p);
    return cudaGetLastError();
}

cudaError_t describe(const Params &p, KernelInfo &info)
{
    if (slicesFor(p).perRow > 1) {
        struct {
            void (*kernel)(Params, Slices, unsigned);
            const char *name;
            std::size_t dynamicBytes;
        } const join{joinSlices<kWideThreads, kVectors>, "several blocks a row, read once", streamBytes(p)};
        return describeChoice(join, info);
    }
    return describeChoice(choiceFor(p), info);
}

} // namespace dsa::launch::topk_select
