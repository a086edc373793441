#pragma once

#include "core/model/model_options.h"

#include <ATen/core/Tensor.h>

namespace sparsescope {

/// cos and sin of the rotated angles, [positions, rotated dims / 2], YaRN and its attention factor included (SPEC section 1).
/// Computed in fp32 (fp64 when asked for), whatever the model's type.
struct RotaryTables {
    at::Tensor cos, sin;
};
RotaryTables rotaryTables(const ModelOptions &options, std::int64_t positions, at::ScalarType type,
                          const at::Device &device);

} // namespace sparsescope
