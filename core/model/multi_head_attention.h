#pragma once

#include "core/model/selected_attention.h"

// B batch, S tokens, D model width, H heads, KV key heads, dh head width
namespace sparsescope {

/// Multi-head and grouped-query attention with partial rotary positions (`glm4_moe`, SPEC section 5).
class MultiHeadAttention : public SelectedAttention {
public:
    MultiHeadAttention(const ModelOptions &options, int layer, Parameters &parameters, const std::string &prefix);
    at::Tensor forward(const NormedRows &x, AttentionContext &context) override;

private:
    at::Tensor m_queries, m_keys, m_values;         ///< [H dh, D], [KV dh, D], [KV dh, D]
    at::Tensor m_queryBias, m_keyBias, m_valueBias; ///< undefined without attention_bias
    at::Tensor m_queryNorm, m_keyNorm;              ///< [dh], undefined without q/k norm
    at::Tensor m_output;                            ///< [D, H dh]
};

} // namespace sparsescope
