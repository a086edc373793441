#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

// N tokens, E experts, R chosen a token, P = N R pairs of a token and an expert, D model width, M inner width of an expert
/// What stands between the matrix products of a mixture of experts, a kernel each way.
namespace dsa::launch::experts {

/// Scores sigmoid(logit); chosen are the R experts of highest score + bias, the lower one wins a tie; a weight is the score of
/// the chosen, divided by their sum where `normalise`, times `scale` (arXiv 2412.19437, section 2.1.2).
struct RouteParams {
    const float *logits = nullptr;   ///< [N,E], contiguous
    const float *bias = nullptr;     ///< [E]
    std::int64_t *experts = nullptr; ///< [N,R], best first
    float *weights = nullptr;        ///< [N,R]
    std::int32_t *slots = nullptr;   ///< [N,E]: place n R + r of the pair, -1 where not chosen
    float *loads = nullptr;          ///< [E]: tokens of each expert
    const float *gradWeights =
        nullptr;                 ///< [N,R]; this and the next for the backward alone, which reads logits and experts
    float *gradLogits = nullptr; ///< [N,E]
    std::int64_t tokens = 0, count = 0, chosen = 0;
    float scale = 1;
    bool normalise = true;
};
bool supported(const RouteParams &params, const char **why = nullptr);
cudaError_t launchRoute(const RouteParams &params, cudaStream_t stream);
cudaError_t launchRouteBackward(const RouteParams &params, cudaStream_t stream);

/// Pairs in the order of their experts, those of one expert in the order of the tokens.
struct SortParams {
    const std::int64_t *experts = nullptr; ///< [N,R]
    std::int32_t *scratch = nullptr;       ///< [sortScratch(P, E)]
    std::int32_t *places = nullptr;        ///< [P]: where pair n R + r goes
    std::int32_t *order = nullptr;         ///< [P]: which pair lies at a place
    std::int32_t *ends = nullptr;          ///< [E]: the place behind an expert's last
    std::int32_t *pieces = nullptr;        ///< [E,S]: the same, each expert's pairs in S pieces of about one size
    std::int64_t pairs = 0, count = 0, pieceCount = 1;
};
std::int64_t sortScratch(std::int64_t pairs, std::int64_t experts);
cudaError_t launchSort(const SortParams &params, cudaStream_t stream);

/// Rows of bf16, their width a multiple of 8, contiguous.
struct RowsParams {
    const void *from = nullptr;
    void *to = nullptr;
    const std::int32_t *places = nullptr; ///< [P]
    std::int64_t tokens = 0, chosen = 0, width = 0;
};
/// to[places[n R + r]] = from[n].
cudaError_t launchSpread(const RowsParams &params, cudaStream_t stream);
/// to[n] = sum_r from[places[n R + r]], summed in fp32 in the order of r.
cudaError_t launchSum(const RowsParams &params, cudaStream_t stream);

/// out = weight silu(gate) up, rows of bf16; the backward from gradOut. Without slots every weight is 1.
struct GatedParams {
    const void *gate = nullptr, *up = nullptr; ///< [rows,M], rows `stride` apart, on 16 bytes
    const float *weights = nullptr;            ///< of the pairs
    const std::int32_t *slots = nullptr; ///< [rows]: place of a row's weight; -1: the row counts 0 and is not read
    void *out = nullptr;                 ///< [rows,M], contiguous
    const void *gradOut = nullptr;       ///< [rows,M], contiguous; this and what follows for the backward alone
    void *gradGate = nullptr, *gradUp = nullptr; ///< rows `gradStride` apart
    float *gradWeights = nullptr;                ///< of the pairs; each has one row
    std::int64_t rows = 0, width = 0, stride = 0, gradStride = 0;
};
cudaError_t launchGated(const GatedParams &params, cudaStream_t stream);
cudaError_t launchGatedBackward(const GatedParams &params, cudaStream_t stream);

} // namespace dsa::launch::experts
