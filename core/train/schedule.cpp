#include "core/train/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace sparsescope {

double scheduleFactor(const TrainingConfig &training, std::int64_t step)
{
    if (step < training.warmupSteps) {
        return static_cast<double>(step + 1) / static_cast<double>(training.warmupSteps);
    }
    if (training.schedule == Schedule::Constant) {
        return 1.0;
    }
    const auto span = std::max<std::int64_t>(1, training.steps - training.warmupSteps);
    const double done = std::min(1.0, static_cast<double>(step - training.warmupSteps) / static_cast<double>(span));
    return training.scheduleFloor + (1.0 - training.scheduleFloor) * 0.5 * (1.0 + std::cos(std::numbers::pi * done));
}

} // namespace sparsescope
