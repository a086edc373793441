#pragma once

#include "kernels/ops/dsa.h"

namespace dsa {

/// Mean cross-entropy of logits [N,V] over the rows whose target [N] (int64) is not negative; a [] tensor in the type of sums,
/// differentiable in the logits. By one kernel each way on a GPU, by the library elsewhere.
Tensor token_loss(const Tensor &logits, const Tensor &targets);

/// Null when the kernel takes the logits, else why not.
const char *tokenLossRefusal(const Tensor &logits);
/// For autograd.cpp; both as the kernel gives them.
struct TokenLossRows {
    Tensor lse, mean, share; ///< [N]; []; []: one over the number of rows that count
};
TokenLossRows tokenLossForward(const Tensor &logits, const Tensor &targets);
Tensor tokenLossBackward(const Tensor &gradient, const Tensor &logits, const Tensor &targets, const Tensor &lse,
                         const Tensor &share);

} // namespace dsa
