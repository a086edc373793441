#pragma once

#include "core/base/config.h"

#include <string>
#include <vector>

namespace sparsescope {

/// The experiment that a command was given: a file, or the name of a preset, with what --set changes. Throws ConfigFailure.
ExperimentConfig experimentOf(const std::string &word, const std::vector<std::string> &changes);

} // namespace sparsescope
