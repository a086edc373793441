#pragma once

#include <ATen/core/Tensor.h>

#include <array>

namespace dsa {

/// Each gradient times `factor`, one number on the same device, then rounded to the type beside it: what a loss that computes its gradients
/// with itself does in its backward. One launch for all of them on a card; the product is taken in fp32, as the plain path does.
std::array<at::Tensor, 3> scaledGradients(const std::array<at::Tensor, 3> &gradients, const at::Tensor &factor,
                                          const std::array<at::ScalarType, 3> &types);

} // namespace dsa
