#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

// B batch, T queries, S keys
/// Packs a mask into the two bitmasks of a Selection, rows cut to the visible keys, and counts each row.
namespace dsa::launch::pack_bits {

struct Params {
    const bool *mask = nullptr;    ///< [B,T,S], contiguous
    std::int64_t *bits = nullptr;  ///< [B,T,ceil(S/64)], contiguous: bit s%64 of word s/64
    std::int64_t *bitsT = nullptr; ///< [B,ceil(T/64),S], contiguous: bit t%64 of word t/64
    std::int32_t *count = nullptr; ///< [B,T], contiguous; zero before the launch
    std::int64_t batch = 0, queries = 0, keys = 0;
    std::int64_t offset = 0; ///< query t sees keys s <= t + offset
};

/// Says in `why` (when given) what a launch would not take.
bool supported(const Params &params, const char **why = nullptr);
/// Asynchronous on `stream`; two runs give the same bits.
cudaError_t launch(const Params &params, cudaStream_t stream);

} // namespace dsa::launch::pack_bits
