#include "core/train/warm_up.h"

#include "core/data/data_source.h"
#include "core/train/device.h"
#include "core/train/evaluation.h"
#include "core/train/trainer.h"

namespace sparsescope {
namespace {

RunConfig tinyRun()
{
    const nlohmann::ordered_json document = {
        {"schema", 1},
        {"name", "warm-up"},
        {"data",
         {{"source", "needle"},
          {"options", {{"filler", "constant"}, {"pairs", 2}, {"queries", 2}, {"digits", 2}, {"keys", 8}}}}},
        {"model",
         {{"family", "mhla_sparse"},
          {"d_model", 32},
          {"n_layers", 1},
          {"n_heads", 2},
          {"d_ff", 32},
          {"selection", {{"top_k", 8}}},
          {"mla",
           {{"kv_lora_rank", 16},
            {"q_lora_rank", 16},
            {"qk_nope_head_dim", 8},
            {"qk_rope_head_dim", 8},
            {"v_head_dim", 16}}},
          {"indexer", {{"n_heads", 2}, {"head_dim", 16}}},
          {"moe", {{"n_experts", 2}, {"experts_per_token", 1}, {"d_expert", 32}}}}},
        {"training",
         {{"sequence_length", 32}, {"batch_size", 8}, {"steps", 2}, {"recipe", "joint"}, {"eval_batches", 1}}}};
    return expand(parseExperiment(document, "warm-up")).front();
}

} // namespace

void warmUpEngine(const std::string &device)
{
    describeDevice(device);
    const at::Device place = resolveDevice(device);
    const RunConfig run = tinyRun();
    const auto data = makeDataSource(run);
    Trainer trainer(run, data->vocabulary(), place, place.is_cuda());
    for (std::int64_t step = 0; step < run.training.steps; ++step) {
        trainer.step(stagesOf(run).front(), data->training(step), step);
    }
    EvaluationOptions options;
    options.batches = options.observedBatches = 1;
    options.sparse = true;
    options.bf16 = trainer.bf16();
    evaluate(trainer.model(), *data, options, place);
}

} // namespace sparsescope
