#include "kernels/ops/reference.h"

#include <ATen/ops/add.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/logaddexp.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <limits>

namespace dsa::reference {

namespace {

constexpr double kLowest = std::numeric_limits<float>::lowest();
constexpr double kTiny = std::numeric_limits<float>::min();

/// On the CPU low precision is widened once, instead of at every product.
Tensor working(const Tensor &x, at::ScalarType type) { return x.is_cuda() ? x : x.to(type); }

/// On a GPU the second product runs in the inputs' type with fp32 sums; on the CPU everything is wide already.
Tensor lowered(const Tensor &x, const Tensor &like) { return x.to(like.scalar_type()); }

/// q times scale where that loses nothing, so that the [.., T, S] array is spared a pass; else `rest` is left for the scores.
struct ScaledQueries {
    Tensor q;
    double rest;
    ScaledQueries(const Tensor &queries, at::ScalarType type, double scale)
        : q(working(queries, type))
        , rest(1)
    {
        if (q.scalar_type() == type) {
            q = q.mul(scale);
        } else {
            rest = scale;
        }
    }
    void finish(Tensor &scores) const
    {
        if (rest != 1) {
            scores.mul_(rest);
        }
    }
};

struct Heads {
    std::int64_t batch, heads, kvHeads, group;
    Heads(const Tensor &q, const Tensor &k)
        : batch(q.size(0))
        , heads(q.size(1))
        , kvHeads(k.size(1))
        , group(q.size(1) / k.size(1))
    {}
    /// [B,H,T,D] rows [begin, begin+count) -> [B*KV, G*count, D]
    Tensor queries(const Tensor &x, std::int64_t begin, std::int64_t count) const
    {
        return x.narrow(2, begin, count).reshape({batch * kvHeads, group * count, x.size(3)});
    }
    /// [B,KV,S,D] -> [B*KV,S,D]
    Tensor keys(const Tensor &x) const { return x.reshape({batch * kvHeads, x.size(2), x.size(3)}); }
};

} // namespace

std::tuple<Tensor, Tensor> attention(const Tensor &queries, const Tensor &keys, const Tensor &values, const Mask &mask,
                                     double scale)
{
    const at::ScalarType type = accumulateType(queries.scalar_type());
    const auto options = queries.options().dtype(type);
    const Heads heads(queries, keys);
    const ScaledQueries scaled(queries, type, scale);
    const Tensor &q = scaled.q, k3 = heads.keys(working(keys, type)), v3 = heads.keys(working(values, type));
    const std::int64_t rows = q.size(2), allKeys = keys.size(2), valueWidth = values.size(3);
    Tensor o = at::empty({heads.batch, heads.heads, rows, valueWidth}, queries.options());
    Tensor lse = at::empty({heads.batch, heads.heads, rows}, options);
    const std::int64_t chunk = chunkRows(rows, heads.batch * heads.heads * allKeys * bytesOf(type), q.device());
    for (std::int64_t begin = 0; begin < rows; begin += chunk) {
        const std::int64_t count = std::min(chunk, rows - begin), seen = mask.keys(begin + count, allKeys);
        if (seen == 0) {
            o.narrow(2, begin, count).zero_();
            lse.narrow(2, begin, count).fill_(-kInfinity);
            continue;
        }
        Tensor scores = product(heads.queries(q, begin, count), k3.narrow(1, 0, seen).transpose(1, 2));
        scaled.finish(scores);
        Tensor byHead = scores.view({heads.batch, heads.heads, count, seen});
        const Tensor bias = mask.bias(begin, begin + count, seen, options);
        // A row without a key has the maximum -inf; the clamp keeps -inf - -inf away, its sum is 0.
        const Tensor top = byHead.add_(bias.unsqueeze(1)).amax(-1, true).clamp_min_(kLowest);
        maskedExp(byHead, top, bias);
        const Tensor sum = byHead.sum(-1, true);
        const Tensor out =
            product(lowered(scores, v3), v3.narrow(1, 0, seen)).view({heads.batch, heads.heads, count, valueWidth});
        o.narrow(2, begin, count).copy_(out.div(sum.clamp_min(kTiny)));
        lse.narrow(2, begin, count).copy_(at::add(sum.log(), top).squeeze(-1));
    }
    return {o, lse};
}

std::array<Tensor, 3> attentionBackward(const Tensor &gradO, const Tensor &queries, const Tensor &keys,
                                        const Tensor &values, const Tensor &o, const Tensor &lse, const Mask &mask,
                                        double scale)
{
    const at::ScalarType type = accumulateType(queries.scalar_type());
    const auto options = queries.options().dtype(type);
    const Heads heads(queries, keys);
    const ScaledQueries scaled(queries, type, scale);
    const Tensor &q = scaled.q, k3 = heads.keys(working(keys, type)), v3 = heads.keys(working(values, type));
    const Tensor go = working(gradO, type).to(q.scalar_type());
    const std::int64_t rows = q.size(2), allKeys = keys.size(2);
    Tensor gradQ = at::empty(queries.sizes(), options), gradK = at::zeros(k3.sizes(), options),
           gradV = at::zeros(v3.sizes(), options);
    const Tensor delta = gradO.to(type).mul(o).sum(-1, true);
    const Tensor safeLse = lse.clamp_min(kLowest).unsqueeze(-1);
    const std::int64_t chunk = chunkRows(rows, 2 * heads.batch * heads.heads * allKeys * bytesOf(type), q.device());
    for (std::int64_t begin = 0; begin < rows; begin += chunk) {
        const std::int64_t count = std::min(chunk, rows - begin), seen = mask.keys(begin + count, allKeys);
        const std::array<std::int64_t, 4> byHead{heads.batch, heads.heads, count, seen};
        const Tensor qPart = heads.queries(q, begin, count), goPart = heads.queries(go, begin, count),
                     kPart = k3.narrow(1, 0, seen);
        Tensor p = product(qPart, kPart.transpose(1, 2));
        scaled.finish(p);
        const Tensor bias = mask.bias(begin, begin + count, seen, options);
        Tensor cells = p.view(byHead).add_(bias.unsqueeze(1));
        maskedExp(cells, safeLse.narrow(2, begin, count), bias);
        gradV.narrow(1, 0, seen).add_(product(lowered(p, v3).transpose(1, 2), goPart));
        Tensor gradScores = product(goPart, v3.narrow(1, 0, seen).transpose(1, 2));
        gradScores.view(byHead).sub_(delta.narrow(2, begin, count));
        gradScores.mul_(p);
        scaled.finish(gradScores);
        const Tensor low = lowered(gradScores, k3);
        gradQ.narrow(2, begin, count).copy_(product(low, kPart).view({heads.batch, heads.heads, count, q.size(3)}));
        gradK.narrow(1, 0, seen).add_(product(low.transpose(1, 2), qPart));
    }
    if (scaled.rest == 1) {
        gradQ.mul_(scale);
    }
    return {gradQ.to(queries.scalar_type()), gradK.view(keys.sizes()).to(keys.scalar_type()),
            gradV.view(values.sizes()).to(values.scalar_type())};
}

std::tuple<Tensor, Tensor> gathered(const Tensor &q, const Tensor &kv, const Tensor &idx, std::int64_t dv, double scale,
                                    const Tensor &sink)
{
    const at::ScalarType type = accumulateType(q.scalar_type());
    const auto options = q.options().dtype(type);
    const std::int64_t rows = q.size(0), heads = q.size(1), slots = idx.size(1), width = q.size(2);
    Tensor o = at::zeros({rows, heads, dv}, q.options()), lse = at::full({rows, heads}, -kInfinity, options);
    if (slots == 0 || kv.size(0) == 0) {
        return {o, lse};
    }
    const std::int64_t chunk = chunkRows(rows, slots * (heads + width) * bytesOf(type), q.device());
    for (std::int64_t begin = 0; begin < rows; begin += chunk) {
        const std::int64_t count = std::min(chunk, rows - begin);
        const Tensor places = idx.narrow(0, begin, count);
        const Tensor table = kv.index_select(0, places.clamp_min(0).flatten()).view({count, slots, width});
        Tensor scores = product(q.narrow(0, begin, count), table.transpose(1, 2)).mul_(scale);
        scores.masked_fill_(places.lt(0).unsqueeze(1), -kInfinity);
        const Tensor top = scores.amax(-1, true).clamp_min_(kLowest);
        const Tensor sum = scores.sub_(top).exp_().sum(-1, true);
        const Tensor logSum = at::add(sum.log(), top);
        Tensor out = product(lowered(scores, table), table.narrow(2, 0, dv)).div_(sum.clamp_min(kTiny));
        if (sink.defined()) {
            out.mul_(logSum.sub(sink.to(type).view({1, heads, 1})).sigmoid_());
        }
        o.narrow(0, begin, count).copy_(out);
        lse.narrow(0, begin, count).copy_(logSum.squeeze(-1));
    }
    return {o, lse};
}

std::array<Tensor, 3> gatheredBackward(const Tensor &gradO, const Tensor &q, const Tensor &kv, const Tensor &idx,
                                       std::int64_t dv, double scale, const Tensor &sink, const Tensor &o,
                                       const Tensor &lse, bool deterministic)
{
    const at::ScalarType type = accumulateType(q.scalar_type());
    const auto options = q.options().dtype(type);
    const std::int64_t rows = q.size(0), heads = q.size(1), slots = idx.size(1), width = q.size(2);
    Tensor gradQ = at::zeros(q.sizes(), options), gradKv = at::zeros(kv.sizes(), options);
    const Tensor go = gradO.to(q.scalar_type()).contiguous();
    const Tensor delta = gradO.to(type).mul(o).sum(-1, true);
    // With a sink the weights are exp(score - log(exp lse + exp sink)).
    Tensor norm = lse, gradSink;
    if (sink.defined()) {
        norm = at::logaddexp(lse, sink.to(type).unsqueeze(0));
        gradSink =
            sink.to(type).unsqueeze(0).sub(norm).exp_().mul_(delta.squeeze(-1)).neg_().sum(0).to(sink.scalar_type());
    }
    norm = norm.clamp_min(kLowest).unsqueeze(-1);
    if (slots == 0 || kv.size(0) == 0) {
        return {gradQ.to(q.scalar_type()), gradKv.to(kv.scalar_type()), gradSink};
    }
    const std::int64_t chunk = chunkRows(rows, slots * 2 * (heads + width) * bytesOf(type), q.device());
    for (std::int64_t begin = 0; begin < rows; begin += chunk) {
        const std::int64_t count = std::min(chunk, rows - begin);
        const Tensor places = idx.narrow(0, begin, count), absent = places.lt(0);
        const Tensor rowsOf = places.clamp_min(0).flatten().to(at::kLong);
        const Tensor table = kv.index_select(0, rowsOf).view({count, slots, width});
        const Tensor qPart = q.narrow(0, begin, count), goPart = go.narrow(0, begin, count);
        Tensor p = product(qPart, table.transpose(1, 2)).mul_(scale);
        p.masked_fill_(absent.unsqueeze(1), -kInfinity).sub_(norm.narrow(0, begin, count)).exp_();
        const Tensor gradScores = product(goPart, table.narrow(2, 0, dv).transpose(1, 2))
                                      .sub_(delta.narrow(0, begin, count))
                                      .mul_(p)
                                      .mul_(scale);
        const Tensor low = lowered(gradScores, table);
        gradQ.narrow(0, begin, count).copy_(product(low, table));
        Tensor gradRows = product(low.transpose(1, 2), qPart);
        gradRows.narrow(2, 0, dv).add_(product(lowered(p, table).transpose(1, 2), goPart));
        // Absent slots add exact zeros to row 0. index_put_ sums in a fixed order on a GPU, index_add_ does not.
        const Tensor flat = gradRows.view({count * slots, width});
        if (deterministic) {
            gradKv.index_put_({rowsOf}, flat, true);
        } else {
            gradKv.index_add_(0, rowsOf, flat);
        }
    }
    return {gradQ.to(q.scalar_type()), gradKv.to(kv.scalar_type()), gradSink};
}

} // namespace dsa::reference
