#pragma once

#include "core/base/statistics.h"

#include <optional>
#include <vector>

namespace sparsescope {

constexpr int kResamples = 2000;

/// 95 % interval of a difference within one model, by a paired bootstrap over its validation windows (EXPERIMENTS.md 3):
/// `differences` are summed over the labels of a window, `labels` counts them; the estimate is sum / sum. 2000 resamples
/// from seed 0, percentiles 2.5 and 97.5, linear between ranks. It says nothing about another training run.
/// Absent for fewer than two windows. Throws std::invalid_argument where the lists differ in length.
std::optional<Interval> pairedBootstrap(const std::vector<double> &differences, const std::vector<double> &labels);

} // namespace sparsescope
