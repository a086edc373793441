#pragma once

#include "core/model/selected_attention.h"

// B batch, S tokens, D model width, H heads, dn and dr the unrotated and rotated width of a query head, dv of a value head,
// c the key-value latent, ql the query latent
namespace sparsescope {

/// Multi-head latent attention (DeepSeek-V2, arXiv 2405.04434; SPEC section 4): keys and values of all heads come from one
/// latent of c numbers a token. The expanded form makes them; the absorbed form attends in the latent space instead,
/// the same in exact arithmetic.
class MultiHeadLatentAttention : public SelectedAttention {
public:
    /// Of both inner RMSNorms, whatever the model's own is.
    static constexpr double kLatentNormEps = 1e-6;

    MultiHeadLatentAttention(const ModelOptions &options, int layer, Parameters &parameters, const std::string &prefix);
    at::Tensor forward(const NormedRows &x, AttentionContext &context) override;

private:
    at::Tensor rotated(const at::Tensor &x, const AttentionContext &context) const;

    at::Tensor m_queries;                          ///< q_proj [H (dn+dr), D], without a query latent
    at::Tensor m_queryDown, m_queryDownBias;       ///< q_a_proj [ql, D]
    at::Tensor m_queryNorm;                        ///< q_a_layernorm [ql]
    at::Tensor m_queryUp;                          ///< q_b_proj [H (dn+dr), ql]
    at::Tensor m_keyValueDown, m_keyValueDownBias; ///< kv_a_proj_with_mqa [c+dr, D]
    at::Tensor m_keyValueNorm;                     ///< kv_a_layernorm [c]
    at::Tensor m_keyValueUp;                       ///< kv_b_proj [H (dn+dv), c]
    at::Tensor m_output, m_outputBias;             ///< o_proj [D, H dv]
};

} // namespace sparsescope
