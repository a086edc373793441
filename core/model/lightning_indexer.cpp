#include "core/model/lightning_indexer.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/linear.h>

#include <cmath>

namespace sparsescope {

LightningIndexer::LightningIndexer(const ModelOptions &options, int querySource, Parameters &parameters,
                                   const std::string &prefix)
    : m_heads(options.indexHeads)
    , m_dim(options.indexHeadDim)
    , m_rope(options.indexRope)
    , m_activation(options.indexActivation)
    , m_attached(options.plantedAttachedIndexer)
    , m_queries(parameters.add(prefix + "wq_b.weight", {static_cast<std::int64_t>(m_heads) * m_dim, querySource},
                               projectionStart(querySource)))
    , m_keys(parameters.add(prefix + "wk.weight", {m_dim, options.dModel}, projectionStart(options.dModel)))
    , m_normWeight(parameters.add(prefix + "k_norm.weight", {m_dim}, ones()))
    , m_normBias(parameters.add(prefix + "k_norm.bias", {m_dim}, zeros()))
    , m_weights(
          parameters.add(prefix + "weights_proj.weight", {m_heads, options.dModel}, projectionStart(options.dModel)))
{
    if (m_activation == IndexActivation::Prelu) {
        m_slope = parameters.add(prefix + "activation.weight", {m_heads}, zeros()); // it begins as relu
    }
}

IndexFactors LightningIndexer::forward(const NormedRows &x, const at::Tensor &u, const RotaryTables &rotary) const
{
    const auto taken = [this](const at::Tensor &rows) { return m_attached ? rows : rows.detach(); };
    const std::int64_t batch = x.low.size(0), tokens = x.low.size(1);
    const at::Tensor rawQueries = at::linear(taken(u), m_queries).view({batch, tokens, m_heads, m_dim});
    const at::Tensor rawKeys = at::linear(taken(x.low), m_keys);
    const auto style = m_rope == RopeStyle::Interleaved ? dsa::RopeStyle::Interleaved : dsa::RopeStyle::HalfSplit;
    IndexFactors factors;
    factors.activation = m_activation;
    factors.slope = m_slope;
    std::tie(factors.q, factors.k) =
        dsa::index_prepare(rawQueries, rawKeys, m_normWeight, m_normBias, rotary.cos, rotary.sin, style);
    const NoAutocast noAutocast;
    factors.w = at::linear(inFullPrecision(taken(x.full)), inFullPrecision(m_weights)) /
                std::sqrt(static_cast<double>(m_heads) * m_dim);
    return factors;
}

} // namespace sparsescope
