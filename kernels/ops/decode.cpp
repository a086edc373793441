#include "kernels/ops/dsa_decode.h"

#include "kernels/ops/below_autograd.h"
#include "kernels/ops/checks.h"
#include "kernels/ops/decode_dispatch.h"
#include "kernels/ops/plain_path.h"
#include "kernels/ops/reference.h"
#include "kernels/ops/reference_decode.h"
#include "kernels/ops/value_checks.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/empty.h>
#include <c10/util/Exception.h>
#include <torch/library.h>

namespace dsa {

namespace dispatch {

namespace check {

namespace {

constexpr std::int64_t kBlock = 128, kLatentWidth = 576, kLatentValues = 512;

void shape(const char *op, const char *name, const Tensor &x, at::ScalarType type, std::int64_t dims,
           const char *layout)
{
    TORCH_CHECK(x.dim() == dims, op, ": ", name, " must be ", layout, ", got ", x.sizes());
    TORCH_CHECK(x.scalar_type() == type, op, ": ", name, " must be ", c10::toString(type), ", got ", x.scalar_type());
}

void size(const char *op, const char *name, const Tensor &x, std::int64_t dim, std::int64_t wanted, const char *why)
{
    TORCH_CHECK(x.size(dim) == wanted, op, ": ", name, " must have size ", wanted, " in dimension ", dim, " (", why,
                "), got ", x.sizes());
}

void together(const char *op, const Tensor &first,
              std::initializer_list<std::pair<const char *, const Tensor *>> others)
{
    for (const auto &[name, x] : others) {
        TORCH_CHECK(x->device() == first.device(), op, ": ", name, " must be on the device of the queries (",
                    first.device(), "), got ", x->device());
    }
}

void table(const char *op, const Tensor &pages, const Tensor &table, std::int64_t batch)
{
    shape(op, "table", table, at::kInt, 2, "[B,N]");
    size(op, "table", table, 0, batch, "the requests");
    TORCH_CHECK(pages.size(0) > 0, op, ": pages must hold a page, got ", pages.sizes());
}

} // namespace

void indexQuantize(const Tensor &qi, const Tensor &ki, const Tensor &w)
{
    checks::indexer("index_quantize", qi, ki, w);
    TORCH_CHECK(qi.size(3) >= 1 && qi.size(3) <= kBlock,
                "index_quantize: q must be 1 to 128 wide (one scale a row), got ", qi.sizes());
}

void quantizedScores(const Tensor &q8, const Tensor &k8, const Tensor &w, const Tensor &kscale)
{
    const char *op = "index_scores_quantized";
    checks::indexer(op, q8, k8, w);
    shape(op, "q", q8, at::kFloat8_e4m3fn, 4, "[B,T,Hi,Di]");
    shape(op, "kscale", kscale, at::kFloat, 2, "[B,S]");
    size(op, "kscale", kscale, 0, k8.size(0), "the batch of k");
    size(op, "kscale", kscale, 1, k8.size(1), "the keys");
    together(op, q8, {{"kscale", &kscale}});
}

void decodeScores(const Tensor &q8, const Tensor &w, const Tensor &pages, const Tensor &tableOf, const Tensor &lengths)
{
    const char *op = "decode_scores";
    shape(op, "q8", q8, at::kFloat8_e4m3fn, 4, "[B,T,Hi,Di]");
    TORCH_CHECK(w.dim() == 3, op, ": w must be [B,T,Hi], got ", w.sizes());
    TORCH_CHECK(w.is_floating_point(), op, ": w must be a floating type, got ", w.scalar_type());
    size(op, "w", w, 0, q8.size(0), "the requests");
    size(op, "w", w, 1, q8.size(1), "the new queries");
    size(op, "w", w, 2, q8.size(2), "the heads of q8");
    shape(op, "pages", pages, at::kByte, 2, "[P,64 (Di+4)]");
    size(op, "pages", pages, 1, kPageKeys * (q8.size(3) + 4), "64 keys as wide as q8 and their scales");
    table(op, pages, tableOf, q8.size(0));
    shape(op, "lengths", lengths, at::kInt, 1, "[B]");
    size(op, "lengths", lengths, 0, q8.size(0), "the requests");
    together(op, q8, {{"w", &w}, {"pages", &pages}, {"table", &tableOf}, {"lengths", &lengths}});
}

void decodeSelect(const Tensor &scores, std::int64_t k, const Tensor &lengths)
{
    const char *op = "decode_select";
    checks::scores(op, scores);
    checks::topk(op, k);
    shape(op, "lengths", lengths, at::kInt, 1, "[B]");
    size(op, "lengths", lengths, 0, scores.size(0), "the requests");
    TORCH_CHECK(lengths.device() == scores.device(), op, ": lengths must be on the device of the scores (",
                scores.device(), "), got ", lengths.device());
}

void gatheredDecode(const Tensor &q, const Tensor &pages, const Tensor &tableOf, const Tensor &idx, std::int64_t dv)
{
    const char *op = "gathered_decode";
    TORCH_CHECK(q.dim() == 4 && q.size(3) == kLatentWidth, op, ": q must be [B,T,H,576], got ", q.sizes());
    TORCH_CHECK(q.is_floating_point(), op, ": q must be a floating type, got ", q.scalar_type());
    shape(op, "pages", pages, at::kByte, 3, "[P,64,656]");
    size(op, "pages", pages, 1, kPageKeys, "the tokens of a page");
    size(op, "pages", pages, 2, kLatentRowBytes, "the bytes of a token");
    table(op, pages, tableOf, q.size(0));
    shape(op, "idx", idx, at::kInt, 3, "[B,T,k]");
    size(op, "idx", idx, 0, q.size(0), "the requests");
    size(op, "idx", idx, 1, q.size(1), "the new queries");
    TORCH_CHECK(dv >= 1 && dv <= kLatentValues, op, ": dv must be 1 to 512, got ", dv);
    together(op, q, {{"pages", &pages}, {"table", &tableOf}, {"idx", &idx}});
}

} // namespace check

namespace plain {

std::tuple<Tensor, Tensor, Tensor, Tensor> index_quantize(const Tensor &qi, const Tensor &ki, const Tensor &w)
{
    check::indexQuantize(qi, ki, w);
    const BelowAutograd guard;
    const reference::QuantizedRows q = reference::quantizeRows(qi), k = reference::quantizeRows(ki);
    return {q.values, w.to(at::kFloat).mul(q.scale), k.values, k.scale};
}

Tensor index_scores_quantized(const Tensor &q8, const Tensor &k8, const Tensor &w, const Tensor &kscale,
                              std::int64_t offset)
{
    check::quantizedScores(q8, k8, w, kscale);
    const BelowAutograd guard;
    const at::ScalarType type = reference::accumulateType(w.scalar_type());
    const Tensor keys = k8.to(type).mul_(kscale.to(type).unsqueeze(-1));
    return reference::indexScores(q8.to(type), keys, w.to(type), offset);
}

Tensor decode_scores(const Tensor &q8, const Tensor &w, const Tensor &pages, const Tensor &table, const Tensor &lengths)
{
    check::decodeScores(q8, w, pages, table, lengths);
    const BelowAutograd guard;
    return reference::decodeScores(q8, w, pages, table, lengths);
}

std::tuple<Tensor, Tensor> decode_select(const Tensor &scores, std::int64_t k, const Tensor &lengths)
{
    check::decodeSelect(scores, k, lengths);
    const BelowAutograd guard;
    checks::reportValues();
    checks::noNan("decode_select", "scores", scores);
    const Tensor mask = reference::decodeMask(scores, k, lengths);
    return {reference::indicesOf(mask, k), mask.sum(-1).to(at::kInt)};
}

std::tuple<Tensor, Tensor> gathered_decode(const Tensor &q, const Tensor &pages, const Tensor &table, const Tensor &idx,
                                           std::int64_t dv, std::optional<double> scale)
{
    check::gatheredDecode(q, pages, table, idx, dv);
    const BelowAutograd guard;
    return reference::gatheredDecode(q, pages, table, idx, dv, scaleOr(scale, q.size(3)));
}

} // namespace plain

namespace meta {

namespace {

Tensor fresh(const Tensor &like, at::IntArrayRef sizes, at::ScalarType type)
{
    return at::empty(sizes, like.options().dtype(type));
}

std::tuple<Tensor, Tensor, Tensor, Tensor> index_quantize(const Tensor &qi, const Tensor &ki, const Tensor &w)
{
    check::indexQuantize(qi, ki, w);
    return {fresh(qi, qi.sizes(), at::kFloat8_e4m3fn), fresh(qi, w.sizes(), at::kFloat),
            fresh(ki, ki.sizes(), at::kFloat8_e4m3fn), fresh(ki, {ki.size(0), ki.size(1)}, at::kFloat)};
}

Tensor index_scores_quantized(const Tensor &q8, const Tensor &k8, const Tensor &w, const Tensor &kscale, std::int64_t)
{
    check::quantizedScores(q8, k8, w, kscale);
    return fresh(w, {q8.size(0), q8.size(1), k8.size(1)}, reference::accumulateType(w.scalar_type()));
}

Tensor decode_scores(const Tensor &q8, const Tensor &w, const Tensor &pages, const Tensor &table, const Tensor &lengths)
{
    check::decodeScores(q8, w, pages, table, lengths);
    return fresh(w, {q8.size(0), q8.size(1), kPageKeys * table.size(1)}, reference::accumulateType(w.scalar_type()));
}

std::tuple<Tensor, Tensor> decode_select(const Tensor &scores, std::int64_t k, const Tensor &lengths)
{
    check::decodeSelect(scores, k, lengths);
    return {fresh(scores, {scores.size(0), scores.size(1), k}, at::kInt),
            fresh(scores, {scores.size(0), scores.size(1)}, at::kInt)};
}

std::tuple<Tensor, Tensor> gathered_decode(const Tensor &q, const Tensor &pages, const Tensor &table, const Tensor &idx,
                                           std::int64_t dv, std::optional<double>)
{
    check::gatheredDecode(q, pages, table, idx, dv);
    return {fresh(q, {q.size(0), q.size(1), q.size(2), dv}, q.scalar_type()),
            fresh(q, {q.size(0), q.size(1), q.size(2)}, reference::accumulateType(q.scalar_type()))};
}

} // namespace

} // namespace meta

void keepDecode() {}

} // namespace dispatch

namespace {

template <class Signature>
c10::TypedOperatorHandle<Signature> find(const char *name)
{
    dispatch::keepDecodeKernels();
    return c10::Dispatcher::singleton().findSchemaOrThrow(name, "").typed<Signature>();
}

} // namespace

std::tuple<Tensor, Tensor, Tensor, Tensor> index_quantize(const Tensor &qi, const Tensor &ki, const Tensor &w)
{
    static const auto op = find<decltype(index_quantize)>("dsa::index_quantize");
    return op.call(qi, ki, w);
}

Tensor index_scores_quantized(const Tensor &q8, const Tensor &k8, const Tensor &w, const Tensor &kscale,
                              std::int64_t offset)
{
    static const auto op = find<decltype(index_scores_quantized)>("dsa::index_scores_quantized");
    return op.call(q8, k8, w, kscale, offset);
}

Tensor decode_scores(const Tensor &q8, const Tensor &w, const Tensor &pages, const Tensor &table, const Tensor &lengths)
{
    static const auto op = find<decltype(decode_scores)>("dsa::decode_scores");
    return op.call(q8, w, pages, table, lengths);
}

std::tuple<Tensor, Tensor> decode_select(const Tensor &scores, std::int64_t k, const Tensor &lengths)
{
    static const auto op = find<decltype(decode_select)>("dsa::decode_select");
    return op.call(scores, k, lengths);
}

std::tuple<Tensor, Tensor> gathered_decode(const Tensor &q, const Tensor &pages, const Tensor &table, const Tensor &idx,
                                           std::int64_t dv, std::optional<double> scale)
{
    static const auto op = find<decltype(gathered_decode)>("dsa::gathered_decode");
    return op.call(q, pages, table, idx, dv, scale);
}

} // namespace dsa

