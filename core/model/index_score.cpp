#include "core/model/index_score.h"

#include "core/model/layer_parts.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/clamp_max.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/xlogy.h>
#include <c10/core/GradMode.h>

#include <limits>

namespace sparsescope {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

at::Tensor activated(const at::Tensor &dots, const IndexFactors &factors)
{
    switch (factors.activation) {
    case IndexActivation::Relu:
        break;
    case IndexActivation::Gelu:
        return at::gelu(dots);
    case IndexActivation::Silu:
        return at::silu(dots);
    case IndexActivation::Identity:
        return dots;
    case IndexActivation::Prelu:
        return at::relu(dots) + at::clamp_max(dots, 0) * factors.slope.to(dots.scalar_type()).view({1, -1, 1, 1});
    }
    return at::relu(dots);
}

/// bool [T,S]: s > t + offset.
at::Tensor future(std::int64_t queries, std::int64_t keys, std::int64_t offset, const at::Device &device)
{
    const at::TensorOptions whole = at::TensorOptions().device(device).dtype(at::kLong);
    return at::arange(keys, whole).unsqueeze(0) > at::arange(offset, offset + queries, whole).unsqueeze(1);
}

/// [B,T,S] of every pair.
at::Tensor allScores(const IndexFactors &factors)
{
    const at::Tensor w = inFullPrecision(factors.w).transpose(1, 2).unsqueeze(-1); // [B,HI,T,1]
    return (indexTerms(factors) * w).sum(1);
}

/// mean over heads of the attention's probabilities over the keys that are not `hidden`, which sum to 1: [B,T,S].
at::Tensor teacher(const at::Tensor &q, const at::Tensor &k, const at::Tensor &lse, const at::Tensor &hidden,
                   double scale)
{
    const c10::NoGradGuard noGrad;
    const std::int64_t heads = q.size(1), perKey = heads / k.size(1);
    at::Tensor sum;
    for (std::int64_t head = 0; head < heads; ++head) { // one at a time: [B,H,T,S] would be the largest array of all
        const at::Tensor dots =
            at::matmul(inFullPrecision(q.select(1, head)), inFullPrecision(k.select(1, head / perKey)).transpose(1, 2));
        const at::Tensor p =
            (dots * scale - inFullPrecision(lse.select(1, head)).unsqueeze(-1)).exp().masked_fill(hidden, 0);
        sum = sum.defined() ? sum.add_(p) : p;
    }
    return sum.div_(sum.sum(-1, true).clamp_min_(std::numeric_limits<float>::min()));
}

} // namespace

at::Tensor indexTerms(const IndexFactors &factors)
{
    const NoAutocast noAutocast;
    const at::Tensor q = inFullPrecision(factors.q).transpose(1, 2);              // [B,HI,T,dI]
    const at::Tensor k = inFullPrecision(factors.k).unsqueeze(1).transpose(2, 3); // [B,1,dI,S]
    return activated(at::matmul(q, k), factors);
}

at::Tensor indexScores(const IndexFactors &factors, std::int64_t offset)
{
    if (factors.activation == IndexActivation::Relu) {
        return dsa::index_scores(factors.q, factors.k, factors.w, offset);
    }
    const NoAutocast noAutocast;
    return allScores(factors).masked_fill(future(factors.q.size(1), factors.k.size(1), offset, factors.q.device()),
                                          -kInfinity);
}

std::tuple<dsa::Selection, at::Tensor, at::Tensor> indexSelect(const IndexFactors &factors, std::int64_t topK,
                                                               std::int64_t offset, bool wantIdx)
{
    if (factors.activation == IndexActivation::Relu) {
        return dsa::index_select(factors.q, factors.k, factors.w, topK, offset, true, wantIdx);
    }
    const c10::NoGradGuard noGrad;
    const at::Tensor scores = indexScores(factors, offset);
    dsa::Selection selection = dsa::topk_select(scores, topK, offset, true, wantIdx);
    const at::Tensor left = dsa::unpack_mask(selection, scores.size(2)).logical_not_();
    const at::Tensor tau = scores.masked_fill(left, kInfinity).amin(-1);
    const at::Tensor lse = at::logsumexp(scores.masked_fill(left, -kInfinity), {-1});
    return {std::move(selection), tau, lse};
}

at::Tensor indexDivergence(const IndexFactors &factors, const at::Tensor &q, const at::Tensor &k, const at::Tensor &lse,
                           const dsa::Selection &selection, const at::Tensor &lseSelected, double scale,
                           dsa::KlTarget target)
{
    if (factors.activation == IndexActivation::Relu) {
        return std::get<0>(
            dsa::index_kl(factors.q, factors.k, factors.w, q, k, lse, selection, lseSelected, scale, target));
    }
    const NoAutocast noAutocast;
    const std::int64_t queries = factors.q.size(1), keys = factors.k.size(1);
    at::Tensor hidden = future(queries, keys, keys - queries, q.device()).unsqueeze(0);
    if (target == dsa::KlTarget::Selected) {
        hidden = dsa::unpack_mask(selection, keys).logical_not_();
    }
    const at::Tensor p = teacher(q, k, lse, hidden, scale);
    // A row without a key has no scores to compare: its logarithms would be NaN, and their gradients too.
    const at::Tensor unused = hidden.all(-1, /*keepdim=*/true);
    const at::Tensor logs =
        at::log_softmax(allScores(factors).masked_fill(hidden.logical_and(unused.logical_not()), -kInfinity), -1);
    const at::Tensor rows = (at::xlogy(p, p) - p * logs.masked_fill(hidden, 0)).sum(-1); // 0 log 0 = 0
    return rows.sum() / unused.logical_not().expand({rows.size(0), queries, 1}).sum().clamp_min(1);
}

} // namespace sparsescope
