#include "kernels/ops/dispatch.h"

#include "kernels/ops/decode_dispatch.h"

#include <ATen/core/dispatch/Dispatcher.h>

namespace dsa::dispatch {

namespace {

/// The handle of dsa::`name`, looked up once per call site.
template <class Signature>
c10::TypedOperatorHandle<Signature> find(const char *name)
{
    keepRegistration();
    keepAutograd();
    keepKernels();
    keepLossKernels();
    keepDecode();
    keepDecodeKernels();
    return c10::Dispatcher::singleton().findSchemaOrThrow(name, "").typed<Signature>();
}

} // namespace

Tensor index_scores(const Tensor &q, const Tensor &k, const Tensor &w, std::int64_t offset)
{
    static const auto op = find<decltype(index_scores)>("dsa::index_scores");
    return op.call(q, k, w, offset);
}

SelectionTensors topk_select(const Tensor &scores, std::int64_t k, std::int64_t offset, bool want_bits, bool want_idx)
{
    static const auto op = find<decltype(topk_select)>("dsa::topk_select");
    return op.call(scores, k, offset, want_bits, want_idx);
}

std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor, Tensor> index_select(const Tensor &q, const Tensor &k,
                                                                        const Tensor &w, std::int64_t top_k,
                                                                        std::int64_t offset, bool want_bits,
                                                                        bool want_idx)
{
    static const auto op = find<decltype(index_select)>("dsa::index_select");
    return op.call(q, k, w, top_k, offset, want_bits, want_idx);
}

std::tuple<Tensor, Tensor> masked_attention(const Tensor &q, const Tensor &k, const Tensor &v, const Tensor &bits,
                                            const Maybe &bitsT, std::optional<double> scale, bool deterministic)
{
    static const auto op = find<decltype(masked_attention)>("dsa::masked_attention");
    return op.call(q, k, v, bits, bitsT, scale, deterministic);
}

std::tuple<Tensor, Tensor> dense_attention(const Tensor &q, const Tensor &k, const Tensor &v,
                                           std::optional<double> scale, std::int64_t offset)
{
    static const auto op = find<decltype(dense_attention)>("dsa::dense_attention");
    return op.call(q, k, v, scale, offset);
}

std::tuple<Tensor, Tensor> index_kl(const Tensor &qi, const Tensor &ki, const Tensor &w, const Tensor &q,
                                    const Tensor &k, const Tensor &lse, const Maybe &bits, const Maybe &bitsT,
                                    const Maybe &lse_sel, std::optional<double> scale, std::int64_t target,
                                    std::int64_t row_stride, const Maybe &phase)
{
    static const auto op = find<decltype(index_kl)>("dsa::index_kl");
    return op.call(qi, ki, w, q, k, lse, bits, bitsT, lse_sel, scale, target, row_stride, phase);
}

std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor>
index_kl_with_gradients(const Tensor &qi, const Tensor &ki, const Tensor &w, const Tensor &q, const Tensor &k,
                        const Tensor &lse, const Maybe &bits, const Maybe &bitsT, const Maybe &lse_sel,
                        std::optional<double> scale, std::int64_t target, std::int64_t row_stride, const Maybe &phase)
{
    static const auto op = find<decltype(index_kl_with_gradients)>("dsa::index_kl_with_gradients");
    return op.call(qi, ki, w, q, k, lse, bits, bitsT, lse_sel, scale, target, row_stride, phase);
}

Tensor index_kl_uniform(const Tensor &q, const Tensor &k, const Tensor &lse, const Maybe &bits,
                        std::optional<double> scale, std::int64_t target)
{
    static const auto op = find<decltype(index_kl_uniform)>("dsa::index_kl_uniform");
    return op.call(q, k, lse, bits, scale, target);
}

std::tuple<Tensor, Tensor> gathered_attention(const Tensor &q, const Tensor &kv, const Tensor &idx, std::int64_t dv,
                                              std::optional<double> scale, const Maybe &sink, bool deterministic)
{
    static const auto op = find<decltype(gathered_attention)>("dsa::gathered_attention");
    return op.call(q, kv, idx, dv, scale, sink, deterministic);
}

std::tuple<Tensor, Tensor> index_prepare(const Tensor &qi_raw, const Tensor &ki_raw, const Tensor &ln_weight,
                                         const Tensor &ln_bias, const Tensor &cos, const Tensor &sin,
                                         std::int64_t style, bool hadamard)
{
    static const auto op = find<decltype(index_prepare)>("dsa::index_prepare");
    return op.call(qi_raw, ki_raw, ln_weight, ln_bias, cos, sin, style, hadamard);
}

Tensor apply_rope(const Tensor &x, const Tensor &cos, const Tensor &sin, std::int64_t style)
{
    static const auto op = find<decltype(apply_rope)>("dsa::apply_rope");
    return op.call(x, cos, sin, style);
}

SelectionTensors pack_mask(const Tensor &mask, std::int64_t offset, bool want_idx)
{
    static const auto op = find<decltype(pack_mask)>("dsa::pack_mask");
    return op.call(mask, offset, want_idx);
}

Tensor unpack_mask(const Tensor &bits, std::int64_t keys)
{
    static const auto op = find<decltype(unpack_mask)>("dsa::unpack_mask");
    return op.call(bits, keys);
}

} // namespace dsa::dispatch
