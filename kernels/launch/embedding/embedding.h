#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

// N tokens, V token kinds, D width of a row
/// The gradient of a table of rows from which tokens took theirs: gradTable[v] = sum over the tokens of kind v of their gradient,
/// in the order of the tokens, whatever runs beside it; 0 for kinds that do not occur.
namespace dsa::launch::embedding {

struct Params {
    const std::int32_t *kinds = nullptr;  ///< [N], ascending: the tokens' kinds, sorted
    const std::int64_t *places = nullptr; ///< [N]: which token each of them is; ascending within a kind
    const float *grad = nullptr;          ///< [N,D], contiguous, on 16 bytes
    float *gradTable = nullptr;           ///< [V,D]
    std::int64_t tokens = 0, kindCount = 0, width = 0;
};

/// Says in `why` (when given) what a launch would not take.
bool supported(const Params &params, const char **why = nullptr);
/// Asynchronous on `stream`.
cudaError_t launch(const Params &params, cudaStream_t stream);

} // namespace dsa::launch::embedding
