#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

// B batch, c queries of a chunk, n keys, H attention heads, Hi indexer heads
/// The indexer's loss from products that exist already: for each row the teacher (mean over heads of the attention's probabilities,
/// L1-normalised), the student (softmax of the index scores over the same keys), their KL, and the gradients of its sum in the
/// index products and weights (SPEC section 7).
namespace dsa::launch::index_kl {

enum class Type { Float, BFloat16, Half };

struct Params {
    const float *scores = nullptr;          ///< [B,H,c,n], contiguous: q . k of the attention
    const float *dots = nullptr;            ///< [B,c,Hi,n], contiguous: q . k of the indexer
    const float *weights = nullptr;         ///< [B,c,Hi], rows contiguous
    const float *lse = nullptr;             ///< [B,H,c]: log-sum-exp of the attention that ran
    const float *lseSelected = nullptr;     ///< [B,c]: of the index scores over the set; null: worked out here
    const std::int64_t *bits = nullptr;     ///< [B,c,words], rows contiguous: the set; null: every visible key
    const std::int32_t *phase = nullptr;    ///< [] on the device; null: 0
    float *rows = nullptr, *used = nullptr; ///< [B,c]: KL and whether the row counts (1 or 0)
    float *gradWeights = nullptr;           ///< [B,c,Hi], contiguous; null: no gradients wanted
    void *gradDots = nullptr;               ///< [B,c,Hi,n], contiguous, of `type`
    Type type = Type::Float;
    std::int64_t batch = 0, queries = 0, keys = 0, heads = 0, indexHeads = 0;
    std::int64_t offset = 0;    ///< without bits row t sees keys s <= t + offset
    std::int64_t firstRow = 0;  ///< place of row 0 among all queries
    std::int64_t rowStride = 1; ///< only 64-query blocks b with b % rowStride == phase count
    std::int64_t weightStrides[2] = {}, lseStrides[2] = {},
                 bitStrides[2] = {};                                    ///< in elements, the last dimension left out
    std::int64_t lseSelectedStride = 0, rowsStride = 0, usedStride = 0; ///< of the batch
    float scale = 1;
};

/// Says in `why` (when given) what a launch would not take.
bool supported(const Params &params, const char **why = nullptr);
/// Asynchronous on `stream`; two runs give the same bits.
cudaError_t launch(const Params &params, cudaStream_t stream);

} // namespace dsa::launch::index_kl
