#include "core/model/multi_head_latent_attention.h"

#include "core/model/layer_parts.h"
#include "kernels/ops/dsa.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/matmul.h>

namespace sparsescope {

MultiHeadLatentAttention::MultiHeadLatentAttention(const ModelOptions &options, int layer, Parameters &parameters,
                                                   const std::string &prefix)
    : SelectedAttention(options, layer, options.qLoraRank.value_or(options.dModel), parameters, prefix)
{
    const std::int64_t width = options.dModel, heads = options.nHeads, latent = options.kvLoraRank;
    const std::int64_t rotary = options.qkRopeHeadDim, queryDim = options.qkHeadDim();
    if (options.qLoraRank) {
        const std::int64_t rank = *options.qLoraRank;
        m_queryDown = parameters.add(prefix + "q_a_proj.weight", {rank, width}, projectionStart(width));
        m_queryNorm = parameters.add(prefix + "q_a_layernorm.weight", {rank}, ones());
        m_queryUp = parameters.add(prefix + "q_b_proj.weight", {heads * queryDim, rank}, projectionStart(rank));
        if (options.attentionBias) {
            m_queryDownBias = parameters.add(prefix + "q_a_proj.bias", {rank}, zeros());
        }
    } else {
        m_queries = parameters.add(prefix + "q_proj.weight", {heads * queryDim, width}, projectionStart(width));
    }
    m_keyValueDown =
        parameters.add(prefix + "kv_a_proj_with_mqa.weight", {latent + rotary, width}, projectionStart(width));
    m_keyValueNorm = parameters.add(prefix + "kv_a_layernorm.weight", {latent}, ones());
    m_keyValueUp =
        parameters.add(prefix + "kv_b_proj.weight", {heads * (options.qkNopeHeadDim + options.vHeadDim), latent},
                       projectionStart(latent));
    const std::int64_t inner = heads * options.vHeadDim;
    m_output = parameters.add(prefix + "o_proj.weight", {width, inner}, projectionStart(inner, options.nLayers));
    if (options.attentionBias) {
        m_keyValueDownBias = parameters.add(prefix + "kv_a_proj_with_mqa.bias", {latent + rotary}, zeros());
        m_outputBias = parameters.add(prefix + "o_proj.bias", {width}, zeros());
    }
}

at::Tensor MultiHeadLatentAttention::rotated(const at::Tensor &x, const AttentionContext &context) const
{
    const auto style =
        m_options.rope == RopeStyle::Interleaved ? dsa::RopeStyle::Interleaved : dsa::RopeStyle::HalfSplit;
    return dsa::apply_rope(x, context.rotary.cos, context.rotary.sin, style);
}

at::Tensor MultiHeadLatentAttention::forward(const NormedRows &x, AttentionContext &context)
{
    const std::int64_t batch = x.low.size(0), tokens = x.low.size(1), heads = m_options.nHeads,
                       latent = m_options.kvLoraRank;
    const std::int64_t plain = m_options.qkNopeHeadDim, rotary = m_options.qkRopeHeadDim, valueDim = m_options.vHeadDim;

    const at::Tensor &input = x.low;
    at::Tensor source = input, projected;
    if (m_queryDown.defined()) {
        source = rmsNorm(at::linear(input, m_queryDown, given(m_queryDownBias)), m_queryNorm, kLatentNormEps);
        projected = at::linear(source, m_queryUp);
    } else {
        projected = at::linear(input, m_queries);
    }
    const at::Tensor queries = projected.view({batch, tokens, heads, plain + rotary}).transpose(1, 2);
    const at::Tensor plainQuery = queries.narrow(-1, 0, plain);
    const at::Tensor rotaryQuery = rotated(queries.narrow(-1, plain, rotary), context);

    const at::Tensor down = at::linear(input, m_keyValueDown, given(m_keyValueDownBias));
    at::Tensor compressed = rmsNorm(down.narrow(-1, 0, latent), m_keyValueNorm, kLatentNormEps); // [B,S,c]
    at::Tensor rotaryKey = rotated(down.narrow(-1, latent, rotary).unsqueeze(1), context);       // [B,1,S,dr]
    if (context.cache) {
        compressed = context.cache->keys.append(compressed);
        rotaryKey = context.cache->values.append(rotaryKey);
    }
    const std::int64_t seen = compressed.size(1);

    Request request{{}, {}, {}, x, source};
    const auto expand = [&](at::Tensor &q, at::Tensor &k, at::Tensor &v) {
        const at::Tensor up =
            at::linear(compressed, m_keyValueUp).view({batch, seen, heads, plain + valueDim}).transpose(1, 2);
        q = at::cat({plainQuery, rotaryQuery}, -1);
        k = at::cat({up.narrow(-1, 0, plain), rotaryKey.expand({batch, heads, seen, rotary})}, -1);
        v = up.narrow(-1, plain, valueDim);
    };
    at::Tensor out;
    if (context.absorbed) {
        const at::Tensor up = m_keyValueUp.view({heads, plain + valueDim, latent});
        request.q = at::cat({at::matmul(plainQuery, up.narrow(1, 0, plain)), rotaryQuery}, -1);
        request.k = at::cat({compressed.unsqueeze(1), rotaryKey}, -1);
        request.v = compressed.unsqueeze(1);
        if (context.trace) {
            at::Tensor values;
            expand(request.traceQ, request.traceK, values);
        }
        out = at::matmul(attend(request, context), up.narrow(1, plain, valueDim).transpose(1, 2));
    } else {
        expand(request.q, request.k, request.v);
        out = attend(request, context);
    }
    return at::linear(out.transpose(1, 2).reshape({batch, tokens, heads * valueDim}), m_output, given(m_outputBias));
}

} // namespace sparsescope
