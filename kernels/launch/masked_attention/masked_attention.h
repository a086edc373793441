#pragma once

#include "kernels/launch/kernel_info.h"

#include <cuda_runtime_api.h>

#include <cstdint>

// B batch, T queries, S keys, H heads, KV key heads (they divide H), D width of q and k, Dv width of v
/// Softmax attention over the keys that a query sees: those of its selection bits, or without bits those of causality.
///   p[t,s] = exp(scale q[t].k[s] - lse[t]),  lse[t] = log sum_s exp(scale q[t].k[s]),  o[t] = sum_s p[t,s] v[s]
/// and, with delta[t] = do[t].o[t], the gradients (both after Dao et al., arXiv 2205.14135, appendix B)
///   ds[t,s] = p[t,s] (do[t].v[s] - delta[t]),  dq[t] = scale sum_s ds[t,s] k[s],  dk[s] = scale sum_t ds[t,s] q[t],  dv[s] = sum_t p[t,s] do[t].
/// A query that sees no key: o = 0, lse = -inf, gradients 0. Tiles of 64 x 64 that nobody sees are skipped.
namespace dsa::launch::masked_attention {

enum class Type { BFloat16, Half };

/// Strides in elements, a multiple of 8, the unit last stride left out; rows start on 16 bytes, which the caller sees to.
struct Params {
    const void *q = nullptr;             ///< [B,H,T,D]
    const void *k = nullptr;             ///< [B,KV,S,D]
    const void *v = nullptr;             ///< [B,KV,S,Dv]
    const std::int64_t *bits = nullptr;  ///< [B,T,ceil(S/64)], contiguous; null: every key s <= t + offset
    const std::int64_t *bitsT = nullptr; ///< [B,ceil(T/64),S], contiguous; the backward wants it where there are bits
    void *o = nullptr;                   ///< [B,H,T,Dv]: written by the forward, read by the backward
    float *lse = nullptr;                ///< [B,H,T], contiguous, natural logarithm: likewise
    const void *gradO = nullptr;         ///< [B,H,T,Dv]; this and what follows for the backward alone
    float *delta = nullptr;              ///< [B,H,T], contiguous: written with gradQ, read for gradK and gradV
    void *gradQ = nullptr, *gradK = nullptr, *gradV = nullptr; ///< shaped like q, k and v
    Type type = Type::BFloat16;                                ///< of everything but lse and delta
    std::int64_t batch = 0, queries = 0, keys = 0, heads = 0, keyHeads = 1, width = 0, valueWidth = 0;
    std::int64_t offset = 0; ///< used without bits only
    std::uint32_t *tileMap = nullptr; ///< scratch of workspaceBytes for either direction; null: every block looks for itself which tiles are seen
    float scale = 1;                  ///< more than 0
    bool portable = false;   ///< only kernels for every card from sm_80 on, although this one has faster ones
    std::int64_t qStrides[3] = {}, kStrides[3] = {}, vStrides[3] = {}, oStrides[3] = {};
    std::int64_t gradOStrides[3] = {}, gradQStrides[3] = {}, gradKStrides[3] = {}, gradVStrides[3] = {};
};

/// Says in `why` (when given) what a launch would not take.
bool supported(const Params &params, const char **why = nullptr);
/// Bytes that tileMap should have; 0: leave it null.
std::size_t workspaceBytes(const Params &params);
/// Writes o and lse. Asynchronous on `stream`; two runs give the same bits.
cudaError_t launchForward(const Params &params, cudaStream_t stream);
/// Writes delta, gradQ, gradK and gradV; no atomics, so two runs give the same bits.
cudaError_t launchBackward(const Params &params, cudaStream_t stream);
/// The kernel of the forward, and the two of the backward with the larger figure of either.
cudaError_t describeForward(const Params &params, KernelInfo &info);
cudaError_t describeBackward(const Params &params, KernelInfo &info);

/// One instantiation: what a launch picks from.
struct Choice {
    void (*kernel)(Params);
    const char *name;
    int threads;
    std::size_t dynamicBytes;
};
template <class T>
Choice forwardChoice(const Params &params);
template <class T>
Choice queryGradientChoice(const Params &params);
template <class T>
Choice keyGradientChoice(const Params &params);

} // namespace dsa::launch::masked_attention
