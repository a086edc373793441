#include "core/model/layer_parts.h"

#include "kernels/ops/experts.h"
#include "kernels/ops/rms_norm.h"

#include <ATen/TensorOperators.h>
#include <ATen/autocast_mode.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/rms_norm.h>
#include <ATen/ops/silu.h>

#include <cmath>

namespace sparsescope {

at::Tensor inFullPrecision(const at::Tensor &x) { return x.scalar_type() == at::kDouble ? x : x.to(at::kFloat); }

at::Tensor forProducts(const at::Tensor &x)
{
    const bool lower = x.is_cuda() && x.scalar_type() == at::kFloat && at::autocast::is_autocast_enabled(at::kCUDA);
    return lower ? x.to(at::autocast::get_autocast_dtype(at::kCUDA)) : x;
}

at::Tensor rmsNorm(const at::Tensor &x, const at::Tensor &weight, double eps)
{
    const NoAutocast noAutocast;
    const at::SymInt width = x.sym_size(-1);
    if (x.scalar_type() == weight.scalar_type()) {
        return at::rms_norm_symint(x, width, weight, eps);
    }
    return at::rms_norm_symint(x.to(weight.scalar_type()), width, weight, eps).to(x.scalar_type());
}

NormedSum addAndNorm(const at::Tensor &h, const at::Tensor &branch, const at::Tensor &weight, double eps,
                     bool needsFull)
{
    const bool lower = h.is_cuda() && at::autocast::is_autocast_enabled(at::kCUDA) &&
                       at::autocast::get_autocast_dtype(at::kCUDA) == at::kBFloat16;
    if (lower && !dsa::addedRmsNormRefusal(h, branch, weight)) {
        const dsa::AddedRmsNorm result = dsa::addedRmsNorm(h, branch, weight, eps, needsFull);
        return {result.sum, {result.full, result.low}};
    }
    const at::Tensor sum = branch.defined() ? h + branch : h;
    return {sum, rmsNorm(sum, weight, eps)};
}

Initialisation projectionStart(std::int64_t fanIn, int residualLayers)
{
    const double shrink = residualLayers > 0 ? std::sqrt(2.0 * residualLayers) : 1.0;
    return {Initialisation::Kind::Normal, 1.0 / (std::sqrt(static_cast<double>(fanIn)) * shrink)};
}

GatedMlp::GatedMlp(Parameters &parameters, const std::string &prefix, int width, int inner, int layers)
    : m_gate(parameters.add(prefix + "gate_proj.weight", {inner, width}, projectionStart(width)))
    , m_up(parameters.add(prefix + "up_proj.weight", {inner, width}, projectionStart(width)))
    , m_down(parameters.add(prefix + "down_proj.weight", {width, inner}, projectionStart(inner, layers)))
{}

at::Tensor GatedMlp::forward(const at::Tensor &x) const
{
    const at::Tensor input = forProducts(x), gate = at::linear(input, m_gate), up = at::linear(input, m_up);
    return at::linear(dsa::gatedRefusal(gate) ? at::silu(gate) * up : dsa::gated(gate, up), m_down);
}

} // namespace sparsescope
