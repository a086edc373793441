#include "kernels/ops/fused_dense.h"

#include <ATen/SDPBackend.h>
#include <ATen/ops/_fused_sdp_choice.h>
#include <ATen/ops/_scaled_dot_product_cudnn_attention.h>
#include <ATen/ops/_scaled_dot_product_cudnn_attention_backward.h>
#include <ATen/ops/_scaled_dot_product_efficient_attention.h>
#include <ATen/ops/_scaled_dot_product_efficient_attention_backward.h>
#include <ATen/ops/_scaled_dot_product_flash_attention.h>
#include <ATen/ops/_scaled_dot_product_flash_attention_backward.h>

namespace dsa {

namespace {

constexpr auto kFlash = static_cast<std::int64_t>(at::SDPBackend::flash_attention);
constexpr auto kEfficient = static_cast<std::int64_t>(at::SDPBackend::efficient_attention);
constexpr auto kCudnn = static_cast<std::int64_t>(at::SDPBackend::cudnn_attention);
constexpr std::int64_t kWidthUnit = 8; // the kernels load 16 bytes at a time

/// Grouped heads repeated, so that every kernel takes them.
Tensor repeated(const Tensor &x, std::int64_t heads)
{
    const std::int64_t group = heads / x.size(1);
    return group == 1 ? x : x.repeat_interleave(group, 1, heads);
}

Tensor summed(const Tensor &grad, const Tensor &like)
{
    const std::int64_t group = grad.size(1) / like.size(1);
    return group == 1 ? grad : grad.unflatten(1, {like.size(1), group}).sum(2);
}

} // namespace

std::int64_t fusedDenseKind(const Tensor &q, const Tensor &k, const Tensor &v, double scale, std::int64_t offset)
{
    const bool fits = q.is_cuda() && offset == 0 && q.size(2) == k.size(2) && q.numel() > 0 &&
                      q.scalar_type() != at::kDouble && q.size(3) % kWidthUnit == 0 && v.size(3) % kWidthUnit == 0;
    if (!fits) {
        return 0;
    }
    const std::int64_t kind =
        at::_fused_sdp_choice(q, repeated(k, q.size(1)), repeated(v, q.size(1)), {}, 0.0, true, scale, false);
    return kind == kFlash || kind == kEfficient || kind == kCudnn ? kind : 0;
}

FusedDense fusedDense(std::int64_t kind, const Tensor &q, const Tensor &keys, const Tensor &values, double scale)
{
    const Tensor k = repeated(keys, q.size(1)), v = repeated(values, q.size(1));
    FusedDense result;
    result.kind = kind;
    if (kind == kEfficient) {
        std::tie(result.o, result.rawLse, result.seed, result.offset) =
            at::_scaled_dot_product_efficient_attention(q, k, v, {}, true, 0.0, true, scale);
    } else {
        const auto outputs = kind == kCudnn
                                 ? at::_scaled_dot_product_cudnn_attention(q, k, v, {}, true, 0.0, true, false, scale)
                                 : at::_scaled_dot_product_flash_attention(q, k, v, 0.0, true, false, scale);
        result.o = std::get<0>(outputs);
        result.rawLse = std::get<1>(outputs);
        result.maxQueries = std::get<4>(outputs).expect_int();
        result.maxKeys = std::get<5>(outputs).expect_int();
        result.seed = std::get<6>(outputs);
        result.offset = std::get<7>(outputs);
    }
    // One kernel pads the rows, another adds a dim.
    const Tensor rows = result.rawLse.dim() == 4 ? result.rawLse.squeeze(-1) : result.rawLse;
    result.lse = rows.narrow(2, 0, q.size(2)).contiguous();
    return result;
}

std::array<Tensor, 3> fusedDenseBackward(const FusedDense &saved, const Tensor &gradient, const Tensor &q,
                                         const Tensor &keys, const Tensor &values, double scale)
{
    const Tensor k = repeated(keys, q.size(1)), v = repeated(values, q.size(1)), none;
    // The gradient of a sum is an expanded scalar; the kernels want real rows.
    const Tensor gradO =
        gradient.is_non_overlapping_and_dense() && gradient.stride(3) == 1 ? gradient : gradient.contiguous();
    Tensor gradQ, gradK, gradV, gradBias;
    if (saved.kind == kEfficient) {
        std::tie(gradQ, gradK, gradV, gradBias) = at::_scaled_dot_product_efficient_attention_backward(
            gradO, q, k, v, none, saved.o, saved.rawLse, saved.seed, saved.offset, 0.0, {true, true, true, false}, true,
            scale);
    } else if (saved.kind == kCudnn) {
        std::tie(gradQ, gradK, gradV) = at::_scaled_dot_product_cudnn_attention_backward(
            gradO, q, k, v, saved.o, saved.rawLse, saved.seed, saved.offset, none, none, none, saved.maxQueries,
            saved.maxKeys, 0.0, true, scale);
    } else {
        std::tie(gradQ, gradK, gradV) = at::_scaled_dot_product_flash_attention_backward(
            gradO, q, k, v, saved.o, saved.rawLse, none, none, saved.maxQueries, saved.maxKeys, 0.0, true, saved.seed,
            saved.offset, scale);
    }
    return {gradQ, summed(gradK, keys), summed(gradV, values)};
}

const char *fusedDenseName(std::int64_t kind)
{
    return kind == kCudnn ? "cudnn" : kind == kFlash ? "flash" : kind == kEfficient ? "efficient" : "none";
}

} // namespace dsa
