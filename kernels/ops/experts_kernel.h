#pragma once

#include "kernels/ops/experts.h"

/// The launches behind experts.h, without gradients.
namespace dsa::experts {

using at::Tensor;

ExpertChoice choose(const Tensor &logits, const Tensor &bias, std::int64_t chosen, bool normalise, double scale);
Tensor chooseBackward(const Tensor &gradWeights, const Tensor &logits, const Tensor &experts, bool normalise,
                      double scale);
Tensor spread(const Tensor &x, const Tensor &places);
Tensor sum(const Tensor &x, const Tensor &places, std::int64_t tokens);
/// gate and up [rows,M] with one distance between rows; weights and slots may be undefined together.
Tensor gate(const Tensor &gate, const Tensor &up, const Tensor &weights, const Tensor &slots);
/// Writes gradGate and gradUp, which share their distance of rows; returns that of the weights (undefined without them).
Tensor gateBackward(const Tensor &gradOut, const Tensor &gate, const Tensor &up, const Tensor &weights,
                    const Tensor &slots, const Tensor &gradGate, const Tensor &gradUp);

} // namespace dsa::experts
