#include "core/train/soundness.h"

#include "core/base/exit_code.h"
#include "core/model/hf_weights.h"
#include "core/train/device.h"
#include "core/train/gates/gate.h"
#include "core/train/gates/planting.h"
#include "core/train/train_run.h"
#include "core/train/trainer.h"

#include <memory>

namespace sparsescope {
namespace {

struct RunGate {
    const char *name;
    GateProcedure check;
    bool cheap = false; ///< a moment's work on weights of step 0
};

/// A gate is one procedure in gates/, one line here and one in gates().
constexpr RunGate kRunGates[] = {
    {"causality", checkCausality, true},
    {"indexer-gradient", checkIndexerGradient},
    {"indexer-moves", checkIndexerMoves},
    {"dense-limit", checkDenseLimit},
    {"effective-k", checkEffectiveK, true},
    {"ties", checkTies},
    {"selection-binds", checkSelectionBinds},
    {"dense-probe", checkDenseProbe},
    {"split-overlap", checkSplitOverlap},
    {"start", checkStart, true},
    {"chance", checkChance},
};

} // namespace

namespace {

std::optional<CheckResult> measured(const RunGate &entry, GateSubject &subject)
{
    try {
        return entry.check(subject);
    } catch (const std::exception &error) {
        CheckResult result = notRun(describe(error));
        releaseCachedMemory();
        return result;
    }
}

} // namespace

std::vector<CheckResult> checkSubject(GateSubject &subject, const SoundnessOptions &options)
{
    std::vector<CheckResult> results;
    for (const RunGate &entry : kRunGates) {
        if (options.cancelled && options.cancelled()) {
            break;
        }
        if (options.cheapOnly && !entry.cheap) {
            continue;
        }
        std::optional<CheckResult> result = measured(entry, subject);
        if (!result) {
            continue;
        }
        result->gate = entry.name;
        result->run = subject.config.folder();
        if (options.onResult) {
            options.onResult(*result);
        }
        results.push_back(std::move(*result));
    }
    return results;
}

RecordedProbes recordedProbes(const RunReader &run)
{
    return {run.series("selection.mass_kept"), run.series("indexer.kl")};
}

std::vector<CheckResult> checkRun(const RunConfig &honest, const SoundnessOptions &options)
{
    const Planting planting(options.plant);
    const RunConfig config = planting.config(honest);
    const at::Device device = resolveDevice(options.device);
    const dsa::KernelScope kernels(kernelUse(config.training.kernels));
    const std::unique_ptr<DataSource> data = planting.data(asked([&] { return makeDataSource(config); }));
    const auto modelAtStart = [&] {
        auto model = std::make_unique<Transformer>(planting.options(modelOptions(config, data->vocabulary())));
        model->parameters().initialise(config.training.seed);
        model->parameters().moveTo(device);
        return model;
    };
    const std::unique_ptr<Transformer> fresh = modelAtStart();
    std::unique_ptr<Transformer> trained;
    if (!options.checkpoint.empty()) {
        trained = modelAtStart();
        loadWeights(*trained, options.checkpoint);
    }
    GateSubject subject{config, *data, trained ? *trained : *fresh};
    planting.weights(subject.model, *fresh);
    subject.selector = planting.selector();
    subject.trained = trained != nullptr;
    const std::optional<RecordedProbes> recorded = planting.recorded(options.recorded, config);
    subject.recorded = recorded ? &*recorded : nullptr;
    subject.fresh = trained ? fresh.get() : nullptr;
    subject.device = device;
    subject.bf16 = config.training.precision == Precision::Bf16 ||
                   (config.training.precision == Precision::Auto && device.is_cuda());
    return checkSubject(subject, options);
}

} // namespace sparsescope
