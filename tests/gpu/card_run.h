#pragma once

#include "tests/core/tiny_experiment.h"

namespace sparsescope {

/// Wide enough for the kernels, of two layers and with experts.
inline RunConfig runOf(const std::string &family, std::vector<Override> changes = {})
{
    const std::vector<Override> wide = {
        {"model.d_model", "64"},
        {"model.n_heads", "4"},
        {"model.indexer.head_dim", "16"},
        {"model.mla.kv_lora_rank", "32"},
        {"model.mla.q_lora_rank", "32"},
        {"model.mla.qk_nope_head_dim", "16"},
        {"model.mla.qk_rope_head_dim", "16"},
        {"model.mla.v_head_dim", "16"},
        {"model.moe.n_experts", "4"},
        {"model.moe.experts_per_token", "2"},
        {"model.moe.d_expert", "32"},
        {"model.selection.top_k", "24"},
        {"training.sequence_length", "96"},
        {"training.steps", "40"},
    };
    changes.insert(changes.begin(), wide.begin(), wide.end());
    for (const RunConfig &run : expand(tiny(changes))) {
        if (toString(run.model.family) == family) {
            return run;
        }
    }
    throw std::logic_error("family is not in the sweep");
}

} // namespace sparsescope
