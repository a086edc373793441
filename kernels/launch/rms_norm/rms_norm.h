#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

// N rows of width D
/// h = x + branch, y = weight h / sqrt(mean(h^2) + eps) over the last dimension, and the gradients of both at once. Rows are fp32,
/// contiguous; what comes from and goes to products of low precision is bf16.
namespace dsa::launch::rms_norm {

struct Params {
    const float *x = nullptr;      ///< [N,D]; of the backward: h
    const void *branch = nullptr;  ///< bf16 [N,D]; null: nothing is added
    const float *weight = nullptr; ///< [D]
    float *sum = nullptr;          ///< [N,D]: h; null without a branch
    float *full = nullptr;         ///< [N,D]: y; null: not wanted
    void *low = nullptr;           ///< bf16 [N,D]: y; null: not wanted
    float *inverse = nullptr;      ///< [N]: 1 / sqrt(mean(h^2) + eps); the backward reads it
    // The backward alone:
    const float *gradSum = nullptr, *gradFull = nullptr; ///< [N,D]; null: 0
    const void *gradLow = nullptr;                       ///< bf16 [N,D]; null: 0
    float *gradX = nullptr;                              ///< [N,D]
    void *gradBranch = nullptr;                          ///< bf16 [N,D]: the same; null: not wanted
    float *gradWeight = nullptr;                         ///< [D]
    float *scratch = nullptr;                            ///< [scratchRows(N),D]
    std::int64_t rows = 0, width = 0;
    float epsilon = 1e-6f;
};

/// Says in `why` (when given) what a launch would not take.
bool supported(const Params &params, const char **why = nullptr);
std::int64_t scratchRows(std::int64_t rows);
/// Asynchronous on `stream`; two runs give the same bits.
cudaError_t launchForward(const Params &params, cudaStream_t stream);
cudaError_t launchBackward(const Params &params, cudaStream_t stream);

} // namespace dsa::launch::rms_norm
