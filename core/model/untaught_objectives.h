#pragma once

#include "core/base/config.h"
#include "core/model/selector.h"

#include <ATen/core/Tensor.h>

namespace sparsescope {

/// Losses of an indexer that look at no attention, of its distribution p_t = softmax of I[t,s] over the visible keys s <= t:
///   Entropy    mean over t >= 1 of H(p_t) / ln(t+1): 0 where each query takes one key, 1 where it takes all alike.
///   Diversity  mean over t >= 1 of the cosine of p_t and p_{t-1}: 1 where each query takes the keys of the one before.
/// Both are minimised. They stand beside the KL loss to find out whether an indexer can do without a teacher; the study that
/// names them gives no formula. Plain operations that hold B x HI x T x S numbers: for windows of a few thousand tokens.
/// `factors` of T >= 2 queries that begin after `offset` tokens, with gradient. Returns [] fp32. Throws Failure for a target
/// that compares with the attention.
at::Tensor untaughtObjective(KlTarget target, const IndexFactors &factors, std::int64_t offset = 0);

} // namespace sparsescope
