#pragma once

#include "core/base/config.h"

/// The smallest experiment that has every part: two layers, MoE, an indexer, all four families, three stages.
namespace sparsescope {

inline nlohmann::ordered_json tinyExperiment()
{
    return nlohmann::ordered_json::parse(R"({
        "schema": 1, "name": "tiny",
        "data": { "source": "needle", "options": { "filler": "constant", "pairs": 2, "queries": 2, "digits": 2, "keys": 4 } },
        "model": { "d_model": 16, "n_layers": 2, "n_heads": 2, "d_ff": 16,
                   "mla": { "kv_lora_rank": 8, "q_lora_rank": 8, "qk_nope_head_dim": 4, "qk_rope_head_dim": 4, "v_head_dim": 4 },
                   "indexer": { "n_heads": 2, "head_dim": 8 }, "selection": { "top_k": 6 },
                   "moe": { "n_experts": 2, "experts_per_token": 1, "d_expert": 8 } },
        "training": { "sequence_length": 24, "batch_size": 4, "steps": 10, "recipe": "warmup", "warmup_indexer_steps": 4,
                      "learning_rate": 0.01, "indexer_learning_rate": 0.01, "eval_every": 5, "eval_batches": 2,
                      "checkpoint_seconds": 1000000 },
        "probe": { "every": 3 },
        "sweep": { "family": ["classic", "sparse", "mhla", "mhla_sparse"] }
    })");
}

/// With overrides such as {"training.steps", "3"}.
inline ExperimentConfig tiny(const std::vector<Override> &overrides = {})
{
    return parseExperiment(tinyExperiment(), "tiny.json", overrides);
}

inline RunConfig tinyRun(Family family, const std::vector<Override> &overrides = {})
{
    for (const RunConfig &run : expand(tiny(overrides))) {
        if (run.model.family == family) {
            return run;
        }
    }
    throw std::logic_error("family is not in the sweep");
}

} // namespace sparsescope
