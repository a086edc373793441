#pragma once

#include "kernels/launch/masked_attention/masked_attention.h"

#include <cuda.h>

#include <cstdint>

/// The same attention by Hopper's products of a warpgroup and its copies of whole tiles; masked_attention.cu picks it.
namespace dsa::launch::masked_attention {

/// Parameters of a Hopper kernel, and where its tiles come from.
struct HopperParams {
    Params p;
    CUtensorMap first, second; ///< forward and gradient of q: k and v; gradients of k and v: q and gradO
    CUtensorMap own[2];        ///< what a block keeps: q and gradO, k and v
    int together;              ///< heads whose blocks follow each other, so that what they read stays in the cache; at least 1
};

struct HopperChoice {
    void (*kernel)(HopperParams);
    const char *name;
    int threads;
    std::size_t dynamicBytes;
};

/// 64 x 64 tiles of a [B,H,rows,width] tensor of 16-bit values; strides in elements of all but the last dimension. With fewer `rows` a tile
/// holds as many of each of several heads as it has room for.
cudaError_t tileMap(CUtensorMap &map, const void *data, Type type, std::int64_t batch, std::int64_t heads, std::int64_t rows, std::int64_t width,
                    const std::int64_t (&strides)[3], int tileRows = 64);

/// Fills tileMap from the bits.
cudaError_t launchTileMap(const Params &params, cudaStream_t stream);

/// Whether this device runs code for sm_90a.
bool hopperRuns();

template <class T>
HopperChoice hopperForwardChoice(const Params &params);
template <class T>
HopperChoice hopperQueryGradientChoice(const Params &params);
template <class T>
HopperChoice hopperKeyGradientChoice(const Params &params);

} // namespace dsa::launch::masked_attention
