#pragma once

#include "core/base/statistics.h"

#include <optional>
#include <vector>

namespace sparsescope {

constexpr int kResamples = 2000;

/// 95 % interval of a difference within one model, by a paired bootstrap over its validation windows (EXPERIMENTS.md 3):
/// `differences` are summed over the labels of a window, `labels` counts them; the estimate is sum / sum. 2000 resamples
/// from seed 0, percentiles 2.5 and 97.5, linear between ranks. It says nothing about another training run.
/// The same values give the same interval, with any standard library. Absent for fewer than two windows.
/// Throws std::invalid_argument where the lists differ in length.
std::optional<Interval> pairedBootstrap(const std::vector<double> &differences, const std::vector<double> &labels);

/// The same of a mean over seeds: the cross-check of a t-interval, which does not lean on a normal distribution. Over few
/// seeds it is too narrow (three have ten different means at most), so that no verdict comes from it. Absent for n < 2.
std::optional<Interval> bootstrapInterval(const std::vector<double> &values);

} // namespace sparsescope
