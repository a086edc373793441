#pragma once

#include "core/base/config.h"
#include "core/train/soundness.h"

#include <vector>

namespace sparsescope {

/// Main-model steps of a stage: those after `from`, until `to`.
struct StageSpan {
    double from = 0, to = 0;
};
/// The sparse stages that move along the axis. Each is judged alone: KL is not comparable between stages.
std::vector<StageSpan> sparseSpans(const RunConfig &config);

/// Does the attention that the selected keys keep fall within one of the stages while the KL, which sees only them, falls?
CheckResult judgedProbes(const RecordedProbes &recorded, const std::vector<StageSpan> &stages);

} // namespace sparsescope
