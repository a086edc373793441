#pragma once

#include "core/base/config.h"

#include <cstdint>

namespace sparsescope {

/// Share of the learning rate at main-model step `step` (0-based): linear warm-up over warmupSteps, then constant, or a
/// cosine from 1 to scheduleFloor at the last step.
double scheduleFactor(const TrainingConfig &training, std::int64_t step);

} // namespace sparsescope
