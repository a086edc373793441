#pragma once

#include "kernels/launch/kernel_info.h"

#include <cuda_runtime_api.h>

#include <cstdint>

// B requests, T new queries of each, Hi indexer heads, D their width, P pages of the cache, N pages a request has at most
/// Index scores of a few new queries over keys that lie in pages of 64: 64 rows of D e4m3 values, then their 64 fp32 scales.
///   I[b,t,s] = scale[s] sum_j w[b,t,j] relu(q[b,t,j] . k[s])
/// Key s of request b is row s % 64 of page table[b][s / 64]; its query t sees keys s <= lengths[b] - T + t, the others score -inf.
/// Sums over D are the tensor cores', shorter than fp32: rows are within 2e-3 of float64's, by the norm that |w| would give.
namespace dsa::launch::decode_scores {

constexpr std::int64_t kPageKeys = 64;

struct Params {
    const void *q = nullptr;               ///< [B,T,Hi,D] e4m3, contiguous, on 16 bytes
    const float *w = nullptr;              ///< [B,T,Hi], contiguous
    const void *pages = nullptr;           ///< [P,64 (D + 4)] bytes, contiguous, on 16 bytes
    const std::int32_t *table = nullptr;   ///< [B,N], contiguous; read as far as the lengths reach, numbers below P there
    const std::int32_t *lengths = nullptr; ///< [B]: keys of a request, its new queries' own among them; what exceeds 64 N is not read
    float *out = nullptr;                  ///< [B,T,64 N], contiguous
    std::int64_t batch = 0, queries = 0, heads = 0, width = 0, pageCount = 0, pagesEach = 0;
};

/// Says in `why` (when given) what a launch would not take.
bool supported(const Params &params, const char **why = nullptr);
/// Asynchronous on `stream`; two runs give the same bits.
cudaError_t launch(const Params &params, cudaStream_t stream);
/// The kernel that a launch would take.
cudaError_t describe(const Params &params, KernelInfo &info);

} // namespace dsa::launch::decode_scores