TORCH_LIBRARY_FRAGMENT(dsa, m)
{
    m.def("index_quantize(Tensor qi, Tensor ki, Tensor w) -> (Tensor q8, Tensor w2, Tensor k8, Tensor kscale)");
    m.def("index_scores_quantized(Tensor q8, Tensor k8, Tensor w, Tensor kscale, int offset=0) -> Tensor");
    m.def("decode_scores(Tensor q8, Tensor w, Tensor pages, Tensor table, Tensor lengths) -> Tensor");
    m.def("decode_select(Tensor scores, int k, Tensor lengths) -> (Tensor idx, Tensor count)");
    m.def("gathered_decode(Tensor q, Tensor pages, Tensor table, Tensor idx, int dv, float? scale=None) "
          "-> (Tensor o, Tensor lse)");
}

TORCH_LIBRARY_IMPL(dsa, CompositeExplicitAutograd, m)
{
    namespace plain = dsa::dispatch::plain;
    m.impl("index_quantize", TORCH_FN(plain::index_quantize));
    m.impl("index_scores_quantized", TORCH_FN(plain::index_scores_quantized));
    m.impl("decode_scores", TORCH_FN(plain::decode_scores));
    m.impl("decode_select", TORCH_FN(plain::decode_select));
    m.impl("gathered_decode", TORCH_FN(plain::gathered_decode));
}

TORCH_LIBRARY_IMPL(dsa, Meta, m)
{
    namespace meta = dsa::dispatch::meta;
    m.impl("index_quantize", TORCH_FN(meta::index_quantize));
    m.impl("index_scores_quantized", TORCH_FN(meta::index_scores_quantized));
    m.impl("decode_scores", TORCH_FN(meta::decode_scores));
    m.impl("decode_select", TORCH_FN(meta::decode_select));
    m.impl("gathered_decode", TORCH_FN(meta::gathered_decode));
}
