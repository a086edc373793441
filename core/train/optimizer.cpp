#include "core/train/optimizer.h"

#include "core/base/error.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

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

at::Tensor Optimizer::step(const std::string &groupName, double learningRate)
{
    at::NoGradGuard noGrad;
    at::Tensor norm;
    for (GroupState &group : m_groups) {
        if (group.name != groupName) {
            continue;
        }
        std::vector<at::Tensor> all;
        for (const Slot &slot : group.slots) {
            if (slot.parameter.grad().defined()) {
                all.push_back(slot.parameter.grad());
            }
        }
        if (all.empty()) {
            continue;
        }
        norm = at::linalg_vector_norm(at::stack(at::_foreach_norm(all)), 2);
        if (group.clip > 0) {
            at::_foreach_mul_(all, (group.clip / (norm + 1e-6)).clamp_max(1.0));
        }
        for (const bool decays : {true, false}) {
            std::vector<at::Tensor> parameters, gradients, averages, squares, counts;
            for (const Slot &slot : group.slots) {
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
            at::_foreach_add_(counts, 1);
            at::_fused_adamw_(parameters, gradients, averages, squares, {}, counts, learningRate, m_options.beta1,
                              m_options.beta2, decays ? group.weightDecay : 0.0, m_options.epsilon,
                              /*amsgrad=*/false, /*maximize=*/false);
        }
    }
    return norm;
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
