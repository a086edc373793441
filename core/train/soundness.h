#pragma once

#include "core/base/config.h"
#include "core/base/records.h"
#include "core/base/run_store.h"
#include "core/base/series.h"

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

/// Door: whether what a run computes may be believed (EXPERIMENTS.md section 4). No torch in this header.
namespace sparsescope {

/// What a run wrote down while it trained.
struct RecordedProbes {
    Series massKept, kl; ///< selection.mass_kept, indexer.kl
};
RecordedProbes recordedProbes(const RunReader &run);

struct SoundnessOptions {
    std::string device = "auto";
    /// A checkpoint of the run: its weights are judged, and the gates that need a trained model are measured too. Empty: the
    /// weights of step 0.
    std::filesystem::path checkpoint;
    std::string plant;                      ///< a name of plantedFaults(): done to the run first; empty: nothing
    std::optional<RecordedProbes> recorded; ///< of the run whose checkpoint it is; absent: its gate is not run
    bool cheapOnly = false;                 ///< those that a run is not delayed by before its first step
    std::function<void(const CheckResult &)> onResult; ///< each as it comes
    std::function<bool()> cancelled;                   ///< asked between gates
};

/// Every gate of one run, those that do not apply to its family left out, in the order of gates(). Changes nothing: the model
/// is its own. A gate that breaks off, without memory perhaps, is "not run" and says why. Throws Failure where data or checkpoint cannot be read.
std::vector<CheckResult> checkRun(const RunConfig &config, const SoundnessOptions &options = {});

/// The gates between runs: each lockstep group of families, and the lengths among one another.
/// `plant`: a name of plantedFaults(), done to what they began with; of single runs' faults nothing.
std::vector<CheckResult> checkFairness(const std::vector<RunConfig> &runs, const std::string &plant = {});

} // namespace sparsescope
