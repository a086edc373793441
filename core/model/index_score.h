#pragma once

#include "core/model/selector.h"
#include "kernels/ops/dsa.h"

#include <ATen/core/Tensor.h>

#include <tuple>

// B batch, T queries, S keys, HI indexer heads, H attention heads, KV key heads
/// The index score I[t,s] = sum_j w[t,j] f(q[t,j] . k[s]) and what is made of it, for every activation f. ReLU goes to the
/// operations of kernels/ops, which know no other; every other one is computed here in plain tensor operations, which keep
/// the dot products [B,HI,T,S] whole. Formulas: resources/help/mathematics.md.
namespace sparsescope {

/// f(q.k) [B,HI,T,S], fp32 (fp64 for fp64 factors), of every pair, also those beyond causality. Differentiable in q, k, slope.
at::Tensor indexTerms(const IndexFactors &factors);

/// [B,T,S], fp32 or fp64, -inf beyond causality. Differentiable in all factors.
at::Tensor indexScores(const IndexFactors &factors, std::int64_t offset = 0);

/// As dsa::index_select: the selection, its lowest score [B,T] and log sum exp of the selected scores [B,T].
std::tuple<dsa::Selection, at::Tensor, at::Tensor> indexSelect(const IndexFactors &factors, std::int64_t topK,
                                                               std::int64_t offset, bool wantIdx);

/// As dsa::index_kl, mean over the rows: of the attention q [B,H,T,Dqk], k [B,KV,S,Dqk] with its log-sum-exp lse [B,H,T] against
/// softmax I over the same keys. Differentiable in the factors alone.
at::Tensor indexDivergence(const IndexFactors &factors, const at::Tensor &q, const at::Tensor &k, const at::Tensor &lse,
                           const dsa::Selection &selection, const at::Tensor &lseSelected, double scale,
                           dsa::KlTarget target);

} // namespace sparsescope
