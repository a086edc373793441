#pragma once

namespace sparsescope {

/// f in the index score I[t,s] = sum_j w[t,j] f(q[t,j] . k[s]). DeepSeek-V3.2 (arXiv 2512.02556) publishes ReLU, and only that has
/// kernels and checkpoint classes of others. Gelu is the exact one, x Phi(x); Silu x / (1 + exp(-x)); Prelu max(x, 0) + a_j min(x, 0)
/// with a slope a_j of each indexer head, which the indexer learns, from 0 on.
enum class IndexActivation { Relu, Gelu, Silu, Identity, Prelu };

/// f of one dot product; `slope` is a_j and looked at by Prelu alone.
float activated(IndexActivation activation, float dot, float slope);

} // namespace sparsescope
