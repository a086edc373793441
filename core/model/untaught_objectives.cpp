#include "core/model/untaught_objectives.h"

#include "core/base/error.h"
#include "core/model/index_score.h"
#include "core/model/layer_parts.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/log_softmax.h>

#include <limits>

namespace sparsescope {
at::Tensor untaughtObjective(KlTarget target, const IndexFactors &factors, std::int64_t offset)
{
    if (target != KlTarget::Entropy && target != KlTarget::Diversity) {
        throw Failure({"no objective without a teacher", "kl", toString(target), "entropy or diversity", ""});
    }
    const NoAutocast noAutocast;
    const std::int64_t queries = factors.q.size(1), keys = factors.k.size(1);
    const at::TensorOptions where = at::TensorOptions().device(factors.q.device()).dtype(at::kLong);
    const at::Tensor position = at::arange(offset, offset + queries, where).unsqueeze(-1); // [T,1]
    const at::Tensor future = at::arange(keys, where).unsqueeze(0) > position;             // [T,S]
    const at::Tensor w = inFullPrecision(factors.w).transpose(1, 2).unsqueeze(-1);         // [B,HI,T,1]
    const at::Tensor scores = (indexTerms(factors) * w).sum(1);
    const at::Tensor logs = at::log_softmax(scores.masked_fill(future, -std::numeric_limits<float>::infinity()), -1);
    const at::Tensor p = logs.exp();
    if (target == KlTarget::Entropy) {
        const at::Tensor entropy = -(p * logs.masked_fill(future, 0)).sum(-1); // 0 log 0 = 0
        const at::Tensor most = (position.squeeze(-1) + 1).to(at::kFloat).log();
        return (entropy.narrow(1, 1, queries - 1) / most.narrow(0, 1, queries - 1)).mean();
    }
    const at::Tensor lengths = p.square().sum(-1).sqrt(); // at least 1/sqrt(t+1): each p_t sums to 1
    const at::Tensor before = p.narrow(1, 0, queries - 1), now = p.narrow(1, 1, queries - 1);
    return ((before * now).sum(-1) / (lengths.narrow(1, 0, queries - 1) * lengths.narrow(1, 1, queries - 1))).mean();
}

} // namespace sparsescope
