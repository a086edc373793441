#pragma once

#include "core/base/pair_comparison.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace sparsescope {

class RunReader;

/// Where the numbers of a run are: its folder, or what a window holds of it.
struct RunNumbers {
    std::int64_t steps = -1;                                     ///< last step of train.loss
    std::function<Series(const std::string &metric)> series;     ///< by step, ascending; empty when unknown
    std::function<std::optional<std::string>(const std::string &key)> value; ///< of what a run notes about itself
};

/// A run as a comparison sees it: the same whoever asks, so that the window and the command line agree.
ComparedRun comparedRunOf(const RunConfig &config, const RunNumbers &numbers, std::vector<CheckResult> checks);
ComparedRun readComparedRun(const RunReader &reader);

} // namespace sparsescope
