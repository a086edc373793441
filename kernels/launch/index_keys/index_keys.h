#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

// N rows (B batches of S positions), D width of the indexer's keys
/// The indexer's keys on their way to the scores: LayerNorm with bias over the last dimension, then rotary positions on the first
/// 2 `pairs` elements; and back. Rows are bf16, sums fp32.
namespace dsa::launch::index_keys {

struct Params {
    const void *x = nullptr;                        ///< [N,D], contiguous
    const float *weight = nullptr, *bias = nullptr; ///< [D]
    const float *cos = nullptr, *sin = nullptr;     ///< [S,pairs], contiguous
    void *out = nullptr;                            ///< [N,D]
    const void *grad = nullptr; ///< [N,D], contiguous: of out; this and what follows for the backward alone
    void *gradX = nullptr;      ///< [N,D]
    float *gradWeight = nullptr, *gradBias = nullptr; ///< [D]
    float *scratch = nullptr;                         ///< [scratchRows(N),2,D]
    std::int64_t rows = 0, width = 0, positions = 1, pairs = 0;
    float epsilon = 1e-6f;
    bool interleaved = false; ///< pairs (2i, 2i+1); else (i, i + pairs)
};

/// Says in `why` (when given) what a launch would not take.
bool supported(const Params &params, const char **why = nullptr);
std::int64_t scratchRows(std::int64_t rows);
/// Asynchronous on `stream`; two runs give the same bits.
cudaError_t launchForward(const Params &params, cudaStream_t stream);
cudaError_t launchBackward(const Params &params, cudaStream_t stream);

} // namespace dsa::launch::index_keys
