#include "kernels/ops/embedding.h"
#include "kernels/ops/experts_kernel.h"
#include "kernels/ops/node_scope.h"
#include "kernels/ops/reference.h"
#include "kernels/ops/rms_norm_kernel.h"
#include "kernels/ops/token_loss.h"

#include <ATen/core/Reduction.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/_grouped_mm.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/empty.h>
#include <c10/util/Exception.h>
#include <torch/csrc/autograd/custom_function.h>

#include <optional>

// The gradients of embedding.h, experts.h, rms_norm.h and token_loss.h.
namespace dsa {

namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

struct Choose : Function<Choose> {
    static variable_list forward(AutogradContext *ctx, const Tensor &logits, const Tensor &bias, std::int64_t chosen,
                                 bool normalise, double scale)
    {
        const NodeScope scope(ctx);
        ctx->set_materialize_grads(false);
        const ExpertChoice choice = experts::choose(logits, bias, chosen, normalise, scale);
        ctx->save_for_backward({logits, choice.experts});
        ctx->saved_data["normalise"] = normalise;
        ctx->saved_data["scale"] = scale;
        ctx->mark_non_differentiable({choice.experts, choice.slots, choice.loads});
        return {choice.weights, choice.experts, choice.slots, choice.loads};
    }
    static variable_list backward(AutogradContext *ctx, const variable_list &grads)
    {
        refuseSecondDerivative("chooseExperts");
        const NodeScope scope(ctx);
        const auto saved = ctx->get_saved_variables();
        variable_list list(5);
        if (grads[0].defined()) {
            list[0] = experts::chooseBackward(grads[0], saved[0], saved[1], ctx->saved_data["normalise"].toBool(),
                                              ctx->saved_data["scale"].toDouble());
        }
        return list;
    }
};

struct Spread : Function<Spread> {
    static Tensor forward(AutogradContext *ctx, const Tensor &x, const Tensor &places)
    {
        const NodeScope scope(ctx);
        ctx->save_for_backward({places});
        ctx->saved_data["tokens"] = x.size(0);
        return experts::spread(x, places);
    }
    static variable_list backward(AutogradContext *ctx, const variable_list &grads)
    {
        refuseSecondDerivative("spreadRows");
        const NodeScope scope(ctx);
        return {experts::sum(grads[0], ctx->get_saved_variables()[0], ctx->saved_data["tokens"].toInt()), Tensor()};
    }
};

struct Sum : Function<Sum> {
    static Tensor forward(AutogradContext *ctx, const Tensor &x, const Tensor &places, std::int64_t tokens)
    {
        const NodeScope scope(ctx);
        ctx->save_for_backward({places});
        return experts::sum(x, places, tokens);
    }
    static variable_list backward(AutogradContext *ctx, const variable_list &grads)
    {
        refuseSecondDerivative("sumRows");
        const NodeScope scope(ctx);
        return {experts::spread(grads[0], ctx->get_saved_variables()[0]), Tensor(), Tensor()};
    }
};

struct GatedPairs : Function<GatedPairs> {
    static Tensor forward(AutogradContext *ctx, const Tensor &x, const Tensor &weights, const Tensor &slots)
    {
        const NodeScope scope(ctx);
        const Tensor rows = x.contiguous(), values = weights.contiguous(), places = slots.contiguous();
        ctx->save_for_backward({rows, values, places});
        const std::int64_t inner = rows.size(1) / 2;
        return experts::gate(rows.narrow(1, 0, inner), rows.narrow(1, inner, inner), values, places);
    }
    static variable_list backward(AutogradContext *ctx, const variable_list &grads)
    {
        refuseSecondDerivative("gatedPairs");
        const NodeScope scope(ctx);
        const auto saved = ctx->get_saved_variables();
        const std::int64_t inner = saved[0].size(1) / 2;
        const Tensor grad = at::empty(saved[0].sizes(), saved[0].options());
        const auto half = [&](const Tensor &x, std::int64_t first) { return x.narrow(1, first, inner); };
        const Tensor gradWeights = experts::gateBackward(grads[0], half(saved[0], 0), half(saved[0], inner), saved[1],
                                                         saved[2], half(grad, 0), half(grad, inner));
        return {grad, gradWeights, Tensor()};
    }
};

struct Gated : Function<Gated> {
    static Tensor forward(AutogradContext *ctx, const Tensor &gate, const Tensor &up)
    {
        const NodeScope scope(ctx);
        const Tensor first = gate.contiguous(), second = up.contiguous();
        ctx->save_for_backward({first, second});
        return experts::gate(first.flatten(0, -2), second.flatten(0, -2), {}, {}).view(first.sizes());
    }
    static variable_list backward(AutogradContext *ctx, const variable_list &grads)
    {
        refuseSecondDerivative("gated");
        const NodeScope scope(ctx);
        const auto saved = ctx->get_saved_variables();
        const Tensor gradGate = at::empty(saved[0].sizes(), saved[0].options()),
                     gradUp = at::empty(saved[0].sizes(), saved[0].options());
        experts::gateBackward(grads[0].flatten(0, -2), saved[0].flatten(0, -2), saved[1].flatten(0, -2), {}, {},
                              gradGate.flatten(0, -2), gradUp.flatten(0, -2));
        return {gradGate, gradUp};
    }
};

/// Outputs: the sum where something was added, the rows in full where wanted, the rows in bf16.
struct AddedNorm : Function<AddedNorm> {
    static variable_list forward(AutogradContext *ctx, const Tensor &x, const std::optional<Tensor> &branch,
                                 const Tensor &weight, double epsilon, bool wantFull)
    {
        const NodeScope scope(ctx);
        ctx->set_materialize_grads(false);
        const rms_norm::Rows rows = rms_norm::forward(x, branch.value_or(Tensor()), weight, epsilon, wantFull);
        ctx->save_for_backward({rows.sum.defined() ? rows.sum : x, rows.inverse, weight});
        ctx->saved_data["added"] = rows.sum.defined();
        ctx->saved_data["full"] = wantFull;
        variable_list outputs;
        for (const Tensor &part : {rows.sum, rows.full, rows.low}) {
            if (part.defined()) {
                outputs.push_back(part);
            }
        }
        return outputs;
    }
    static variable_list backward(AutogradContext *ctx, const variable_list &grads)
    {
        refuseSecondDerivative("addedRmsNorm");
        const NodeScope scope(ctx);
        const auto saved = ctx->get_saved_variables();
        const bool added = ctx->saved_data["added"].toBool(), full = ctx->saved_data["full"].toBool();
        const Tensor ofSum = added ? grads[0] : Tensor(), ofFull = full ? grads[added] : Tensor(),
                     &ofLow = grads.back();
        variable_list list(5);
        if (ofSum.defined() || ofFull.defined() || ofLow.defined()) {
            const rms_norm::Gradients result =
                rms_norm::backward(ofSum, ofFull, ofLow, saved[0], saved[1], saved[2], added);
            list[0] = result.x;
            list[1] = result.branch;
            list[2] = result.weight;
        }
        return list;
    }
};

struct OrderedEmbedding : Function<OrderedEmbedding> {
    static Tensor forward(AutogradContext *ctx, const Tensor &table, const Tensor &ids)
    {
        const NodeScope scope(ctx);
        ctx->save_for_backward({ids});
        ctx->saved_data["kinds"] = table.size(0);
        return at::embedding(table, ids);
    }
    static variable_list backward(AutogradContext *ctx, const variable_list &grads)
    {
        refuseSecondDerivative("embedding");
        const NodeScope scope(ctx);
        return {orderedEmbeddingGradient(grads[0], ctx->get_saved_variables()[0], ctx->saved_data["kinds"].toInt()),
                Tensor()};
    }
};

/// The gradient of the weights has one result a group, which is few: each group's rows are split in pieces and their results added.
struct GroupedProduct : Function<GroupedProduct> {
    static Tensor forward(AutogradContext *ctx, const Tensor &x, const Tensor &weights, const Tensor &ends,
                          const Tensor &pieces)
    {
        const NodeScope scope(ctx);
        const Tensor low = weights.to(x.scalar_type());
        ctx->save_for_backward({x, low, ends, pieces});
        ctx->saved_data["type"] = weights.scalar_type();
        return at::_grouped_mm(x, low.transpose(1, 2), ends);
    }
    static variable_list backward(AutogradContext *ctx, const variable_list &grads)
    {
        refuseSecondDerivative("groupedProduct");
        const NodeScope scope(ctx);
        const auto saved = ctx->get_saved_variables();
        const Tensor grad = grads[0].contiguous();
        const std::int64_t groups = saved[1].size(0);
        const Tensor parts = at::_grouped_mm(grad.t(), saved[0], saved[3]);
        return {
            at::_grouped_mm(grad, saved[1], saved[2]),
            parts.unflatten(0, {groups, parts.size(0) / groups}).sum(1, false, ctx->saved_data["type"].toScalarType()),
            Tensor(), Tensor()};
    }
};

/// The gradient comes with the loss; where the loss is the whole of it, its factor is 1 and nothing is left to do.
struct TokenLoss : Function<TokenLoss> {
    static Tensor forward(AutogradContext *ctx, const Tensor &logits, const Tensor &targets, bool wanted)
    {
        const NodeScope scope(ctx);
        const Tensor rows = logits.stride(1) == 1 ? logits : logits.contiguous(), places = targets.contiguous();
        const TokenLossRows result = tokenLossRows(rows, places, wanted);
        ctx->save_for_backward({result.gradient});
        ctx->saved_data["spent"] = false;
        return result.mean;
    }
    static variable_list backward(AutogradContext *ctx, const variable_list &grads)
    {
        refuseSecondDerivative("token_loss");
        TORCH_CHECK(!ctx->saved_data["spent"].toBool(),
                    "token_loss: its gradient was taken already and scaled in place; compute the loss again");
        const NodeScope scope(ctx);
        const Tensor gradient = ctx->get_saved_variables()[0];
        scaleTokenLossGradient(gradient, grads[0]);
        ctx->saved_data["spent"] = true;
        return {gradient, Tensor(), Tensor()};
    }
};

} // namespace

