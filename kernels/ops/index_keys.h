#pragma once

#include "kernels/ops/dsa.h"

#include <array>

namespace dsa {

/// The indexer's keys ready for the scores, in the type of x: LayerNorm, then rotary positions (SPEC section 3). By one kernel
/// in bf16 on a GPU, else in plain tensor operations. x [B,S,D], weight and bias [D], cos and sin [S,rot/2].
Tensor preparedKeys(const Tensor &x, const Tensor &weight, const Tensor &bias, const Tensor &cos, const Tensor &sin,
                    RopeStyle style);
/// Gradients in x, weight, bias.
std::array<Tensor, 3> preparedKeysBackward(const Tensor &grad, const Tensor &x, const Tensor &weight,
                                           const Tensor &bias, const Tensor &cos, const Tensor &sin, RopeStyle style);

} // namespace dsa
