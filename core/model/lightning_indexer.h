#pragma once

#include "core/model/layer_parts.h"
#include "core/model/model_options.h"
#include "core/model/parameters.h"
#include "core/model/rotary.h"
#include "core/model/selector.h"

#include <ATen/core/Tensor.h>

#include <string>

// B batch, S tokens, D model width, U width of the query source, HI indexer heads, dI their width
namespace sparsescope {

/// Makes the factors of the score I[t,s] = sum_j w[t,j] f(q[t,j] . k[s]), f = relu as published (DeepSeek-V3.2, arXiv 2512.02556).
/// Detaches its inputs: the indexer learns from its KL loss, never from the language-model loss.
class LightningIndexer {
public:
    LightningIndexer(const ModelOptions &options, int querySource, Parameters &parameters, const std::string &prefix);
    /// x [B,S,D] normed, u [B,S,U] the query latent (MLA) or x itself.
    IndexFactors forward(const NormedRows &x, const at::Tensor &u, const RotaryTables &rotary) const;

private:
    int m_heads, m_dim;
    RopeStyle m_rope;
    IndexActivation m_activation;
    bool m_attached;                     ///< a planted fault: see ModelOptions
    at::Tensor m_queries;                ///< wq_b [HI dI, U]
    at::Tensor m_keys;                   ///< wk [dI, D]
    at::Tensor m_normWeight, m_normBias; ///< k_norm [dI]
    at::Tensor m_weights;                ///< weights_proj [HI, D]
    at::Tensor m_slope;                  ///< of prelu: activation [HI]; undefined otherwise
};

} // namespace sparsescope
