#include "core/model/rotary.h"

#include "core/model/yarn.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/outer.h>
#include <c10/core/GradMode.h>

#include <vector>

namespace sparsescope {

RotaryTables rotaryTables(const ModelOptions &options, std::int64_t positions, at::ScalarType type,
                          const at::Device &device)
{
    const c10::NoGradGuard noGrad;
    const at::ScalarType precision = type == at::kDouble ? at::kDouble : at::kFloat;
    std::vector<double> frequencies = rotaryFrequencies(options.rotaryDims(), options.ropeTheta, options.yarn);
    const double factor = options.yarn ? yarnAttentionFactor(*options.yarn) : 1.0;
    const at::Tensor rates = at::from_blob(frequencies.data(), {static_cast<std::int64_t>(frequencies.size())},
                                           at::TensorOptions().dtype(at::kDouble))
                                 .to(precision);
    const at::Tensor angles = at::outer(at::arange(positions, at::TensorOptions().dtype(precision)), rates);
    at::Tensor cos = angles.cos();
    at::Tensor sin = angles.sin();
    if (factor != 1.0) {
        cos.mul_(factor);
        sin.mul_(factor);
    }
    return {cos.to(device), sin.to(device)};
}

} // namespace sparsescope
