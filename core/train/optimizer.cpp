#include "core/train/optimizer.h"

#include "core/base/error.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <optional>

namespace sparsescope {

Optimizer::Optimizer(std::vector<Group> groups, AdamOptions options)
    : m_options(options)
{
    for (Group &group : groups) {
        GroupState state{group.name, group.weightDecay, group.clip, {}};
        for (auto &[name, parameter] : group.parameters) {
            state.slots.push_back({name, parameter, at::zeros_like(parameter), at::zeros_like(parameter),
                                   at::zeros({}, parameter.options().dtype(at::kFloat))});
        }
        m_groups.push_back(std::move(state));
    }
}

void Optimizer::clearGradients()
{
    for (GroupState &group : m_groups) {
        for (Slot &slot : group.slots) {
            slot.parameter.mutable_grad() = at::Tensor();
        }
    }
}

const Optimizer::GroupState &Optimizer::group(const std::string &name) const
{
    const auto found = std::find_if(m_groups.begin(), m_groups.end(), [&](const auto &g) { return g.name == name; });
    if (found == m_groups.end()) {
        throw Failure({"the optimiser has no such group", name, "", "", ""});
    }
    return *found;
}

at::Tensor Optimizer::norm(const std::string &name) const
{
    const at::NoGradGuard noGrad;
    std::vector<at::Tensor> all;
    for (const Slot &slot : group(name).slots) {
        if (slot.parameter.grad().defined()) {
            all.push_back(slot.parameter.grad());
        }
    }
    return all.empty() ? at::Tensor() : at::linalg_vector_norm(at::stack(at::_foreach_norm(all)), 2);
}

void Optimizer::step(const std::string &name, const at::Tensor &rate, const at::Tensor &norm, const at::Tensor &skip)
{
    const at::NoGradGuard noGrad;
    const GroupState &state = group(name);
    // The fused step divides by this on its way through the gradients.
    const std::optional<at::Tensor> divisor =
        state.clip > 0 ? std::optional((norm + 1e-6).div_(state.clip).clamp_min_(1.0)) : std::nullopt;
    const at::Tensor one = skip.neg().add_(1);
    for (const bool decays : {true, false}) {
        std::vector<at::Tensor> parameters, gradients, averages, squares, counts;
        for (const Slot &slot : state.slots) {
            if (slot.parameter.grad().defined() && (slot.parameter.dim() >= 2) == decays) {
                parameters.push_back(slot.parameter);
                gradients.push_back(slot.parameter.grad());
                averages.push_back(slot.average);
                squares.push_back(slot.averageSquare);
                counts.push_back(slot.count);
            }
        }
        if (parameters.empty()) {
            continue;
        }
        at::_foreach_add_(counts, one);
        at::_fused_adamw_(parameters, gradients, averages, squares, {}, counts, rate, m_options.beta1, m_options.beta2,
                          decays ? state.weightDecay : 0.0, m_options.epsilon, /*amsgrad=*/false, /*maximize=*/false,
                          divisor, skip);
    }
}

std::vector<std::pair<std::string, at::Tensor>> Optimizer::state() const
{
    std::vector<std::pair<std::string, at::Tensor>> result;
    for (const GroupState &group : m_groups) {
        for (const Slot &slot : group.slots) {
            result.emplace_back("exp_avg." + slot.name, slot.average);
            result.emplace_back("exp_avg_sq." + slot.name, slot.averageSquare);
            result.emplace_back("step." + slot.name, slot.count);
        }
    }
    return result;
}

void Optimizer::restore(const std::map<std::string, at::Tensor> &state)
{
    at::NoGradGuard noGrad;
    for (auto &[name, tensor] : this->state()) {
        const auto found = state.find(name);
        if (found == state.end()) {
            throw Failure({"optimiser state is incomplete", name, "missing", "a tensor for every parameter",
                           "The checkpoint belongs to another model or is damaged."});
        }
        if (found->second.sizes() != tensor.sizes()) {
            throw Failure(
                {"optimiser state has the wrong shape", name, "", "", "The checkpoint belongs to another model."});
        }
        at::Tensor target = tensor;
        target.copy_(found->second);
    }
}

} // namespace sparsescope
