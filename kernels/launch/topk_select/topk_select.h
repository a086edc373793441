#pragma once

#include "kernels/launch/kernel_info.h"

#include <cuda_runtime_api.h>

#include <cstdint>

// B batch, T queries, S keys
/// Exact top-k of each row among its visible keys: score descending, then key ascending; -0 equals +0, NaN ranks below -inf.
namespace dsa::launch::topk_select {

struct Params {
    const float *scores = nullptr;               ///< [B,rows,S], unit last stride: queries firstRow .. firstRow + rows
    std::int64_t batchStride = 0, rowStride = 0; ///< of scores, in elements
    std::int64_t *bits = nullptr;                ///< [B,T,ceil(S/64)], contiguous; null: not wanted
    std::int64_t *bitsT = nullptr;               ///< [B,ceil(T/64),S], contiguous; written by launchTranspose
    std::int32_t *count = nullptr;               ///< [B,T]
    std::int32_t *idx = nullptr;                 ///< [B,T,k] ascending, -1 behind count; null: not wanted
    float *tau = nullptr, *lse = nullptr;        ///< [B,T] lowest selected score and log sum exp; both or neither
    std::int64_t batch = 0, queries = 0, keys = 0, k = 1;
    std::int64_t offset = 0; ///< query t sees keys s <= t + offset
    const std::int32_t *lengths = nullptr; ///< [B]; given, it is s <= t + lengths[b] - T instead
    std::int64_t firstRow = 0, rows = 0;
    void *scratch = nullptr; ///< scratchBytes of it, or null: then a few long rows take longer
};

/// Says in `why` (when given) what a launch would not take.
bool supported(const Params &params, const char **why = nullptr);
/// What a launch can put to use; free again once it has run. 0: nothing.
std::size_t scratchBytes(const Params &params);
/// Writes everything but bitsT. Asynchronous on `stream`; two runs give the same bits.
cudaError_t launch(const Params &params, cudaStream_t stream);
/// bitsT from the bits of all T queries.
cudaError_t launchTranspose(const Params &params, cudaStream_t stream);
/// The kernel that launch would take.
cudaError_t describe(const Params &params, KernelInfo &info);

} // namespace dsa::launch::topk_select
