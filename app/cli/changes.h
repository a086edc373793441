#pragma once

#include "core/base/config.h"

#include <string>
#include <vector>

namespace sparsescope {

/// Splits what --set got at the first '='; what has none goes into `errors`, which name the allowed `form`.
std::vector<Override> splitChanges(const std::vector<std::string> &changes, const std::string &form,
                                   std::vector<Error> &errors);

/// Of errors in an experiment: those about a field that --set gave name "--set" as their place instead of the file, which is
/// `origin` where they name none.
ConfigFailure placed(const ConfigFailure &failure, const std::vector<std::string> &changes,
                     const std::string &origin = {});

} // namespace sparsescope
