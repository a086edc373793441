#include "kernels/ops/checks.h"
#include "kernels/ops/dispatch.h"
#include "kernels/ops/plain_path.h"
#include "kernels/ops/reference.h"

#include <ATen/ops/empty.h>
#include <c10/util/Exception.h>
#include <torch/library.h>

// Schemas, the plain path for every device, and the shapes (Meta). Autograd is registered in autograd.cpp.
namespace dsa::dispatch {

namespace {

/// A new tensor on the device of `like` (the Meta device in Meta kernels).
Tensor fresh(const Tensor &like, at::IntArrayRef sizes, at::ScalarType type)
{
    return at::empty(sizes, like.options().dtype(type));
}

std::int64_t words(std::int64_t bits) { return (bits + 63) / 64; }

SelectionTensors freshSelection(const Tensor &like, std::int64_t batch, std::int64_t queries, std::int64_t keys,
                                std::int64_t slots, bool wantBits, bool wantIdx)
{
    return {wantBits ? fresh(like, {batch, queries, words(keys)}, at::kLong) : fresh(like, {0}, at::kLong),
            wantBits ? fresh(like, {batch, words(queries), keys}, at::kLong) : fresh(like, {0}, at::kLong),
            fresh(like, {batch, queries}, at::kInt),
            wantIdx ? fresh(like, {batch, queries, slots}, at::kInt) : fresh(like, {0}, at::kInt)};
}

} // namespace

namespace meta {

Tensor index_scores(const Tensor &q, const Tensor &k, const Tensor &w, std::int64_t)
{
    checks::indexer("index_scores", q, k, w);
    return fresh(q, {q.size(0), q.size(1), k.size(1)}, reference::accumulateType(q.scalar_type()));
}

SelectionTensors topk_select(const Tensor &scores, std::int64_t k, std::int64_t, bool wantBits, bool wantIdx)
{
    checks::scores("topk_select", scores);
    checks::topk("topk_select", k);
    return freshSelection(scores, scores.size(0), scores.size(1), scores.size(2), k, wantBits, wantIdx);
}

std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor, Tensor> index_select(const Tensor &q, const Tensor &k,
                                                                        const Tensor &w, std::int64_t topK,
                                                                        std::int64_t, bool wantBits, bool wantIdx)
{
    checks::indexer("index_select", q, k, w);
    checks::topk("index_select", topK);
    const at::ScalarType type = reference::accumulateType(q.scalar_type());
    auto [bits, bitsT, count, idx] = freshSelection(q, q.size(0), q.size(1), k.size(1), topK, wantBits, wantIdx);
    return {bits, bitsT, count, idx, fresh(q, {q.size(0), q.size(1)}, type), fresh(q, {q.size(0), q.size(1)}, type)};
}

std::tuple<Tensor, Tensor> attentionOutputs(const Tensor &q, const Tensor &v)
{
    return {fresh(q, {q.size(0), q.size(1), q.size(2), v.size(3)}, q.scalar_type()),
            fresh(q, {q.size(0), q.size(1), q.size(2)}, reference::accumulateType(q.scalar_type()))};
}

std::tuple<Tensor, Tensor> masked_attention(const Tensor &q, const Tensor &k, const Tensor &v, const Tensor &bits,
                                            const Maybe &, std::optional<double>, bool)
{
    checks::attention("masked_attention", q, k, v);
    checks::bits("masked_attention", bits, q.size(0), q.size(2), k.size(2));
    return attentionOutputs(q, v);
}

std::tuple<Tensor, Tensor> dense_attention(const Tensor &q, const Tensor &k, const Tensor &v, std::optional<double>,
                                           std::int64_t)
{
    checks::attention("dense_attention", q, k, v);
    return attentionOutputs(q, v);
}

std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor>
index_kl_with_gradients(const Tensor &qi, const Tensor &ki, const Tensor &w, const Tensor &q, const Tensor &k,
                        const Tensor &lse, const Maybe &, const Maybe &, const Maybe &, std::optional<double>,
                        std::int64_t target, std::int64_t rowStride, const Maybe &)
{
    checks::indexer("index_kl", qi, ki, w);
    checks::kl("index_kl", qi, ki, q, k, lse, target, rowStride);
    const at::ScalarType type = reference::accumulateType(qi.scalar_type());
    return {fresh(qi, {}, type), fresh(qi, {qi.size(0), qi.size(1)}, type), fresh(qi, qi.sizes(), type),
            fresh(ki, ki.sizes(), type), fresh(w, w.sizes(), type)};
}

std::tuple<Tensor, Tensor> index_kl(const Tensor &qi, const Tensor &ki, const Tensor &w, const Tensor &q,
                                    const Tensor &k, const Tensor &lse, const Maybe &bits, const Maybe &bitsT,
                                    const Maybe &lseSelected, std::optional<double> scale, std::int64_t target,
                                    std::int64_t rowStride, const Maybe &phase)
{
    const auto all =
        index_kl_with_gradients(qi, ki, w, q, k, lse, bits, bitsT, lseSelected, scale, target, rowStride, phase);
    return {std::get<0>(all), std::get<1>(all)};
}

Tensor index_kl_uniform(const Tensor &q, const Tensor &, const Tensor &, const Maybe &, std::optional<double>,
                        std::int64_t)
{
    return fresh(q, {q.size(0), q.size(2)}, reference::accumulateType(q.scalar_type()));
}

std::tuple<Tensor, Tensor> gathered_attention(const Tensor &q, const Tensor &kv, const Tensor &idx, std::int64_t dv,
                                              std::optional<double>, const Maybe &sink, bool)
{
    checks::gathered("gathered_attention", q, kv, idx, dv, sink.value_or(Tensor()));
    return {fresh(q, {q.size(0), q.size(1), dv}, q.scalar_type()),
            fresh(q, {q.size(0), q.size(1)}, reference::accumulateType(q.scalar_type()))};
}

std::tuple<Tensor, Tensor> index_prepare(const Tensor &qiRaw, const Tensor &kiRaw, const Tensor &, const Tensor &,
                                         const Tensor &, const Tensor &, std::int64_t, bool)
{
    return {fresh(qiRaw, qiRaw.sizes(), qiRaw.scalar_type()), fresh(kiRaw, kiRaw.sizes(), kiRaw.scalar_type())};
}

Tensor apply_rope(const Tensor &x, const Tensor &cos, const Tensor &sin, std::int64_t style)
{
    checks::rope("apply_rope", x, x.size(-2), cos, sin, style);
    return fresh(x, x.sizes(), x.scalar_type());
}

SelectionTensors pack_mask(const Tensor &mask, std::int64_t, bool wantIdx)
{
    checks::mask("pack_mask", mask);
    return freshSelection(mask, mask.size(0), mask.size(1), mask.size(2), mask.size(2), true, wantIdx);
}

Tensor unpack_mask(const Tensor &bits, std::int64_t keys)
{
    checks::bits("unpack_mask", bits, bits.size(0), bits.size(1), keys);
    return fresh(bits, {bits.size(0), bits.size(1), keys}, at::kBool);
}

} // namespace meta

void keepRegistration() {}

} // namespace dsa::dispatch

