#include "kernels/ops/plain_path.h"

#include "kernels/ops/below_autograd.h"
#include "kernels/ops/checks.h"
#include "kernels/ops/fused_dense.h"
#include "kernels/ops/index_keys.h"
#include "kernels/ops/layer_norm.h"
#include "kernels/ops/packing.h"
#include "kernels/ops/reference.h"
#include "kernels/ops/rotary.h"
#include "kernels/ops/value_checks.h"

#include <ATen/ops/empty.h>
#include <c10/util/Exception.h>

#include <cmath>

namespace dsa::dispatch::plain {

namespace {

SelectionTensors tensorsOf(const reference::SelectedBits &selected)
{
    return {selected.bits, selected.bitsT, selected.count, selected.idx};
}

reference::Mask klMask(const char *op, const Maybe &bits, std::int64_t batch, std::int64_t queries, std::int64_t keys,
                       std::int64_t target)
{
    if (target == static_cast<std::int64_t>(KlTarget::Dense)) {
        return {{}, keys - queries};
    }
    TORCH_CHECK(bits.has_value() && bits->defined(), op,
                ": selection must have bits for the selected target, got a selection without them");
    checks::bits(op, *bits, batch, queries, keys);
    return {*bits, 0};
}

reference::KlResult klResult(const Tensor &qi, const Tensor &ki, const Tensor &w, const Tensor &q, const Tensor &k,
                             const Tensor &lse, const Maybe &bits, const Maybe &lseSelected,
                             std::optional<double> scale, std::int64_t target, std::int64_t rowStride,
                             const Maybe &phase, bool wantGradients)
{
    checks::indexer("index_kl", qi, ki, w);
    checks::kl("index_kl", qi, ki, q, k, lse, target, rowStride);
    const reference::Mask mask = klMask("index_kl", bits, q.size(0), q.size(2), k.size(2), target);
    // The normaliser over the selected keys is none of the dense target.
    const bool useNorm = target == static_cast<std::int64_t>(KlTarget::Selected) && lseSelected.has_value();
    return reference::indexKl(qi, ki, w, q, k, lse, mask, useNorm ? *lseSelected : Tensor(), scaleOr(scale, q.size(3)),
                              rowStride, phase.value_or(Tensor()), wantGradients);
}

} // namespace

double scaleOr(std::optional<double> scale, std::int64_t width)
{
    return scale.value_or(1.0 / std::sqrt(static_cast<double>(width)));
}

Tensor index_scores(const Tensor &q, const Tensor &k, const Tensor &w, std::int64_t offset)
{
    checks::indexer("index_scores", q, k, w);
    const BelowAutograd guard;
    return reference::indexScores(q, k, w, offset);
}

SelectionTensors topk_select(const Tensor &scores, std::int64_t k, std::int64_t offset, bool wantBits, bool wantIdx)
{
    checks::scores("topk_select", scores);
    checks::topk("topk_select", k);
    const BelowAutograd guard;
    checks::reportValues();
    checks::noNan("topk_select", "scores", scores);
    return tensorsOf(reference::topkSelect(scores, k, offset, wantBits, wantIdx));
}

std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor, Tensor> index_select(const Tensor &q, const Tensor &k,
                                                                        const Tensor &w, std::int64_t topK,
                                                                        std::int64_t offset, bool wantBits,
                                                                        bool wantIdx)
{
    checks::indexer("index_select", q, k, w);
    checks::topk("index_select", topK);
    const BelowAutograd guard;
    checks::reportValues();
    const auto [selected, tau, lse] = reference::indexSelect(q, k, w, topK, offset, wantBits, wantIdx);
    checks::noNan("index_select", "scores", tau);
    return {selected.bits, selected.bitsT, selected.count, selected.idx, tau, lse};
}

std::tuple<Tensor, Tensor> masked_attention(const Tensor &q, const Tensor &k, const Tensor &v, const Tensor &bits,
                                            const Maybe &, std::optional<double> scale, bool)
{
    checks::attention("masked_attention", q, k, v);
    checks::bits("masked_attention", bits, q.size(0), q.size(2), k.size(2));
    const BelowAutograd guard;
    checks::reportValues();
    return reference::attention(q, k, v, {bits, 0}, scaleOr(scale, q.size(3)));
}

std::tuple<Tensor, Tensor> dense_attention(const Tensor &q, const Tensor &k, const Tensor &v,
                                           std::optional<double> scale, std::int64_t offset)
{
    checks::attention("dense_attention", q, k, v);
    const BelowAutograd guard;
    const double factor = scaleOr(scale, q.size(3));
    if (const std::int64_t kind = fusedDenseKind(q, k, v, factor, offset)) {
        const FusedDense fused = fusedDense(kind, q, k, v, factor);
        return {fused.o, fused.lse};
    }
    return reference::attention(q, k, v, {{}, offset}, factor);
}

std::tuple<Tensor, Tensor> index_kl(const Tensor &qi, const Tensor &ki, const Tensor &w, const Tensor &q,
                                    const Tensor &k, const Tensor &lse, const Maybe &bits, const Maybe &,
                                    const Maybe &lseSelected, std::optional<double> scale, std::int64_t target,
                                    std::int64_t rowStride, const Maybe &phase)
{
    const BelowAutograd guard;
    const auto result = klResult(qi, ki, w, q, k, lse, bits, lseSelected, scale, target, rowStride, phase, false);
    return {result.loss, result.rows};
}

std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor>
index_kl_with_gradients(const Tensor &qi, const Tensor &ki, const Tensor &w, const Tensor &q, const Tensor &k,
                        const Tensor &lse, const Maybe &bits, const Maybe &, const Maybe &lseSelected,
                        std::optional<double> scale, std::int64_t target, std::int64_t rowStride, const Maybe &phase)
{
    const BelowAutograd guard;
    const auto result = klResult(qi, ki, w, q, k, lse, bits, lseSelected, scale, target, rowStride, phase, true);
    return {result.loss, result.rows, result.gradQ, result.gradK, result.gradW};
}

Tensor index_kl_uniform(const Tensor &q, const Tensor &k, const Tensor &lse, const Maybe &bits,
                        std::optional<double> scale, std::int64_t target)
{
    checks::attention("index_kl_uniform", q, k, k);
    const BelowAutograd guard;
    const reference::Mask mask = klMask("index_kl_uniform", bits, q.size(0), q.size(2), k.size(2), target);
    return reference::indexKlUniform(q, k, lse, mask, scaleOr(scale, q.size(3)));
}

std::tuple<Tensor, Tensor> gathered_attention(const Tensor &q, const Tensor &kv, const Tensor &idx, std::int64_t dv,
                                              std::optional<double> scale, const Maybe &sink, bool)
{
    checks::gathered("gathered_attention", q, kv, idx, dv, sink.value_or(Tensor()));
    const BelowAutograd guard;
    checks::reportValues();
    const Tensor places = checks::indicesBelow("gathered_attention", "idx", idx, kv.size(0));
    return reference::gathered(q, kv, places, dv, scaleOr(scale, q.size(2)), sink.value_or(Tensor()));
}

std::tuple<Tensor, Tensor> index_prepare(const Tensor &qiRaw, const Tensor &kiRaw, const Tensor &lnWeight,
                                         const Tensor &lnBias, const Tensor &cos, const Tensor &sin, std::int64_t style,
                                         bool hadamard)
{
    checks::prepare("index_prepare", qiRaw, kiRaw, lnWeight, lnBias, hadamard);
    checks::rope("index_prepare", kiRaw, kiRaw.size(1), cos, sin, style);
    const BelowAutograd guard;
    const auto rope = static_cast<RopeStyle>(style);
    const PreparePositions positions(qiRaw, kiRaw, cos, sin);
    const Tensor q = rotated(qiRaw, positions.cosQueries, positions.sinQueries, rope, false);
    if (!hadamard) {
        return {q, preparedKeys(kiRaw, lnWeight, lnBias, cos, sin, rope)};
    }
    const Tensor k = rotated(keyLayerNorm(kiRaw, lnWeight, lnBias).out, cos, sin, rope, false);
    return {reference::hadamard(q), reference::hadamard(k).to(kiRaw.scalar_type())};
}

Tensor apply_rope(const Tensor &x, const Tensor &cos, const Tensor &sin, std::int64_t style)
{
    TORCH_CHECK(x.dim() >= 2, "apply_rope: x must be [...,T,D], got ", x.sizes());
    checks::rope("apply_rope", x, x.size(-2), cos, sin, style);
    const BelowAutograd guard;
    return rotated(x, cos, sin, static_cast<RopeStyle>(style), false);
}

SelectionTensors pack_mask(const Tensor &mask, std::int64_t offset, bool wantIdx)
{
    checks::mask("pack_mask", mask);
    const BelowAutograd guard;
    const PackedMask packed = packMask(mask, offset);
    return {packed.bits, packed.bitsT, packed.count,
            wantIdx ? reference::indicesOf(mask.logical_and(reference::visibleKeys(0, mask.size(1), mask.size(2),
                                                                                   offset, mask.device())),
                                           mask.size(2))
                    : at::empty({0}, mask.options().dtype(at::kInt))};
}

Tensor unpack_mask(const Tensor &bits, std::int64_t keys)
{
    checks::bits("unpack_mask", bits, bits.size(0), bits.size(1), keys);
    const BelowAutograd guard;
    return reference::unpackRows(bits, keys);
}

} // namespace dsa::dispatch::plain
