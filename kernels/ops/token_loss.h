#pragma once

#include "kernels/ops/dsa.h"

namespace dsa {

/// Mean cross-entropy of logits [N,V] over the rows whose target [N] (int64) is not negative; a [] tensor in the type of sums,
/// differentiable in the logits, once a forward. On a GPU by one kernel, which also makes the gradient; by the library elsewhere.
Tensor token_loss(const Tensor &logits, const Tensor &targets);

/// Null when the kernel takes the logits, else why not.
const char *tokenLossRefusal(const Tensor &logits);
/// For autograd.cpp; as the kernel gives them.
struct TokenLossRows {
    Tensor mean;     ///< []
    Tensor gradient; ///< like the logits: that of the mean; undefined unless wanted
};
TokenLossRows tokenLossRows(const Tensor &logits, const Tensor &targets, bool wantGradient);
/// gradient *= factor [], in place.
void scaleTokenLossGradient(const Tensor &gradient, const Tensor &factor);

} // namespace dsa
