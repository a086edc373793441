#pragma once

#include "kernels/launch/kernel_info.h"

#include <cuda_runtime_api.h>

#include <cstdint>

// B batch, T queries, S keys, H attention heads, KV key heads (they divide H), D their width, Hi indexer heads, Di their width
/// The indexer's loss and its gradients tile by tile: of all the [.., T, S] arrays only the gradient in the index scores is ever
/// written, in bf16. With teacher p[t,s] = mean over heads of exp(scale q.k - lse), brought to sum 1 over the set of row t, scores
/// I[t,s] = sum_j w[t,j] relu(z), z = qi[t,j] . ki[s], and m = exp(I - log-sum of exp I over the set):
///   loss = mean over rows of sum_s p (log p - I + log-sum),  dI = m - p,  with g[t,j] = sum_s dI [z > 0] ki[s]
///   dqi[t,j] = w[t,j] g[t,j],  dw[t,j] = qi[t,j] . g[t,j],  dki[s] = sum_t,j dI w[t,j] [z > 0] qi[t,j].
/// Sums are fp32 in a fixed order: two runs give the same bits.
namespace dsa::launch::index_kl_tiles {

/// Strides in elements, a multiple of 8, the unit last stride left out; rows start on 16 bytes, which the caller sees to.
struct Params {
    const void *qi = nullptr, *ki = nullptr; ///< bf16 [B,T,Hi,Di], [B,S,Di]
    const void *q = nullptr, *k = nullptr;   ///< bf16 [B,H,T,D], [B,KV,S,D]
    const float *weights = nullptr;          ///< [B,T,Hi], contiguous
    const float *lse = nullptr;              ///< [B,H,T], contiguous: of the attention over the same set
    const float *lseSelected = nullptr;  ///< [B,T], contiguous: of the index scores over the set; null: worked out here
    const std::int64_t *bits = nullptr;  ///< [B,T,ceil(S/64)], contiguous: the set; null: every key s <= t + offset
    const std::int32_t *phase = nullptr; ///< [] on the device; null: 0
    float *rows = nullptr, *used = nullptr; ///< [B,T]: KL, and 1 where the row counts
    float *mean = nullptr;                  ///< [2]: the loss, and one over the rows that count
    void *gradScores = nullptr;             ///< bf16 [B,T,64 ceil(S/64)], scratch; null: no gradients wanted
    float *gradQ = nullptr, *gradK = nullptr, *gradW = nullptr; ///< of the loss, contiguous like qi, ki and weights
    std::int64_t batch = 0, queries = 0, keys = 0, heads = 0, keyHeads = 1, indexHeads = 0, width = 0, indexWidth = 0;
    std::int64_t offset = 0;    ///< used without bits only
    std::int64_t rowStride = 1; ///< only 64-query blocks b with b % rowStride == phase count
    std::int64_t qStrides[3] = {}, kStrides[3] = {}, qiStrides[3] = {}, kiStrides[2] = {};
    float scale = 1;
    bool portable = false; ///< only kernels for every card from sm_80 on, although this one has faster ones
};

/// Says in `why` (when given) what a launch would not take.
bool supported(const Params &params, const char **why = nullptr);
/// Shared memory of a block that the largest kernel needs.
std::size_t sharedBytes(const Params &params);
/// Asynchronous on `stream`.
cudaError_t launch(const Params &params, cudaStream_t stream);
/// Of the three large kernels, each figure the largest.
cudaError_t describe(const Params &params, KernelInfo &info);

/// One instantiation: what a launch picks from.
struct Choice {
    void (*kernel)(Params);
    const char *name;
    int threads, groups;
    std::size_t dynamicBytes;
};
Choice lossChoice(const Params &params);
Choice queryGradientChoice(const Params &params);
Choice keyGradientChoice(const Params &params);

} // namespace dsa::launch::index_kl_tiles
