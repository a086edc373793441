#pragma once

#include <ATen/core/Tensor.h>

// N tokens, E experts, R chosen a token, P = N R pairs of a token and an expert, D model width, M inner width of an expert
/// What stands between the matrix products of a mixture of experts and of a gated feed-forward, a kernel each way. Differentiable
/// where said; sums have a fixed order. Where a refusal says why not, the caller writes the same in tensor operations.
namespace dsa {

/// Null when the kernels take a router of these logits [N,E] and a model of rows x [N,D], else why not.
const char *expertsRefusal(const at::Tensor &logits, const at::Tensor &x, std::int64_t chosen, std::int64_t inner);
/// Null when gated() takes rows of this type and width.
const char *gatedRefusal(const at::Tensor &gate);

struct ExpertChoice {
    at::Tensor weights; ///< [N,R] fp32, differentiable in the logits
    at::Tensor experts; ///< [N,R] int64, best first; of equal ones the lower
    at::Tensor slots;   ///< [N,E] int32: place of the pair among all N R, -1 where not chosen
    at::Tensor loads;   ///< [E] fp32: tokens of each expert
};
/// Scores are sigmoid(logits); the R experts of highest score + bias, weighted by their scores, which `normalise` divides by
/// their sum, times `scale`. logits fp32 [N,E], bias fp32 [E].
ExpertChoice chooseExperts(const at::Tensor &logits, const at::Tensor &bias, std::int64_t chosen, bool normalise,
                           double scale);

struct ExpertOrder {
    at::Tensor places; ///< [P] int32: where a pair goes when pairs are sorted by expert, then by token
    at::Tensor order;  ///< [P] int32: which pair lies at a place
    at::Tensor ends;   ///< [E] int32: the place behind an expert's last
    at::Tensor pieces; ///< [E S] int32: the same for each expert's pairs in S pieces
};
ExpertOrder sortPairs(const at::Tensor &experts, std::int64_t count);

/// [P,D]: each token's row at the places of its pairs. Differentiable.
at::Tensor spreadRows(const at::Tensor &x, const at::Tensor &places);
/// [N,D]: the sum of the rows at the places of a token's pairs. Differentiable.
at::Tensor sumRows(const at::Tensor &x, const at::Tensor &places, std::int64_t tokens);

/// [P,F]: each expert's rows of x [P,D] times its weights [E,F,D] transposed, in bf16; x bf16. Differentiable; the gradient of the
/// weights is summed in their own type. Not every card reads the ends on the device (mixture_of_experts.cpp).
at::Tensor groupedProduct(const at::Tensor &x, const at::Tensor &weights, const ExpertOrder &order);

/// silu(first half) * second half of rows [rows,2M], times the weight at the row's slot; 0 at slot -1. Differentiable in both.
at::Tensor gatedPairs(const at::Tensor &x, const at::Tensor &weights, const at::Tensor &slots);
/// silu(gate) * up. Differentiable.
at::Tensor gated(const at::Tensor &gate, const at::Tensor &up);

} // namespace dsa
