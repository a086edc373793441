#pragma once

#include "core/model/layer_parts.h"
#include "core/model/model_options.h"
#include "core/model/parameters.h"

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>

// B batch, S tokens, N = B S, D model width, E experts, M their inner width, R experts a token
namespace sparsescope {

struct RouterTrace;

/// Mixture of experts with a sigmoid router, group-limited choice, a shared expert and balancing by bias
/// (DeepSeek-V3, arXiv 2412.19437, and arXiv 2408.15664; SPEC section 6).
class MixtureOfExperts {
public:
    MixtureOfExperts(const ModelOptions &options, Parameters &parameters, const std::string &prefix);
    /// x [B,S,D]. `count`: add this batch to the loads. Fills `trace` when given.
    at::Tensor forward(const NormedRows &x, bool count, RouterTrace *trace);
    /// b_e += apply * rate * sign(mean load - load_e); clears the loads. Keeps max load / mean load in `imbalance`. `apply` []
    /// fp32 on the device, 0 or 1; undefined: 1.
    void updateBias(double rate, const at::Tensor &apply = {});
    void forgetLoads() { m_loads = at::Tensor(); }
    /// [] fp32 on the device, one place for all updates; undefined before the first.
    const at::Tensor &imbalance() const { return m_imbalance; }

private:
    struct Routing {
        at::Tensor logits;  ///< [N,E]
        at::Tensor experts; ///< [N,R] int64
        at::Tensor weights; ///< [N,R], differentiable
        at::Tensor slots;   ///< [N,E] and what follows where kernels work between the products (kernels/ops/experts.h)
        at::Tensor loads;   ///< [E] fp32
        bool byKernels() const { return slots.defined(); }
    };
    /// tokens as they came, input as it is multiplied.
    Routing route(const at::Tensor &tokens, const at::Tensor &input) const;
    void choose(Routing &routing) const;
    bool runsChosenOnly(const at::Tensor &x) const;
    at::Tensor runEveryExpert(const at::Tensor &tokens, const Routing &routing) const;
    at::Tensor runChosenExperts(const at::Tensor &tokens, const Routing &routing) const;

    MoeOptions m_moe;
    at::Tensor m_gate;   ///< gate.weight [E,D]
    at::Tensor m_bias;   ///< gate.e_score_correction_bias [E]
    at::Tensor m_gateUp; ///< experts.gate_up_proj [E,2M,D], gate rows first
    at::Tensor m_down;   ///< experts.down_proj [E,D,M]
    std::unique_ptr<GatedMlp> m_shared;
    at::Tensor m_loads; ///< [E] fp32 (whole numbers), since the last update
    at::Tensor m_imbalance;
};

} // namespace sparsescope