TORCH_LIBRARY(dsa, m)
{
    m.def("index_scores(Tensor q, Tensor k, Tensor w, int offset=0) -> Tensor");
    m.def("topk_select(Tensor scores, int k, int offset=0, bool want_bits=True, bool want_idx=False) "
          "-> (Tensor bits, Tensor bitsT, Tensor count, Tensor idx)");
    m.def(
        "index_select(Tensor q, Tensor k, Tensor w, int top_k, int offset=0, bool want_bits=True, bool want_idx=False) "
        "-> (Tensor bits, Tensor bitsT, Tensor count, Tensor idx, Tensor tau, Tensor lse_sel)");
    m.def("masked_attention(Tensor q, Tensor k, Tensor v, Tensor bits, Tensor? bitsT=None, float? scale=None, "
          "bool deterministic=True) -> (Tensor o, Tensor lse)");
    m.def("dense_attention(Tensor q, Tensor k, Tensor v, float? scale=None, int offset=0) -> (Tensor o, Tensor lse)");
    m.def("index_kl(Tensor qi, Tensor ki, Tensor w, Tensor q, Tensor k, Tensor lse, Tensor? bits, Tensor? bitsT, "
          "Tensor? lse_sel, "
          "float? scale, int target, int row_stride=1, Tensor? phase=None) -> (Tensor loss, Tensor loss_rows)");
    m.def("index_kl_with_gradients(Tensor qi, Tensor ki, Tensor w, Tensor q, Tensor k, Tensor lse, Tensor? bits, "
          "Tensor? bitsT, "
          "Tensor? lse_sel, float? scale, int target, int row_stride=1, Tensor? phase=None) "
          "-> (Tensor loss, Tensor loss_rows, Tensor grad_qi, Tensor grad_ki, Tensor grad_w)");
    m.def("index_kl_uniform(Tensor q, Tensor k, Tensor lse, Tensor? bits, float? scale, int target) -> Tensor");
    m.def("gathered_attention(Tensor q, Tensor kv, Tensor idx, int dv, float? scale=None, Tensor? sink=None, "
          "bool deterministic=True) -> (Tensor o, Tensor lse)");
    m.def("index_prepare(Tensor qi_raw, Tensor ki_raw, Tensor ln_weight, Tensor ln_bias, Tensor cos, Tensor sin, int "
          "style, "
          "bool hadamard=False) -> (Tensor qi, Tensor ki)");
    m.def("apply_rope(Tensor x, Tensor cos, Tensor sin, int style) -> Tensor");
    m.def("pack_mask(Tensor mask, int offset=0, bool want_idx=False) -> (Tensor bits, Tensor bitsT, Tensor count, "
          "Tensor idx)");
    m.def("unpack_mask(Tensor bits, int keys) -> Tensor");
}

