#include "core/train/warm_up.h"

#include "core/data/data_source.h"
#include "core/train/device.h"
#include "core/train/evaluation.h"
#include "core/train/step_log.h"
#include "core/train/stream_scope.h"
#include "core/train/trainer.h"

#include <algorithm>

namespace sparsescope {
namespace {

constexpr int kFirstSteps = 4;    ///< libraries, kernels, and on a GPU the recording of the graph
constexpr int kMeasuredSteps = 5; ///< the median counts: one may have had to wait

/// Of the kind that touches most code: latent attention with an indexer and experts.
RunConfig runOf(int width, int length, int batch)
{
    const nlohmann::ordered_json document = {
        {"schema", 1},
        {"name", "warm-up"},
        {"data",
         {{"source", "needle"},
          {"options", {{"filler", "constant"}, {"pairs", 2}, {"queries", 2}, {"digits", 2}, {"keys", 8}}}}},
        {"model",
         {{"family", "mhla_sparse"},
          {"d_model", width},
          {"n_layers", 1},
          {"n_heads", 2},
          {"d_ff", width},
          {"selection", {{"top_k", 8}}},
          {"mla",
           {{"kv_lora_rank", 16},
            {"q_lora_rank", 16},
            {"qk_nope_head_dim", 8},
            {"qk_rope_head_dim", 8},
            {"v_head_dim", 16}}},
          {"indexer", {{"n_heads", 2}, {"head_dim", 16}}},
          {"moe", {{"n_experts", 2}, {"experts_per_token", 1}, {"d_expert", width}}}}},
        {"training",
         {{"sequence_length", length},
          {"batch_size", batch},
          {"steps", kFirstSteps + kMeasuredSteps},
          {"recipe", "joint"},
          {"eval_batches", 1}}}};
    return expand(parseExperiment(document, "warm-up")).front();
}

/// Trains for some steps; `evaluated`: and looks at what came of it, as a run does.
MeasuredStep measure(const RunConfig &run, const at::Device &device, bool evaluated)
{
    const auto data = makeDataSource(run);
    Trainer trainer(run, data->vocabulary(), device, device.is_cuda());
    MeasuredStep measured{run, data->vocabulary(), stagesOf(run).front(), 0};
    StepLog log("warm-up", device, 1);
    std::vector<StepRecord> records;
    const StreamScope stream(device);
    for (std::int64_t step = 0; step < run.training.steps; ++step) {
        log.begin();
        const StepTensors tensors = trainer.step(measured.stage, data->training(step), step);
        log.add(step + 1, {0, step, step}, tensors);
    }
    log.drain(records, true);
    std::vector<double> seconds;
    for (std::size_t i = kFirstSteps; i < records.size(); ++i) {
        for (const Scalar &scalar : records[i].scalars) {
            if (scalar.metric == "time.step") {
                seconds.push_back(scalar.value);
            }
        }
    }
    std::sort(seconds.begin(), seconds.end());
    measured.seconds = seconds.at(seconds.size() / 2);
    if (evaluated) {
        EvaluationOptions options;
        options.batches = options.observedBatches = 1;
        options.sparse = true;
        options.bf16 = trainer.bf16();
        evaluate(trainer.model(), *data, options, device);
    }
    return measured;
}

} // namespace

DeviceSpeed warmUpEngine(const std::string &device)
{
    describeDevice(device);
    const at::Device place = resolveDevice(device);
    const MeasuredStep small = measure(runOf(32, 32, 8), place, true);
    return speedFrom(small, measure(place.is_cuda() ? runOf(1024, 256, 16) : runOf(256, 64, 16), place, false));
}

} // namespace sparsescope
