#pragma once

#include "core/train/train_run.h"

#include <QString>

#include <vector>

namespace sparsescope {

/// What runs would cost on a device, to about a factor of two: "8 runs · up to 1.2 M parameters · roughly 4 min in all,
/// 120 MB each". Where they do not fit it says so, and which batch would.
QString estimateText(const std::vector<RunConfig> &runs, const DeviceInfo &device);

/// Seconds of all of them, one after another.
double estimatedSeconds(const std::vector<RunConfig> &runs, const DeviceInfo &device);

} // namespace sparsescope
