#include "kernels/ops/attention_kernel.h"
#include "kernels/ops/checks.h"
#include "kernels/ops/dispatch.h"
#include "kernels/ops/fused_dense.h"
#include "kernels/ops/gathered_kernel.h"
#include "kernels/ops/index_keys.h"
#include "kernels/ops/layer_norm.h"
#include "kernels/ops/node_scope.h"
#include "kernels/ops/plain_path.h"
#include "kernels/ops/reference.h"
#include "kernels/ops/rotary.h"
#include "kernels/ops/scaled_gradients.h"

#include <ATen/core/grad_mode.h>
#include <c10/util/Exception.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

// The gradients of the operations. Only this file and autograd_layers.cpp include custom_function.h: it is slow to compile.
namespace dsa::dispatch {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

variable_list padded(std::initializer_list<Tensor> gradients, std::size_t arguments)
{
    variable_list list(gradients);
    list.resize(arguments);
    return list;
}

struct IndexScores : Function<IndexScores> {
    static Tensor forward(AutogradContext *ctx, const Tensor &q, const Tensor &k, const Tensor &w, std::int64_t offset)
    {
        const NodeScope scope(ctx);
        ctx->save_for_backward({q, k, w});
        ctx->saved_data["offset"] = offset;
        return index_scores(q, k, w, offset);
    }
    static variable_list backward(AutogradContext *ctx, const variable_list &grads)
    {
        refuseSecondDerivative("index_scores");
        const NodeScope scope(ctx);
        const auto saved = ctx->get_saved_variables();
        const auto [q, k, w] =
            reference::indexScoresBackward(grads[0], saved[0], saved[1], saved[2], ctx->saved_data["offset"].toInt());
        return padded({q, k, w}, 4);
    }
};

struct MaskedAttention : Function<MaskedAttention> {
    static variable_list forward(AutogradContext *ctx, const Tensor &q, const Tensor &k, const Tensor &v,
                                 const Tensor &bits, const Maybe &bitsT, std::optional<double> scale,
                                 bool deterministic)
    {
        const NodeScope scope(ctx);
        ctx->set_materialize_grads(false);
        const auto [o, lse] = masked_attention(q, k, v, bits, bitsT, scale, deterministic);
        ctx->save_for_backward({q, k, v, o, lse, bits, bitsT.value_or(Tensor())});
        ctx->saved_data["scale"] = plain::scaleOr(scale, q.size(3));
        ctx->mark_non_differentiable({lse});
        return {o, lse};
    }
    static variable_list backward(AutogradContext *ctx, const variable_list &grads)
    {
        refuseSecondDerivative("masked_attention");
        const NodeScope scope(ctx);
        const auto saved = ctx->get_saved_variables();
        if (!grads[0].defined()) {
            return variable_list(7);
        }
        const auto [q, k, v] = attentionBackward(grads[0], saved[0], saved[1], saved[2], saved[3], saved[4],
                                                 {saved[5], saved[6]}, ctx->saved_data["scale"].toDouble());
        return padded({q, k, v}, 7);
    }
};

struct DenseAttention : Function<DenseAttention> {
    static variable_list forward(AutogradContext *ctx, const Tensor &q, const Tensor &k, const Tensor &v,
                                 std::optional<double> scale, std::int64_t offset)
    {
        const NodeScope scope(ctx);
        ctx->set_materialize_grads(false);
        const double factor = plain::scaleOr(scale, q.size(3));
        checks::attention("dense_attention", q, k, v);
        FusedDense result;
        if (const std::int64_t kind = fusedDenseKind(q, k, v, factor, offset)) {
            result = fusedDense(kind, q, k, v, factor);
        } else {
            std::tie(result.o, result.lse) = dense_attention(q, k, v, scale, offset);
            result.rawLse = result.lse;
        }
        ctx->save_for_backward({q, k, v, result.o, result.rawLse, result.seed, result.offset, result.lse});
        ctx->saved_data["kind"] = result.kind;
        ctx->saved_data["sizes"] = std::vector<std::int64_t>{result.maxQueries, result.maxKeys};
        ctx->saved_data["scale"] = factor;
        ctx->saved_data["offset"] = offset;
        ctx->mark_non_differentiable({result.lse});
        return {result.o, result.lse};
    }
    static variable_list backward(AutogradContext *ctx, const variable_list &grads)
    {
        refuseSecondDerivative("dense_attention");
        const NodeScope scope(ctx);
        const auto saved = ctx->get_saved_variables();
        if (!grads[0].defined()) {
            return variable_list(5);
        }
        const double scale = ctx->saved_data["scale"].toDouble();
        const std::int64_t kind = ctx->saved_data["kind"].toInt();
        if (kind != 0 && !ordersGradients(saved[0], saved[1], saved[2])) {
            const auto sizes = ctx->saved_data["sizes"].toIntVector();
            const FusedDense fused{kind, saved[3], {}, saved[4], saved[5], saved[6], sizes[0], sizes[1]};
            const auto [q, k, v] = fusedDenseBackward(fused, grads[0], saved[0], saved[1], saved[2], scale);
            return padded({q, k, v}, 5);
        }
        const auto [q, k, v] = attentionBackward(grads[0], saved[0], saved[1], saved[2], saved[3], saved[7],
                                                 {{}, {}, ctx->saved_data["offset"].toInt()}, scale);
        return padded({q, k, v}, 5);
    }
};

/// The loss is a scalar, so its gradients are computed with it and only multiplied in the backward.
struct IndexKl : Function<IndexKl> {
    static variable_list forward(AutogradContext *ctx, const Tensor &qi, const Tensor &ki, const Tensor &w,
                                 const Tensor &q, const Tensor &k, const Tensor &lse, const Maybe &bits,
                                 const Maybe &bitsT, const Maybe &lseSelected, std::optional<double> scale,
                                 std::int64_t target, std::int64_t rowStride, const Maybe &phase)
    {
        const NodeScope scope(ctx);
        ctx->set_materialize_grads(false);
        const auto [loss, rows, gradQ, gradK, gradW] =
            index_kl_with_gradients(qi, ki, w, q, k, lse, bits, bitsT, lseSelected, scale, target, rowStride, phase);
        ctx->save_for_backward({gradQ, gradK, gradW});
        ctx->saved_data["type"] = qi.scalar_type();
        ctx->saved_data["type_w"] = w.scalar_type();
        ctx->mark_non_differentiable({rows});
        return {loss, rows};
    }
    static variable_list backward(AutogradContext *ctx, const variable_list &grads)
    {
        refuseSecondDerivative("index_kl");
        const NodeScope scope(ctx);
        const auto saved = ctx->get_saved_variables();
        if (!grads[0].defined()) {
            return variable_list(13);
        }
        const at::ScalarType type = ctx->saved_data["type"].toScalarType(),
                             typeW = ctx->saved_data["type_w"].toScalarType();
        const auto [qi, ki, w] = scaledGradients({saved[0], saved[1], saved[2]}, grads[0], {type, type, typeW});
        return padded({qi, ki, w}, 13);
    }
};

struct GatheredAttention : Function<GatheredAttention> {
    static variable_list forward(AutogradContext *ctx, const Tensor &q, const Tensor &kv, const Tensor &idx,
                                 std::int64_t dv, std::optional<double> scale, const Maybe &sink, bool deterministic)
    {
        const NodeScope scope(ctx);
        ctx->set_materialize_grads(false);
        const auto [o, lse] = gathered_attention(q, kv, idx, dv, scale, sink, deterministic);
        ctx->save_for_backward({q, kv, idx, sink.value_or(Tensor()), o, lse});
        ctx->saved_data["dv"] = dv;
        ctx->saved_data["scale"] = plain::scaleOr(scale, q.size(2));
        ctx->saved_data["deterministic"] = deterministic;
        ctx->mark_non_differentiable({lse});
        return {o, lse};
    }
    static variable_list backward(AutogradContext *ctx, const variable_list &grads)
    {
        refuseSecondDerivative("gathered_attention");
        const NodeScope scope(ctx);
        const auto saved = ctx->get_saved_variables();
        if (!grads[0].defined()) {
            return variable_list(7);
        }
        const GatheredForward forward{saved[0],
                                      saved[1],
                                      saved[2],
                                      saved[3],
                                      saved[4],
                                      saved[5],
                                      ctx->saved_data["dv"].toInt(),
                                      ctx->saved_data["scale"].toDouble()};
        const auto [q, kv, sink] = gatheredBackward(grads[0], forward, ctx->saved_data["deterministic"].toBool());
        variable_list list(7);
        list[0] = q;
        list[1] = kv;
        list[5] = sink;
        return list;
    }
};

struct IndexPrepare : Function<IndexPrepare> {
    static variable_list forward(AutogradContext *ctx, const Tensor &qiRaw, const Tensor &kiRaw, const Tensor &lnWeight,
                                 const Tensor &lnBias, const Tensor &cos, const Tensor &sin, std::int64_t style,
                                 bool hadamard)
    {
        const NodeScope scope(ctx);
        ctx->set_materialize_grads(false);
        const auto [q, k] = index_prepare(qiRaw, kiRaw, lnWeight, lnBias, cos, sin, style, hadamard);
        ctx->save_for_backward({qiRaw, kiRaw, lnWeight, lnBias, cos, sin});
        ctx->saved_data["style"] = style;
        ctx->saved_data["hadamard"] = hadamard;
        return {q, k};
    }
    static variable_list backward(AutogradContext *ctx, const variable_list &grads)
    {
        refuseSecondDerivative("index_prepare");
        const NodeScope scope(ctx);
        const auto saved = ctx->get_saved_variables();
        const auto style = static_cast<RopeStyle>(ctx->saved_data["style"].toInt());
        const bool hadamard = ctx->saved_data["hadamard"].toBool();
        const Tensor &qiRaw = saved[0], &kiRaw = saved[1], &cos = saved[4], &sin = saved[5];
        variable_list list(8);
        // The Hadamard matrix is symmetric and orthogonal, a rotation's gradient is the rotation back.
        if (grads[0].defined()) {
            const PreparePositions positions(qiRaw, kiRaw, cos, sin);
            list[0] = rotated(hadamard ? reference::hadamard(grads[0]) : grads[0], positions.cosQueries,
                              positions.sinQueries, style, true);
        }
        if (grads[1].defined()) {
            // As the keys came: only before the Hadamard product are they wide.
            const Tensor grad =
                hadamard ? reference::hadamard(grads[1].to(reference::accumulateType(grads[1].scalar_type())))
                         : grads[1];
            const auto [k, weight, bias] = preparedKeysBackward(grad, kiRaw, saved[2], saved[3], cos, sin, style);
            list[1] = k;
            list[2] = weight;
            list[3] = bias;
        }
        return list;
    }
};

struct ApplyRope : Function<ApplyRope> {
    static Tensor forward(AutogradContext *ctx, const Tensor &x, const Tensor &cos, const Tensor &sin,
                          std::int64_t style)
    {
        const NodeScope scope(ctx);
        ctx->save_for_backward({cos, sin});
        ctx->saved_data["style"] = style;
        return apply_rope(x, cos, sin, style);
    }
    static variable_list backward(AutogradContext *ctx, const variable_list &grads)
    {
        refuseSecondDerivative("apply_rope");
        const NodeScope scope(ctx);
        const auto saved = ctx->get_saved_variables();
        const auto style = static_cast<RopeStyle>(ctx->saved_data["style"].toInt());
        return padded({rotated(grads[0], saved[0], saved[1], style, true)}, 4);
    }
};

std::tuple<Tensor, Tensor> pairOf(variable_list list) { return {std::move(list[0]), std::move(list[1])}; }

} // namespace

