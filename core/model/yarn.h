#pragma once

#include "core/base/config.h"

#include <optional>
#include <vector>

/// Rotation rates and YaRN's three factors in double precision (SPEC section 1; Peng et al., arXiv 2309.00071).
namespace sparsescope {

/// f_i of `dims` rotated dimensions (even), i = 0 .. dims/2 - 1; blended with f_i / factor where YaRN is given.
std::vector<double> rotaryFrequencies(int dims, double theta, const std::optional<YarnConfig> &yarn);

/// m(a) = 0.1 a ln F + 1; 1 when F <= 1.
double yarnMagnitude(double factor, double a);

/// What cos and sin are multiplied by: m(mscale) / m(mscale_all_dim) where both are given, else m(1).
double yarnAttentionFactor(const YarnConfig &yarn);

} // namespace sparsescope
