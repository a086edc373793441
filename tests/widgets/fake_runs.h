#pragma once

#include "core/base/config.h"
#include "widgets/state/run_data.h"

#include <cmath>
#include <memory>
#include <string>
#include <vector>

/// Runs with made-up curves, for tests of views.
namespace sparsescope::test {

inline nlohmann::ordered_json smallDocument()
{
    return nlohmann::ordered_json::parse(R"({
        "schema": 1, "name": "small", "question": "Does it show?",
        "data": { "source": "needle" },
        "model": { "d_model": 32, "n_layers": 2, "n_heads": 2, "d_ff": 32, "selection": { "top_k": 8 },
                   "mla": { "kv_lora_rank": 16, "q_lora_rank": 16, "qk_nope_head_dim": 8, "qk_rope_head_dim": 8, "v_head_dim": 16 },
                   "indexer": { "n_heads": 2, "head_dim": 16 }, "moe": { "n_experts": 2, "experts_per_token": 1, "d_expert": 32 } },
        "training": { "sequence_length": 64, "batch_size": 4, "steps": 100, "recipe": "joint" },
        "sweep": { "family": ["classic", "sparse"], "seed": [0, 1] } })");
}

inline std::vector<std::unique_ptr<RunData>> smallRuns(const nlohmann::ordered_json &document = smallDocument())
{
    std::vector<std::unique_ptr<RunData>> runs;
    for (RunConfig &config : expand(parseExperiment(document, "test"))) {
        runs.push_back(std::make_unique<RunData>(std::move(config), "nowhere/small"));
    }
    return runs;
}

/// Steps 1..last of a falling loss; a validation loss every 20 steps; the chance line.
inline void train(RunData &run, std::int64_t last, double offset = 0)
{
    for (std::int64_t step = run.step() + 1; step <= last; ++step) {
        const double loss = 1 + offset + 4 * std::exp(-0.05 * static_cast<double>(step));
        run.apply(StepRecord{run.id().toStdString(), step, 0, {{"train.loss", loss}}});
        if (step % 20 == 0) {
            run.apply(EvalRecord{
                run.id().toStdString(), step, 0, {{"val.loss", loss + 0.05}, {"val.loss.chance", std::log(257.0)}}});
        }
    }
    run.flush();
}

inline std::vector<RunData *> pointers(const std::vector<std::unique_ptr<RunData>> &runs)
{
    std::vector<RunData *> result;
    for (const auto &run : runs) {
        result.push_back(run.get());
    }
    return result;
}

} // namespace sparsescope::test
