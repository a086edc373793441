#include "core/model/multi_head_attention.h"

#include "core/model/layer_parts.h"
#include "kernels/ops/dsa.h"

#include <ATen/ops/linear.h>

namespace sparsescope {

MultiHeadAttention::MultiHeadAttention(const ModelOptions &options, int layer, Parameters &parameters,
                                       const std::string &prefix)
    : SelectedAttention(options, layer, options.dModel, parameters, prefix)
{
    const std::int64_t width = options.dModel, heads = options.nHeads, keyHeads = options.nKvHeads,
                       dim = options.headDim;
    m_queries = parameters.add(prefix + "q_proj.weight", {heads * dim, width}, projectionStart(width));
    m_keys = parameters.add(prefix + "k_proj.weight", {keyHeads * dim, width}, projectionStart(width));
    m_values = parameters.add(prefix + "v_proj.weight", {keyHeads * dim, width}, projectionStart(width));
    if (options.attentionBias) {
        m_queryBias = parameters.add(prefix + "q_proj.bias", {heads * dim}, zeros());
        m_keyBias = parameters.add(prefix + "k_proj.bias", {keyHeads * dim}, zeros());
        m_valueBias = parameters.add(prefix + "v_proj.bias", {keyHeads * dim}, zeros());
    }
    if (options.qkNorm) {
        m_queryNorm = parameters.add(prefix + "q_norm.weight", {dim}, ones());
        m_keyNorm = parameters.add(prefix + "k_norm.weight", {dim}, ones());
    }
    m_output =
        parameters.add(prefix + "o_proj.weight", {width, heads * dim}, projectionStart(heads * dim, options.nLayers));
}

at::Tensor MultiHeadAttention::forward(const NormedRows &x, AttentionContext &context)
{
    const std::int64_t batch = x.low.size(0), tokens = x.low.size(1), dim = m_options.headDim;
    const at::Tensor &input = x.low;
    const auto heads = [&](const at::Tensor &weight, const at::Tensor &bias, std::int64_t count) {
        return at::linear(input, weight, given(bias)).view({batch, tokens, count, dim});
    };
    at::Tensor q = heads(m_queries, m_queryBias, m_options.nHeads);
    at::Tensor k = heads(m_keys, m_keyBias, m_options.nKvHeads);
    at::Tensor v = heads(m_values, m_valueBias, m_options.nKvHeads).transpose(1, 2);
    if (m_queryNorm.defined()) {
        q = rmsNorm(q, m_queryNorm, m_options.normEps);
        k = rmsNorm(k, m_keyNorm, m_options.normEps);
    }
    const RotaryTables &rotary = context.rotary;
    q = dsa::apply_rope(q.transpose(1, 2), rotary.cos, rotary.sin, dsa::RopeStyle::HalfSplit);
    k = dsa::apply_rope(k.transpose(1, 2), rotary.cos, rotary.sin, dsa::RopeStyle::HalfSplit);
    if (context.cache) {
        k = context.cache->keys.append(k);
        v = context.cache->values.append(v);
    }
    const at::Tensor out = attend({q, k, v, x, input}, context);
    return at::linear(out.transpose(1, 2).reshape({batch, tokens, m_options.nHeads * dim}), m_output);
}

} // namespace sparsescope
