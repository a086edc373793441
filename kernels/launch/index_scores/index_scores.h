#pragma once

#include "kernels/launch/kernel_info.h"

#include <cuda_runtime_api.h>

#include <cstdint>

// B batch, T queries, S keys, Hi indexer heads, Di their width
/// I[b,t,s] = sum_j w[b,t,j] relu(q[b,t,j] . k[b,s]), fp32, -inf beyond causality; of e4m3 keys times kScale[b,s]. The sums over Di of
/// e4m3 products are the tensor cores', shorter than fp32: rows are within 2e-3 of float64's, by the norm that |w| would give (heads cancel).
namespace dsa::launch::index_scores {

enum class Type { Float, BFloat16, Half, E4m3 };

struct Params {
    const void *q = nullptr;  ///< [B,T,Hi,Di], unit last stride
    const void *k = nullptr;  ///< [B,S,Di], unit last stride
    const float *w = nullptr; ///< [B,T,Hi], unit last stride
    const float *kScale = nullptr; ///< [B,S], contiguous; of e4m3 alone
    float *out = nullptr;     ///< [B,T,S], contiguous
    Type type = Type::Float;  ///< of q and k
    std::int64_t batch = 0, queries = 0, keys = 0, heads = 0, width = 0;
    std::int64_t offset = 0;                                           ///< query t sees keys s <= t + offset
    std::int64_t qStrides[3] = {}, kStrides[2] = {}, wStrides[2] = {}; ///< in elements, the last dimension left out
    bool fillHidden = true; ///< false: what lies beyond causality may stay unwritten
    bool portable = false;  ///< only kernels for every card from sm_80 on, although this one has faster ones
};

/// Says in `why` (when given) what a launch would not take; rows must start on 16 bytes, which the caller sees to.
bool supported(const Params &params, const char **why = nullptr);
/// Asynchronous on `stream`; a score depends on its query, its key and w alone, not on the sizes.
cudaError_t launch(const Params &params, cudaStream_t stream);
/// The kernel that launch would take.
cudaError_t describe(const Params &params, KernelInfo &info);

/// One instantiation: what launch picks from.
struct Choice {
    void (*kernel)(Params);
    const char *name;
    int threads, tileQueries, tileKeys;
    std::size_t dynamicBytes;
};
Choice choiceBFloat16(const Params &params);
Choice choiceHalf(const Params &params);
Choice choiceFloat(const Params &params);

} // namespace dsa::launch::index_scores
