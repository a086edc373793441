#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

// A, B, C rows in three dimensions, D their width
/// Rotary embedding: the first 2 `pairs` elements of each row are rotated by the angles of its position, the others copied.
namespace dsa::launch::rotary {

enum class Type { Float, BFloat16, Half };

struct Params {
    const void *x = nullptr;                    ///< [A,B,C,D], unit last stride
    const float *cos = nullptr, *sin = nullptr; ///< [positions,pairs], contiguous
    void *out = nullptr;                        ///< [A,B,C,D], unit last stride
    Type type = Type::Float;                    ///< of x and out; angles and sums are fp32
    std::int64_t sizes[3] = {}, width = 0, pairs = 0;
    std::int64_t strides[3] = {}, outStrides[3] = {}; ///< of x and out, in elements
    int positionDim = 2;                              ///< which of the three dimensions counts the positions
    bool interleaved = false;                         ///< pairs (2i, 2i+1); else (i, i + pairs)
    bool inverse = false;                             ///< rotates back: the gradient
};

/// Says in `why` (when given) what a launch would not take.
bool supported(const Params &params, const char **why = nullptr);
/// Asynchronous on `stream`.
cudaError_t launch(const Params &params, cudaStream_t stream);

} // namespace dsa::launch::rotary
