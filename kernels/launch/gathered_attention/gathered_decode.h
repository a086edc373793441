#pragma once

#include "kernels/launch/gathered_attention/gathered_attention.h"

// B requests, T new queries of each, H heads, k slots of a list, P pages of the cache, N pages a request has at most
/// The same attention where the rows lie in pages of 64 of an e4m3 cache: a row is 656 bytes, 512 values in e4m3, four fp32 scales (powers of
/// two), one for each 128 of them, and 64 columns in bf16. Rows become bf16 without rounding before they are multiplied.
namespace dsa::launch::gathered_attention {

constexpr std::int64_t kPageKeys = 64, kCacheRowBytes = 656;

struct DecodeParams {
    const void *q = nullptr;              ///< [B T,H,576] bf16
    const void *pages = nullptr;          ///< [P,64,656] bytes, contiguous, on 16 bytes
    const std::int32_t *table = nullptr;  ///< [B,N], contiguous: position s of request b is row s % 64 of page table[b][s / 64]
    const std::int32_t *idx = nullptr;    ///< [B T,k], contiguous: positions; what lies in no page is no key
    std::int32_t *places = nullptr;       ///< [B T,k], scratch: rows of the cache
    std::int32_t *slots = nullptr;        ///< [B T], scratch: up to which slot a list has keys
    void *o = nullptr;                    ///< [B T,H,512] bf16
    float *lse = nullptr;                 ///< [B T,H], contiguous
    std::int64_t batch = 0, queriesEach = 0, heads = 0, width = kWidth, valueWidth = kValueWidth, k = 0, pageCount = 0, pagesEach = 0;
    float scale = 1; ///< more than 0
    std::int64_t qStrides[2] = {}, oStrides[2] = {};
};

/// Says in `why` (when given) what a launch would not take.
bool supported(const DecodeParams &params, const char **why = nullptr);
/// Writes o and lse. Asynchronous on `stream`; two runs give the same bits.
cudaError_t launchDecode(const DecodeParams &params, cudaStream_t stream);
/// The kernel that a launch would take.
cudaError_t describeDecode(const DecodeParams &params, KernelInfo &info);

Choice quantizedForwardChoice();

} // namespace dsa::launch::gathered_attention
