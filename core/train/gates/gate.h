#pragma once

#include "core/base/gates.h"
#include "core/base/records.h"
#include "core/data/data_source.h"
#include "core/model/transformer.h"
#include "core/train/soundness.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace sparsescope {

/// What a gate looks at. A gate leaves weights, gradients and counters as it found them.
struct GateSubject {
    const RunConfig &config;
    const DataSource &data;
    Transformer &model;           ///< the weights that are judged, fp32 on `device`
    bool trained = false;         ///< those after the last step, not those of step 0
    Transformer *fresh = nullptr; ///< the same model at step 0, beside trained weights where a gate compares the two
    at::Device device = at::kCPU;
    bool bf16 = false;                                 ///< the run trains under bf16 autocast
    std::optional<double> lossAtStart = {}, loss = {}; ///< validation loss where it is known: not measured again
    int windows = 4;                                   ///< of validation, in which the future is changed
    const RecordedProbes *recorded = nullptr;          ///< of the run's training; null: not known
    const Selector *selector = nullptr;                ///< in place of the model's own, for planted faults

    bool isSparse() const { return model.options().selector != "none"; }
    std::int64_t topK() const { return model.options().topK; }
    std::int64_t length() const { return config.training.sequenceLength; }
};

/// [4,T]: the first validation windows, on the subject's device.
at::Tensor gateWindows(const GateSubject &subject);

/// Measures one gate; nothing where it does not apply (an indexer's gate on a family without one).
using GateProcedure = std::optional<CheckResult> (*)(GateSubject &subject);

// One file each in this folder; the table in soundness.cpp says which belongs to which name.
std::optional<CheckResult> checkCausality(GateSubject &subject);
std::optional<CheckResult> checkIndexerGradient(GateSubject &subject);
std::optional<CheckResult> checkIndexerMoves(GateSubject &subject);
std::optional<CheckResult> checkDenseLimit(GateSubject &subject);
std::optional<CheckResult> checkEffectiveK(GateSubject &subject);
std::optional<CheckResult> checkTies(GateSubject &subject);
std::optional<CheckResult> checkSelectionBinds(GateSubject &subject);
std::optional<CheckResult> checkDenseProbe(GateSubject &subject);
std::optional<CheckResult> checkSplitOverlap(GateSubject &subject);
std::optional<CheckResult> checkStart(GateSubject &subject);
std::optional<CheckResult> checkChance(GateSubject &subject);

struct MeasuredLosses {
    double mean = 0;
    std::vector<std::pair<std::string, double>> positions; ///< val.loss.position/0..7, as far as measured
};
/// What checkChance says to them: of noise every eighth of the positions is held against the floor, of tasks, whose entropy
/// differs from place to place, the mean.
CheckResult judgedLosses(const MeasuredLosses &losses, double chance, const std::optional<double> &floor);

/// All of them, in the order of the table. `checkRun` (soundness.h) makes the subject of a run.
std::vector<CheckResult> checkSubject(GateSubject &subject, const SoundnessOptions &options);

} // namespace sparsescope