TORCH_LIBRARY_IMPL(dsa, CompositeExplicitAutograd, m)
{
    namespace plain = dsa::dispatch::plain;
    m.impl("index_scores", TORCH_FN(plain::index_scores));
    m.impl("topk_select", TORCH_FN(plain::topk_select));
    m.impl("index_select", TORCH_FN(plain::index_select));
    m.impl("masked_attention", TORCH_FN(plain::masked_attention));
    m.impl("dense_attention", TORCH_FN(plain::dense_attention));
    m.impl("index_kl", TORCH_FN(plain::index_kl));
    m.impl("index_kl_with_gradients", TORCH_FN(plain::index_kl_with_gradients));
    m.impl("index_kl_uniform", TORCH_FN(plain::index_kl_uniform));
    m.impl("gathered_attention", TORCH_FN(plain::gathered_attention));
    m.impl("index_prepare", TORCH_FN(plain::index_prepare));
    m.impl("apply_rope", TORCH_FN(plain::apply_rope));
    m.impl("pack_mask", TORCH_FN(plain::pack_mask));
    m.impl("unpack_mask", TORCH_FN(plain::unpack_mask));
}

TORCH_LIBRARY_IMPL(dsa, Meta, m)
{
    namespace meta = dsa::dispatch::meta;
    m.impl("index_scores", TORCH_FN(meta::index_scores));
    m.impl("topk_select", TORCH_FN(meta::topk_select));
    m.impl("index_select", TORCH_FN(meta::index_select));
    m.impl("masked_attention", TORCH_FN(meta::masked_attention));
    m.impl("dense_attention", TORCH_FN(meta::dense_attention));
    m.impl("index_kl", TORCH_FN(meta::index_kl));
    m.impl("index_kl_with_gradients", TORCH_FN(meta::index_kl_with_gradients));
    m.impl("index_kl_uniform", TORCH_FN(meta::index_kl_uniform));
    m.impl("gathered_attention", TORCH_FN(meta::gathered_attention));
    m.impl("index_prepare", TORCH_FN(meta::index_prepare));
    m.impl("apply_rope", TORCH_FN(meta::apply_rope));
    m.impl("pack_mask", TORCH_FN(meta::pack_mask));
    m.impl("unpack_mask", TORCH_FN(meta::unpack_mask));
}
