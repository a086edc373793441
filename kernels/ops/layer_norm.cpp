#include "kernels/ops/layer_norm.h"

#include "kernels/ops/reference.h"

#include <ATen/ops/native_layer_norm.h>
#include <ATen/ops/native_layer_norm_backward.h>

namespace dsa {

namespace {

constexpr double kEpsilon = 1e-6;

} // namespace

KeyLayerNorm keyLayerNorm(const Tensor &x, const Tensor &weight, const Tensor &bias)
{
    const at::ScalarType type = reference::accumulateType(x.scalar_type());
    auto [out, mean, inverse] =
        at::native_layer_norm(x.to(type), {x.size(-1)}, weight.to(type), bias.to(type), kEpsilon);
    return {out, mean, inverse};
}

std::array<Tensor, 3> keyLayerNormBackward(const Tensor &grad, const Tensor &x, const Tensor &mean,
                                           const Tensor &inverseDeviation, const Tensor &weight, const Tensor &bias)
{
    const at::ScalarType type = reference::accumulateType(x.scalar_type());
    auto [gradX, gradWeight, gradBias] =
        at::native_layer_norm_backward(grad.to(type).contiguous(), x.to(type), {x.size(-1)}, mean, inverseDeviation,
                                       weight.to(type), bias.to(type), {true, true, true});
    return {gradX.to(x.scalar_type()), gradWeight.to(weight.scalar_type()), gradBias.to(bias.scalar_type())};
}

PreparePositions::PreparePositions(const Tensor &queries, const Tensor &keys, const Tensor &cos, const Tensor &sin)
{
    const std::int64_t rows = queries.size(1), first = keys.size(1) - rows;
    cosQueries = cos.narrow(0, first, rows).unsqueeze(1);
    sinQueries = sin.narrow(0, first, rows).unsqueeze(1);
}

} // namespace dsa
