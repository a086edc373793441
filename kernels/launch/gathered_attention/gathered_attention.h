#pragma once

#include "kernels/launch/kernel_info.h"

#include <cuda_runtime_api.h>

#include <cstdint>

// T queries, S keys, H heads, k slots of a list
/// Softmax attention of every query over the rows of one table that its list names; all heads share the list and the table, whose
/// first 512 columns are the values (absorbed MLA: 576 wide, 512 of them values). A slot that is negative or not below S is no key.
///   p[h,s] = exp(scale q[h].kv[s] - lse[h]),  lse[h] = log sum_s exp(scale q[h].kv[s]),  o[h] = sum_s p[h,s] kv[s][:512]
/// A sink enlarges the denominator of o alone: o = that / (1 + exp(sink - lse)). A query without a key: o = 0, lse = -inf, gradients 0.
namespace dsa::launch::gathered_attention {

constexpr std::int64_t kWidth = 576, kValueWidth = 512;

/// bf16 throughout but for sums; strides in elements, a multiple of 8, the unit last stride left out; rows start on 16 bytes.
struct Params {
    const void *q = nullptr;           ///< [T,H,576]
    const void *kv = nullptr;          ///< [S,576]
    const std::int32_t *idx = nullptr; ///< [T,k], contiguous
    const float *sink = nullptr;       ///< [H]; null: none
    void *o = nullptr;                 ///< [T,H,512]: written by the forward, read by the backward
    float *lse = nullptr;              ///< [T,H], contiguous; written by the forward
    std::int32_t *slots = nullptr;     ///< [T], scratch of either direction: up to which slot a list has keys
    const float *norm =
        nullptr; ///< [T,H]: lse, or log(exp lse + exp sink); this and what follows for the backward alone
    const void *gradO = nullptr; ///< [T,H,512]
    float *delta = nullptr;      ///< [T,H], contiguous: written, sum of gradO o
    void *gradQ = nullptr;       ///< [T,H,576], written
    float *gradKv = nullptr;     ///< [S,576], contiguous, on 16 bytes: added to
    std::int64_t queries = 0, keys = 0, heads = 0, width = kWidth, valueWidth = kValueWidth, k = 0;
    float scale = 1; ///< more than 0
    std::int64_t qStrides[2] = {}, kvStride = 0, oStrides[2] = {}, gradOStrides[2] = {}, gradQStrides[2] = {};
};

/// Says in `why` (when given) what a launch would not take.
bool supported(const Params &params, const char **why = nullptr);
/// Writes o and lse. Asynchronous on `stream`; two runs give the same bits.
cudaError_t launchForward(const Params &params, cudaStream_t stream);
/// Writes delta and gradQ and adds to gradKv; the latter in the order of arrival, so two runs may differ in the last bits.
cudaError_t launchBackward(const Params &params, cudaStream_t stream);
/// The kernel that a launch would take.
cudaError_t describeForward(const Params &params, KernelInfo &info);
cudaError_t describeBackward(const Params &params, KernelInfo &info);

/// One instantiation: what a launch picks from.
struct Choice {
    void (*kernel)(Params);
    const char *name;
    int threads;
    std::size_t dynamicBytes;
};
Choice forwardChoice();
Choice backwardChoice(const Params &params);

} // namespace dsa::launch::gathered_attention
