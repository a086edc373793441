#pragma once

#include "core/base/counterfactual_table.h"

#include <filesystem>

namespace sparsescope {

/// Into the run, for the window and the exports, and as CSV beside it. Throws Failure where another process trains the run.
void storeCounterfactual(const std::filesystem::path &runFolder, const Counterfactual &table);

} // namespace sparsescope
