#include "kernels/ops/dsa.h"

#include "kernels/ops/dispatch.h"
#include "kernels/ops/reference.h"

#include <c10/util/Exception.h>

namespace dsa {

namespace {

dispatch::Maybe maybe(const Tensor &x) { return x.defined() ? dispatch::Maybe(x) : std::nullopt; }

/// In the schema what was not asked for is an empty tensor; here it is an undefined one.
Selection toSelection(Tensor bits, Tensor bitsT, Tensor count, Tensor idx, bool wantBits, bool wantIdx)
{
    Selection selection;
    if (wantBits) {
        selection.bits = std::move(bits);
        selection.bitsT = std::move(bitsT);
    }
    selection.count = std::move(count);
    if (wantIdx) {
        selection.idx = std::move(idx);
    }
    return selection;
}

} // namespace

Tensor index_scores(const Tensor &q, const Tensor &k, const Tensor &w, std::int64_t offset)
{
    return dispatch::index_scores(q, k, w, offset);
}

Selection topk_select(const Tensor &scores, std::int64_t k, std::int64_t offset, bool want_bits, bool want_idx)
{
    auto [bits, bitsT, count, idx] = dispatch::topk_select(scores, k, offset, want_bits, want_idx);
    return toSelection(bits, bitsT, count, idx, want_bits, want_idx);
}

std::tuple<Selection, Tensor, Tensor> index_select(const Tensor &q, const Tensor &k, const Tensor &w,
                                                   std::int64_t top_k, std::int64_t offset, bool want_bits,
                                                   bool want_idx)
{
    auto [bits, bitsT, count, idx, tau, lse] = dispatch::index_select(q, k, w, top_k, offset, want_bits, want_idx);
    return {toSelection(bits, bitsT, count, idx, want_bits, want_idx), tau, lse};
}

std::tuple<Tensor, Tensor> masked_attention(const Tensor &q, const Tensor &k, const Tensor &v,
                                            const Selection &selection, std::optional<double> scale, bool deterministic)
{
    TORCH_CHECK(selection.bits.defined(), "masked_attention: selection must have bits, got a selection without them");
    return dispatch::masked_attention(q, k, v, selection.bits, maybe(selection.bitsT), scale, deterministic);
}

std::tuple<Tensor, Tensor> dense_attention(const Tensor &q, const Tensor &k, const Tensor &v,
                                           std::optional<double> scale, std::int64_t offset)
{
    return dispatch::dense_attention(q, k, v, scale, offset);
}

std::tuple<Tensor, Tensor> index_kl(const Tensor &qi, const Tensor &ki, const Tensor &w, const Tensor &q,
                                    const Tensor &k, const Tensor &lse, const Selection &selection,
                                    const Tensor &lse_sel, std::optional<double> scale, KlTarget target,
                                    std::int64_t row_stride, const std::optional<Tensor> &phase)
{
    return dispatch::index_kl(qi, ki, w, q, k, lse, maybe(selection.bits), maybe(selection.bitsT), maybe(lse_sel),
                              scale, static_cast<std::int64_t>(target), row_stride, phase);
}

Tensor index_kl_uniform(const Tensor &q, const Tensor &k, const Tensor &lse, const Selection &selection,
                        std::optional<double> scale, KlTarget target)
{
    return dispatch::index_kl_uniform(q, k, lse, maybe(selection.bits), scale, static_cast<std::int64_t>(target));
}

std::tuple<Tensor, Tensor> gathered_attention(const Tensor &q, const Tensor &kv, const Tensor &idx, std::int64_t dv,
                                              std::optional<double> scale, const std::optional<Tensor> &sink,
                                              bool deterministic)
{
    return dispatch::gathered_attention(q, kv, idx, dv, scale, sink, deterministic);
}

std::tuple<Tensor, Tensor> index_prepare(const Tensor &qi_raw, const Tensor &ki_raw, const Tensor &ln_weight,
                                         const Tensor &ln_bias, const Tensor &cos, const Tensor &sin, RopeStyle style,
                                         bool hadamard)
{
    return dispatch::index_prepare(qi_raw, ki_raw, ln_weight, ln_bias, cos, sin, static_cast<std::int64_t>(style),
                                   hadamard);
}

Tensor apply_rope(const Tensor &x, const Tensor &cos, const Tensor &sin, RopeStyle style)
{
    return dispatch::apply_rope(x, cos, sin, static_cast<std::int64_t>(style));
}

Tensor unpack_mask(const Selection &selection, std::int64_t keys)
{
    TORCH_CHECK(selection.bits.defined(), "unpack_mask: selection must have bits, got a selection without them");
    return dispatch::unpack_mask(selection.bits, keys);
}

Selection pack_mask(const Tensor &mask, std::int64_t offset, bool want_idx)
{
    auto [bits, bitsT, count, idx] = dispatch::pack_mask(mask, offset, want_idx);
    return toSelection(bits, bitsT, count, idx, true, want_idx);
}

Selection dense_selection(std::int64_t batch, std::int64_t queries, std::int64_t keys, std::int64_t offset,
                          const at::Device &device)
{
    TORCH_CHECK(batch >= 0 && queries >= 0 && keys >= 0, "dense_selection: sizes must not be negative, got ", batch,
                ", ", queries, ", ", keys);
    // One sequence is packed, the others repeat it.
    const Selection one = pack_mask(reference::visibleKeys(0, queries, keys, offset, device).unsqueeze(0), offset);
    Selection all;
    all.bits = one.bits.repeat({batch, 1, 1});
    all.bitsT = one.bitsT.repeat({batch, 1, 1});
    all.count = one.count.repeat({batch, 1});
    return all;
}

} // namespace dsa
