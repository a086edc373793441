#pragma once

#include <ATen/core/Tensor.h>

// D width of a row
/// A residual sum and its norm by one kernel each way, where products take bf16 rows and everything else fp32 ones.
namespace dsa {

/// Null when the kernel takes x fp32 [..,D], branch bf16 [..,D] (or undefined) and weight fp32 [D], else why not.
const char *addedRmsNormRefusal(const at::Tensor &x, const at::Tensor &branch, const at::Tensor &weight);

struct AddedRmsNorm {
    at::Tensor sum;  ///< x + branch, fp32; x itself without a branch
    at::Tensor full; ///< weight sum / sqrt(mean(sum^2) + eps), fp32; undefined unless wanted
    at::Tensor low;  ///< the same in bf16
};
/// Differentiable in x, branch and weight; sums have a fixed order.
AddedRmsNorm addedRmsNorm(const at::Tensor &x, const at::Tensor &branch, const at::Tensor &weight, double epsilon,
                          bool wantFull);

} // namespace dsa
