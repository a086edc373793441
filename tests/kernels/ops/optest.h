#pragma once

#include "kernels/ops/dsa.h"

#include <ATen/core/Tensor.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/grad_mode.h>
#include <ATen/core/stack.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

/// What every operation is held to, whatever it computes.
namespace optest {

using at::Tensor;

inline Tensor randn(at::IntArrayRef sizes, at::ScalarType type = at::kDouble)
{
    return at::randn(sizes, at::TensorOptions().dtype(at::kDouble)).to(type);
}

/// ||a - b|| / ||b|| in float64; a NaN in either, an infinity in only one of them, or different shapes give infinity.
inline double relativeError(const Tensor &a, const Tensor &b)
{
    if (a.sizes() != b.sizes()) {
        return INFINITY;
    }
    const Tensor x = a.detach().cpu().to(at::kDouble), y = b.detach().cpu().to(at::kDouble);
    const Tensor infinite = y.isinf();
    if (x.isnan().any().item().toBool() || y.isnan().any().item().toBool() || !x.isinf().equal(infinite) ||
        !x.masked_fill(infinite.logical_not(), 0).equal(y.masked_fill(infinite.logical_not(), 0))) {
        return INFINITY;
    }
    const Tensor p = x.masked_fill(infinite, 0), q = y.masked_fill(infinite, 0);
    const double size = q.norm().item().toDouble(), difference = p.sub(q).norm().item().toDouble();
    return size > 0 ? difference / size : difference;
}

inline double largestDifference(const Tensor &a, const Tensor &b)
{
    const double value =
        a.numel() == 0
            ? 0
            : a.detach().cpu().to(at::kDouble).sub(b.detach().cpu().to(at::kDouble)).abs().max().item().toDouble();
    return std::isnan(value) ? INFINITY : value;
}

/// Equal bit for bit, NaN and the sign of zero included.
inline bool identical(const Tensor &a, const Tensor &b)
{
    if (a.sizes() != b.sizes() || a.scalar_type() != b.scalar_type()) {
        return false;
    }
    const Tensor x = a.detach().cpu().contiguous(), y = b.detach().cpu().contiguous();
    return std::memcmp(x.const_data_ptr(), y.const_data_ptr(), x.nbytes()) == 0;
}

using TensorFunction = std::function<Tensor(const std::vector<Tensor> &)>;

/// Gradients of sum(weight * f) by autograd.
inline std::vector<Tensor> gradients(const TensorFunction &f, const std::vector<Tensor> &inputs, const Tensor &weight)
{
    std::vector<Tensor> leaves;
    for (const Tensor &input : inputs) {
        leaves.push_back(input.detach().clone().requires_grad_());
    }
    const Tensor out = f(leaves);
    out.mul(weight.to(out.scalar_type()).to(out.device())).sum().backward();
    std::vector<Tensor> result;
    for (const Tensor &leaf : leaves) {
        result.push_back(leaf.grad().defined() ? leaf.grad() : at::zeros(leaf.sizes(), leaf.options()));
    }
    return result;
}

/// Largest deviation of autograd from central differences, relative to the largest gradient entry; fp64 inputs.
inline double gradcheck(const TensorFunction &f, const std::vector<Tensor> &inputs, double step = 1e-6)
{
    Tensor weight;
    {
        const at::NoGradGuard guard;
        weight = randn(f(inputs).sizes());
    }
    const std::vector<Tensor> found = gradients(f, inputs, weight);
    const at::NoGradGuard guard;
    double worst = 0;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        std::vector<Tensor> moved = inputs;
        moved[i] = inputs[i].detach().clone(at::MemoryFormat::Contiguous);
        double *values = moved[i].mutable_data_ptr<double>();
        Tensor expected = at::zeros(inputs[i].sizes(), inputs[i].options());
        for (std::int64_t e = 0; e < moved[i].numel(); ++e) {
            const double old = values[e];
            values[e] = old + step;
            const double up = f(moved).mul(weight).sum().item().toDouble();
            values[e] = old - step;
            const double down = f(moved).mul(weight).sum().item().toDouble();
            values[e] = old;
            expected.mutable_data_ptr<double>()[e] = (up - down) / (2 * step);
        }
        const double scale = std::max(1e-3, expected.abs().max().item().toDouble());
        worst = std::max(worst, largestDifference(found[i], expected) / scale);
    }
    return worst;
}

/// What Python's opcheck looks at: no input is changed, the Meta kernel foretells shape, type and strides of every output.
/// Returns what is wrong, or an empty text.
inline std::string checkSchema(const char *name, const std::vector<c10::IValue> &arguments)
{
    const auto op = c10::Dispatcher::singleton().findSchemaOrThrow(name, "");
    torch::jit::Stack real, meta;
    std::vector<std::pair<Tensor, Tensor>> before;
    for (const c10::IValue &argument : arguments) {
        real.push_back(argument);
        if (argument.isTensor() && argument.toTensor().defined()) {
            before.emplace_back(argument.toTensor(), argument.toTensor().detach().clone());
            meta.push_back(argument.toTensor().detach().to(at::kMeta));
        } else {
            meta.push_back(argument);
        }
    }
    op.callBoxed(&real);
    op.callBoxed(&meta);
    for (const auto &[now, then] : before) {
        if (!identical(now, then)) {
            return std::string(name) + " changed an input";
        }
    }
    if (real.size() != op.schema().returns().size() || meta.size() != real.size()) {
        return std::string(name) + " returns another number of outputs than its schema says";
    }
    for (std::size_t i = 0; i < real.size(); ++i) {
        const Tensor &a = real[i].toTensor(), &b = meta[i].toTensor();
        if (a.sizes() != b.sizes() || a.scalar_type() != b.scalar_type() || a.strides() != b.strides()) {
            return std::string(name) + " output " + std::to_string(i) + " differs from its Meta kernel";
        }
        for (const auto &[now, then] : before) {
            if (a.numel() > 0 && a.is_alias_of(now)) {
                return std::string(name) + " returns an alias of an input";
            }
        }
    }
    return {};
}

/// The text of the c10::Error that `call` throws, or an empty text.
inline std::string errorOf(const std::function<void()> &call)
{
    try {
        call();
    } catch (const c10::Error &error) {
        return error.what_without_backtrace();
    }
    return {};
}

} // namespace optest
