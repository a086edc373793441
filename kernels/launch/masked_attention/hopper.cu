#include "kernels/launch/masked_attention/hopper.h"

#include "kernels/launch/masked_attention/tiles.cuh"

#include <cuda.h>

#include <array>
#include <atomic>

namespace dsa::launch::masked_attention {

namespace {

using Encode = decltype(&cuTensorMapEncodeTiled);

/// The driver's function, asked for at run time so that nothing has to be linked to the driver.
Encode encoder()
{
    static const Encode encode = [] {
        void *found = nullptr;
        cudaDriverEntryPointQueryResult result{};
        const cudaError_t error = cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &found, 12000, cudaEnableDefault, &result);
        return error == cudaSuccess && result == cudaDriverEntryPointSuccess ? reinterpret_cast<Encode>(found) : nullptr;
    }();
    return encode;
}

/// Bit s of row t: some query of tile t sees some key of tile s. A block a row of the map, all heads share it.
__global__ void __launch_bounds__(kThreads) mapTiles(Params p)
{
    constexpr int kWarps = kThreads / 32, kRows = kTile / kWarps;
    __shared__ std::uint32_t found[kWarps];
    const int rows = tilesOf(p.queries), all = tilesOf(p.keys), words = (all + 31) / 32, row = static_cast<int>(blockIdx.x);
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, first = row % rows * kTile + warp * kRows;
    const std::int64_t *bits = p.bits + (row / rows * p.queries + first) * all;
    for (int i = 0; i < words; ++i) {
        const int tile = i * 32 + lane, count = tile < all ? static_cast<int>(p.queries) - first : 0;
        std::int64_t any = 0;
#pragma unroll
        for (int j = 0; j < kRows; ++j) {
            any |= j < count ? __ldg(bits + j * all + tile) : 0;
        }
        const std::uint32_t word = __ballot_sync(~0u, any != 0);
        if (lane == 0) {
            found[warp] = word;
        }
        __syncthreads();
        if (threadIdx.x == 0) {
            std::uint32_t seen = 0;
            for (int j = 0; j < kWarps; ++j) {
                seen |= found[j];
            }
            p.tileMap[row * words + i] = seen;
        }
        __syncthreads();
    }
}

} // namespace

cudaError_t tileMap(CUtensorMap &map, const void *data, Type type, std::int64_t batch, std::int64_t heads, std::int64_t rows, std::int64_t width,
                    const std::int64_t (&strides)[3], int tileRows)
{
    const Encode encode = encoder();
    if (!encode) {
        return cudaErrorNotSupported;
    }
    const cuuint64_t sizes[4] = {static_cast<cuuint64_t>(width), static_cast<cuuint64_t>(rows), static_cast<cuuint64_t>(heads), static_cast<cuuint64_t>(batch)};
    cuuint64_t steps[3]; // in bytes, of rows, heads and batch entries; where there is one alone, its stride may be anything
    for (int i = 0; i < 3; ++i) {
        steps[i] = sizes[i + 1] > 1 ? static_cast<cuuint64_t>(strides[2 - i]) * 2 : 16;
    }
    const cuuint32_t box[4] = {64, static_cast<cuuint32_t>(tileRows), static_cast<cuuint32_t>(64 / tileRows), 1}, each[4] = {1, 1, 1, 1};
    const CUresult result = encode(&map, type == Type::BFloat16 ? CU_TENSOR_MAP_DATA_TYPE_BFLOAT16 : CU_TENSOR_MAP_DATA_TYPE_FLOAT16, 4, const_cast<void *>(data), sizes, steps,
                                   box, each, CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B, CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
    return result == CUDA_SUCCESS ? cudaSuccess : cudaErrorInvalidValue;
}

cudaError_t launchTileMap(const Params &p, cudaStream_t stream)
{
    mapTiles<<<static_cast<unsigned>(p.batch * ((p.queries + kTile - 1) / kTile)), kThreads, 0, stream>>>(p);
    return cudaGetLastError();
}

bool hopperRuns()
{
    constexpr int kDevices = 64, kUnknown = 0, kNo = 1, kYes = 2;
    static std::array<std::atomic<int>, kDevices> known{};
    int device = 0;
    if (cudaGetDevice(&device) != cudaSuccess || device >= kDevices) {
        return false;
    }
    int state = known[device].load(std::memory_order_relaxed);
    if (state == kUnknown) {
        cudaFuncAttributes attributes{};
        // Code compiled for sm_90a, not the portable one that the driver translates for a newer card.
        const bool runs = cudaFuncGetAttributes(&attributes, mapTiles) == cudaSuccess && attributes.binaryVersion == 90 && attributes.ptxVersion == 90;
        state = runs ? kYes : kNo;
        known[device].store(state, std::memory_order_relaxed);
    }
    return state == kYes;
}

} // namespace dsa::launch::masked_attention