Tensor embedding(const Tensor &table, const Tensor &ids)
{
    return orderedEmbeddingRefusal(table, ids) ? at::embedding(table, ids) : OrderedEmbedding::apply(table, ids);
}

AddedRmsNorm addedRmsNorm(const Tensor &x, const Tensor &branch, const Tensor &weight, double epsilon, bool wantFull)
{
    const bool added = branch.defined();
    const variable_list parts =
        AddedNorm::apply(x, added ? std::optional(branch) : std::nullopt, weight, epsilon, wantFull);
    return {added ? parts[0] : x, wantFull ? parts[added] : Tensor(), parts.back()};
}

Tensor groupedProduct(const Tensor &x, const Tensor &weights, const ExpertOrder &order)
{
    return GroupedProduct::apply(x, weights, order.ends, order.pieces);
}

ExpertChoice chooseExperts(const Tensor &logits, const Tensor &bias, std::int64_t chosen, bool normalise, double scale)
{
    const variable_list parts = Choose::apply(logits, bias, chosen, normalise, scale);
    return {parts[0], parts[1], parts[2], parts[3]};
}

Tensor spreadRows(const Tensor &x, const Tensor &places) { return Spread::apply(x, places); }

Tensor sumRows(const Tensor &x, const Tensor &places, std::int64_t tokens) { return Sum::apply(x, places, tokens); }

Tensor gatedPairs(const Tensor &x, const Tensor &weights, const Tensor &slots)
{
    return GatedPairs::apply(x, weights, slots);
}

Tensor gated(const Tensor &gate, const Tensor &up) { return Gated::apply(gate, up); }

Tensor token_loss(const Tensor &logits, const Tensor &targets)
{
    TORCH_CHECK(logits.dim() == 2 && targets.dim() == 1 && logits.size(0) == targets.size(0) &&
                    targets.scalar_type() == at::kLong,
                "token_loss: logits must be [N,V] and targets int64 [N], got ", logits.sizes(), " and ",
                targets.sizes());
    if (!tokenLossRefusal(logits)) {
        return TokenLoss::apply(logits, targets, logits.requires_grad() && at::GradMode::is_enabled());
    }
    return at::cross_entropy_loss(logits.to(reference::accumulateType(logits.scalar_type())), targets, {},
                                  at::Reduction::Mean, -1);
}

} // namespace dsa
