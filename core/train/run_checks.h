#pragma once

#include "core/train/soundness.h"
#include "core/train/trainer.h"

#include <optional>
#include <vector>

/// The gates of a run while it is trained, on the weights that train; model and counters are left as they were.
namespace sparsescope {

/// Before the first step: the cheap ones. `loss`: of the evaluation at step 0.
std::vector<CheckResult> checkAtStart(const RunConfig &config, const DataSource &data, Trainer &trainer,
                                      std::optional<double> loss, const SoundnessOptions &options);
/// After the last step: all of them. `lossAtStart`, `loss`: of the first and of the last evaluation, where they are known.
std::vector<CheckResult> checkAtEnd(const RunConfig &config, const DataSource &data, Trainer &trainer,
                                    std::optional<double> lossAtStart, std::optional<double> loss,
                                    const SoundnessOptions &options);

} // namespace sparsescope
