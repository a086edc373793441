#include "kernels/launch/pack_bits/pack_bits.h"

#include <limits>

namespace dsa::launch::pack_bits {

namespace {

constexpr int kTile = 64;    // one word of rows by one word of columns
constexpr int kThreads = 256;

/// A block owns a 64 x 64 tile: warps read rows 32 keys at a time, ballots give the row words, shared memory the column words.
__global__ void __launch_bounds__(kThreads) packTile(Params p, std::int64_t keyWords, std::int64_t queryWords)
{
    __shared__ std::uint32_t rows[kTile][2];
    const std::int64_t keyWord = blockIdx.x % keyWords, rest = blockIdx.x / keyWords;
    const std::int64_t queryWord = rest % queryWords, b = rest / queryWords;
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;

    for (int part = warp; part < kTile * 2; part += kThreads / 32) {
        const int row = part / 2, half = part % 2;
        const std::int64_t t = queryWord * kTile + row, s = keyWord * kTile + half * 32 + lane;
        const bool set = t < p.queries && s < p.keys && s <= t + p.offset && p.mask[(b * p.queries + t) * p.keys + s];
        const std::uint32_t word = __ballot_sync(0xffffffffu, set);
        if (lane == 0) {
            rows[row][half] = word;
        }
    }
    __syncthreads();

    if (threadIdx.x < kTile) {
        const std::int64_t t = queryWord * kTile + threadIdx.x;
        const std::uint64_t word = static_cast<std::uint64_t>(rows[threadIdx.x][1]) << 32 | rows[threadIdx.x][0];
        if (t < p.queries) {
            p.bits[(b * p.queries + t) * keyWords + keyWord] = static_cast<std::int64_t>(word);
            if (word != 0) {
                atomicAdd(p.count + b * p.queries + t, __popcll(word)); // integers: the order does not matter
            }
        }
    } else if (threadIdx.x < 2 * kTile) {
        const int column = threadIdx.x - kTile;
        const std::int64_t s = keyWord * kTile + column;
        if (s < p.keys) {
            std::uint64_t word = 0;
            for (int row = 0; row < kTile; ++row) {
                word |= static_cast<std::uint64_t>(rows[row][column / 32] >> (column % 32) & 1u) << row;
            }
            p.bitsT[(b * queryWords + queryWord) * p.keys + s] = static_cast<std::int64_t>(word);
        }
    }
}

std::int64_t wordsFor(std::int64_t count)
{
    return (count + kTile - 1) / kTile;
}

} // namespace

bool supported(const Params &params, const char **why)
{
    const char *reason = nullptr;
    if (params.batch < 0 || params.queries < 0 || params.keys < 0) {
        reason = "a size is negative";
    } else if (params.batch > 0 && params.queries > 0 && params.keys > 0
               && wordsFor(params.queries) * wordsFor(params.keys) > std::numeric_limits<std::int32_t>::max() / params.batch) {
        reason = "more than 2^31 - 1 tiles of 64 x 64";
    }
    if (why) {
        *why = reason;
    }
    return reason == nullptr;
}

cudaError_t launch(const Params &params, cudaStream_t stream)
{
    if (!supported(params)) {
        return cudaErrorInvalidValue;
    }
    const std::int64_t keyWords = wordsFor(params.keys), queryWords = wordsFor(params.queries);
    const std::int64_t tiles = params.batch * queryWords * keyWords;
    if (tiles == 0) {
        return cudaSuccess;
    }
    packTile<<<static_cast<unsigned>(tiles), kThreads, 0, stream>>>(params, keyWords, queryWords);
    return cudaGetLastError();
}

} // namespace dsa::launch::pack_bits
