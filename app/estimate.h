#pragma once

#include "core/base/cost_model.h"
#include "core/train/train_run.h"

#include <QString>

#include <vector>

namespace sparsescope {

/// What runs would cost on a device of that speed: "8 runs · up to 1.2 M parameters · about 4 min in all, 120 MB each". Where
/// they do not fit it says so, and which batch would.
QString estimateText(const std::vector<RunConfig> &runs, const DeviceInfo &device, const DeviceSpeed &speed);

/// Seconds of all of them, one after another.
double estimatedSeconds(const std::vector<RunConfig> &runs, const DeviceSpeed &speed);

} // namespace sparsescope
