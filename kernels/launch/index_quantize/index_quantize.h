#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

// N rows, D their width
/// Rows of the indexer in e4m3, a scale for each: the smallest power of two 2^e with max |x| <= 448 2^e, where a row's largest value
/// counts as at least 1e-4. x / 2^e is rounded to the nearest, even on ties. A row with a NaN or an infinity is NaN, as is its scale.
namespace dsa::launch::index_quantize {

enum class Type { BFloat16, Half, Float };

struct Params {
    Type type = Type::BFloat16;
    const void *x = nullptr;        ///< [N,D], contiguous
    const float *factors = nullptr; ///< [N]: what the scale is multiplied by; null: 1
    void *out = nullptr;            ///< [N,D] e4m3
    float *scales = nullptr;        ///< [N]
    std::int64_t rows = 0, width = 0;
};

/// Says in `why` (when given) what a launch would not take.
bool supported(const Params &params, const char **why = nullptr);
/// Asynchronous on `stream`.
cudaError_t launch(const Params &params, cudaStream_t stream);

} // namespace dsa::launch::index_quantize
