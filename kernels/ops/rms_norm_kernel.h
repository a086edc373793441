#pragma once

#include "kernels/ops/rms_norm.h"

/// The launches behind rms_norm.h, without gradients.
namespace dsa::rms_norm {

using at::Tensor;

struct Rows {
    Tensor sum, full, low, inverse; ///< sum undefined without a branch, full unless wanted
};
Rows forward(const Tensor &x, const Tensor &branch, const Tensor &weight, double epsilon, bool wantFull);

struct Gradients {
    Tensor x, branch, weight; ///< branch undefined unless wanted
};
/// Gradients that are undefined count 0.
Gradients backward(const Tensor &gradSum, const Tensor &gradFull, const Tensor &gradLow, const Tensor &sum,
                   const Tensor &inverse, const Tensor &weight, bool wantBranch);

} // namespace dsa::rms_norm