namespace autograd {

Tensor index_scores(const Tensor &q, const Tensor &k, const Tensor &w, std::int64_t offset)
{
    return IndexScores::apply(q, k, w, offset);
}

std::tuple<Tensor, Tensor> masked_attention(const Tensor &q, const Tensor &k, const Tensor &v, const Tensor &bits,
                                            const Maybe &bitsT, std::optional<double> scale, bool deterministic)
{
    return pairOf(MaskedAttention::apply(q, k, v, bits, bitsT, scale, deterministic));
}

std::tuple<Tensor, Tensor> dense_attention(const Tensor &q, const Tensor &k, const Tensor &v,
                                           std::optional<double> scale, std::int64_t offset)
{
    return pairOf(DenseAttention::apply(q, k, v, scale, offset));
}

std::tuple<Tensor, Tensor> index_kl(const Tensor &qi, const Tensor &ki, const Tensor &w, const Tensor &q,
                                    const Tensor &k, const Tensor &lse, const Maybe &bits, const Maybe &bitsT,
                                    const Maybe &lseSelected, std::optional<double> scale, std::int64_t target,
                                    std::int64_t rowStride, const Maybe &phase)
{
    const bool wanted = at::GradMode::is_enabled() && (qi.requires_grad() || ki.requires_grad() || w.requires_grad());
    if (!wanted) {
        const BelowAutograd guard;
        return dispatch::index_kl(qi, ki, w, q, k, lse, bits, bitsT, lseSelected, scale, target, rowStride, phase);
    }
    // The teacher is detached: no gradient may reach the attention through this loss.
    return pairOf(IndexKl::apply(qi, ki, w, q.detach(), k.detach(), lse.detach(), bits, bitsT, lseSelected, scale,
                                 target, rowStride, phase));
}

std::tuple<Tensor, Tensor> gathered_attention(const Tensor &q, const Tensor &kv, const Tensor &idx, std::int64_t dv,
                                              std::optional<double> scale, const Maybe &sink, bool deterministic)
{
    return pairOf(GatheredAttention::apply(q, kv, idx, dv, scale, sink, deterministic));
}

std::tuple<Tensor, Tensor> index_prepare(const Tensor &qiRaw, const Tensor &kiRaw, const Tensor &lnWeight,
                                         const Tensor &lnBias, const Tensor &cos, const Tensor &sin, std::int64_t style,
                                         bool hadamard)
{
    return pairOf(IndexPrepare::apply(qiRaw, kiRaw, lnWeight, lnBias, cos, sin, style, hadamard));
}

Tensor apply_rope(const Tensor &x, const Tensor &cos, const Tensor &sin, std::int64_t style)
{
    return ApplyRope::apply(x, cos, sin, style);
}

// Not differentiable: the outputs simply do not require a gradient.

SelectionTensors topk_select(const Tensor &scores, std::int64_t k, std::int64_t offset, bool wantBits, bool wantIdx)
{
    const BelowAutograd guard;
    return dispatch::topk_select(scores, k, offset, wantBits, wantIdx);
}

std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor, Tensor> index_select(const Tensor &q, const Tensor &k,
                                                                        const Tensor &w, std::int64_t topK,
                                                                        std::int64_t offset, bool wantBits,
                                                                        bool wantIdx)
{
    const BelowAutograd guard;
    return dispatch::index_select(q, k, w, topK, offset, wantBits, wantIdx);
}

std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor>
index_kl_with_gradients(const Tensor &qi, const Tensor &ki, const Tensor &w, const Tensor &q, const Tensor &k,
                        const Tensor &lse, const Maybe &bits, const Maybe &bitsT, const Maybe &lseSelected,
                        std::optional<double> scale, std::int64_t target, std::int64_t rowStride, const Maybe &phase)
{
    const BelowAutograd guard;
    return dispatch::index_kl_with_gradients(qi, ki, w, q, k, lse, bits, bitsT, lseSelected, scale, target, rowStride,
                                             phase);
}

Tensor index_kl_uniform(const Tensor &q, const Tensor &k, const Tensor &lse, const Maybe &bits,
                        std::optional<double> scale, std::int64_t target)
{
    const BelowAutograd guard;
    return dispatch::index_kl_uniform(q, k, lse, bits, scale, target);
}

} // namespace autograd

void keepAutograd() {}

} // namespace dsa::dispatch

TORCH_LIBRARY_IMPL(dsa, Autograd, m)
{
    namespace autograd = dsa::dispatch::autograd;
    m.impl("index_scores", TORCH_FN(autograd::index_scores));
    m.impl("topk_select", TORCH_FN(autograd::topk_select));
    m.impl("index_select", TORCH_FN(autograd::index_select));
    m.impl("masked_attention", TORCH_FN(autograd::masked_attention));
    m.impl("dense_attention", TORCH_FN(autograd::dense_attention));
    m.impl("index_kl", TORCH_FN(autograd::index_kl));
    m.impl("index_kl_with_gradients", TORCH_FN(autograd::index_kl_with_gradients));
    m.impl("index_kl_uniform", TORCH_FN(autograd::index_kl_uniform));
    m.impl("gathered_attention", TORCH_FN(autograd::gathered_attention));
    m.impl("index_prepare", TORCH_FN(autograd::index_prepare));
    m.impl("apply_rope", TORCH_FN(autograd::apply_rope));
}
