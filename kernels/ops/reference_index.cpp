#include "kernels/ops/reference.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/threshold_backward.h>
#include <ATen/ops/xlogy.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <limits>

namespace dsa::reference {

namespace {

/// Gradients of weightedSum(indexDots(q, k), w) for gradScores [B,c,n]; gradK is added to.
struct IndexGradients {
    Tensor q, w;
};
IndexGradients indexGradients(const Tensor &gradScores, const Tensor &dots, const Tensor &q, const Tensor &k,
                              const Tensor &w, Tensor &gradK)
{
    const std::int64_t batch = q.size(0), rows = q.size(1), heads = q.size(2), width = q.size(3), keys = k.size(1);
    const Tensor grad = gradScores.unsqueeze(2);
    IndexGradients result;
    result.w = at::mul(dots, grad).sum(-1);
    Tensor gradDots = at::threshold_backward(at::mul(grad, w.to(grad.scalar_type()).unsqueeze(-1)), dots, 0)
                          .view({batch, rows * heads, keys});
    if (gradDots.is_cuda()) {
        gradDots = gradDots.to(q.scalar_type());
    }
    result.q = product(gradDots, k).view({batch, rows, heads, width});
    gradK.narrow(1, 0, keys).add_(product(gradDots.transpose(1, 2), q.reshape({batch, rows * heads, width})));
    return result;
}

} // namespace

Tensor indexDots(const Tensor &q, const Tensor &k)
{
    const std::int64_t batch = q.size(0), rows = q.size(1), heads = q.size(2), keys = k.size(1);
    return product(q.reshape({batch, rows * heads, q.size(3)}), k.transpose(1, 2))
        .relu_()
        .view({batch, rows, heads, keys});
}

Tensor weightedSum(const Tensor &dots, const Tensor &w)
{
    return at::mul(dots, w.to(dots.scalar_type()).unsqueeze(-1)).sum(2);
}

Tensor indexScores(const Tensor &q, const Tensor &k, const Tensor &w, std::int64_t offset)
{
    const std::int64_t batch = q.size(0), rows = q.size(1), keys = k.size(1);
    const at::ScalarType type = accumulateType(q.scalar_type());
    const auto options = q.options().dtype(type);
    Tensor scores = at::full({batch, rows, keys}, -kInfinity, options);
    const Mask mask{{}, offset};
    const std::int64_t chunk = chunkRows(rows, batch * q.size(2) * keys * bytesOf(type), q.device());
    for (std::int64_t begin = 0; begin < rows; begin += chunk) {
        const std::int64_t count = std::min(chunk, rows - begin), seen = mask.keys(begin + count, keys);
        const Tensor part =
            weightedSum(indexDots(q.narrow(1, begin, count), k.narrow(1, 0, seen)), w.narrow(1, begin, count));
        // Filled, not added: a NaN of a later key must not show.
        const Tensor hidden = visibleKeys(begin, count, seen, offset, q.device()).logical_not_();
        scores.narrow(1, begin, count).narrow(2, 0, seen).copy_(part.masked_fill(hidden, -kInfinity));
    }
    return scores;
}

std::array<Tensor, 3> indexScoresBackward(const Tensor &grad, const Tensor &q, const Tensor &k, const Tensor &w,
                                          std::int64_t offset)
{
    const std::int64_t batch = q.size(0), rows = q.size(1), keys = k.size(1);
    const at::ScalarType type = accumulateType(q.scalar_type());
    const auto options = q.options().dtype(type);
    Tensor gradQ = at::empty(q.sizes(), options), gradK = at::zeros(k.sizes(), options),
           gradW = at::empty(w.sizes(), options);
    const Mask mask{{}, offset};
    const std::int64_t chunk = chunkRows(rows, batch * q.size(2) * keys * bytesOf(type), q.device());
    for (std::int64_t begin = 0; begin < rows; begin += chunk) {
        const std::int64_t count = std::min(chunk, rows - begin), seen = mask.keys(begin + count, keys);
        const Tensor qPart = q.narrow(1, begin, count), kPart = k.narrow(1, 0, seen), wPart = w.narrow(1, begin, count);
        // A gradient at an invisible key belongs to a constant.
        const Tensor gradPart = grad.narrow(1, begin, count)
                                    .narrow(2, 0, seen)
                                    .masked_fill(visibleKeys(begin, count, seen, offset, q.device()).logical_not_(), 0);
        const IndexGradients part = indexGradients(gradPart, indexDots(qPart, kPart), qPart, kPart, wPart, gradK);
        gradQ.narrow(1, begin, count).copy_(part.q);
        gradW.narrow(1, begin, count).copy_(part.w);
    }
    return {gradQ.to(q.scalar_type()), gradK.to(k.scalar_type()), gradW.to(w.scalar_type())};
}

namespace {

/// mean over heads of the attention's probabilities, L1-normalised: [B,c,n]; 0 on rows without a key.
Tensor teacher(const Tensor &q, const Tensor &k, const Tensor &lse, const Tensor &bias, double scale)
{
    const std::int64_t batch = q.size(0), heads = q.size(1), rows = q.size(2), width = q.size(3), kvHeads = k.size(1),
                       keys = k.size(2);
    // Scaled before the product where that loses nothing: the queries are the smaller array.
    const bool wide = q.scalar_type() == accumulateType(q.scalar_type());
    Tensor scores = product((wide ? q.mul(scale) : q).reshape({batch * kvHeads, heads / kvHeads * rows, width}),
                            k.reshape({batch * kvHeads, keys, width}).transpose(1, 2))
                        .view({batch, heads, rows, keys});
    if (!wide) {
        scores.mul_(scale);
    }
    const Tensor safeLse = lse.to(scores.scalar_type()).clamp_min(std::numeric_limits<float>::lowest());
    maskedExp(scores.add_(bias.unsqueeze(1)), safeLse.unsqueeze(-1), bias);
    Tensor p = scores.sum(1);
    return p.div_(p.sum(-1, true).clamp_min_(std::numeric_limits<float>::min()));
}

} // namespace

KlResult indexKl(const Tensor &qi, const Tensor &ki, const Tensor &w, const Tensor &q, const Tensor &k,
                 const Tensor &lse, const Mask &mask, const Tensor &lseSelected, double scale, std::int64_t rowStride,
                 const Tensor &phase, bool wantGradients)
{
    const std::int64_t batch = qi.size(0), rows = qi.size(1), keys = ki.size(1),
                       heads = std::max(qi.size(2), q.size(1));
    const at::ScalarType type = accumulateType(qi.scalar_type());
    const auto options = qi.options().dtype(type);
    KlResult result;
    result.rows = at::zeros({batch, rows}, options);
    if (wantGradients) {
        result.gradQ = at::empty(qi.sizes(), options);
        result.gradK = at::zeros(ki.sizes(), options);
        result.gradW = at::empty(w.sizes(), options);
    }
    // Rows that count: a visible key (a teacher of mass 1), and of the wanted 64-query blocks.
    Tensor used = at::empty({batch, rows}, options);
    Tensor sampled;
    if (rowStride > 1) {
        const Tensor block = at::arange(rows, options.dtype(at::kLong)).floor_divide(64).remainder(rowStride);
        sampled = (phase.defined() ? block.eq(phase.to(at::kLong).remainder(rowStride)) : block.eq(0)).to(type);
    }
    const std::int64_t chunk = chunkRows(rows, batch * heads * keys * bytesOf(type), qi.device());
    for (std::int64_t begin = 0; begin < rows; begin += chunk) {
        const std::int64_t count = std::min(chunk, rows - begin), end = begin + count, seen = mask.keys(end, keys);
        const Tensor bias = mask.bias(begin, end, seen, options);
        const Tensor p =
            teacher(q.narrow(2, begin, count), k.narrow(2, 0, seen), lse.narrow(2, begin, count), bias, scale).to(type);
        const Tensor qPart = qi.narrow(1, begin, count), kPart = ki.narrow(1, 0, seen),
                     wPart = w.narrow(1, begin, count);
        const Tensor dots = indexDots(qPart, kPart);
        Tensor logQ = weightedSum(dots, wPart);
        const Tensor norm =
            lseSelected.defined() ? lseSelected.narrow(1, begin, count).to(type) : logQ.add(bias).logsumexp(-1);
        logQ.sub_(norm.clamp_min(std::numeric_limits<float>::lowest()).unsqueeze(-1));
        Tensor weight = p.sum(-1).gt_(0.5);
        if (sampled.defined()) {
            weight.mul_(sampled.narrow(0, begin, count));
        }
        used.narrow(1, begin, count).copy_(weight);
        result.rows.narrow(1, begin, count).copy_(at::xlogy(p, p).sub_(at::mul(p, logQ)).sum(-1).mul_(weight));
        if (wantGradients) {
            const Tensor gradScores = logQ.add_(bias).exp_().sub_(p).mul_(weight.unsqueeze(-1));
            const IndexGradients part = indexGradients(gradScores, dots, qPart, kPart, wPart, result.gradK);
            result.gradQ.narrow(1, begin, count).copy_(part.q);
            result.gradW.narrow(1, begin, count).copy_(part.w);
        }
    }
    const Tensor divisor = used.sum().clamp_min_(1);
    result.loss = result.rows.sum().div_(divisor);
    if (wantGradients) {
        result.gradQ.div_(divisor);
        result.gradK.div_(divisor);
        result.gradW.div_(divisor);
    }
    return result;
}

Tensor indexKlUniform(const Tensor &q, const Tensor &k, const Tensor &lse, const Mask &mask, double scale)
{
    const std::int64_t batch = q.size(0), rows = q.size(2), keys = k.size(2);
    const at::ScalarType type = accumulateType(q.scalar_type());
    const auto options = q.options().dtype(type);
    Tensor result = at::zeros({batch, rows}, options);
    const std::int64_t chunk = chunkRows(rows, batch * q.size(1) * keys * bytesOf(type), q.device());
    for (std::int64_t begin = 0; begin < rows; begin += chunk) {
        const std::int64_t count = std::min(chunk, rows - begin), end = begin + count, seen = mask.keys(end, keys);
        const Tensor bias = mask.bias(begin, end, seen, options);
        const Tensor p =
            teacher(q.narrow(2, begin, count), k.narrow(2, 0, seen), lse.narrow(2, begin, count), bias, scale);
        const Tensor setSize = bias.exp().sum(-1).clamp_min_(1);
        result.narrow(1, begin, count).copy_(at::xlogy(p, p).sum(-1).add_(setSize.log_()));
    }
    return result;
}

} // namespace dsa::reference
