#pragma once

#include "core/model/model_options.h"

#include <string>

namespace sparsescope {

/// The run whose model these options are, as far as a run can say it: for a checkpoint from elsewhere that is to be shown like
/// one of ours. `name` becomes the experiment's (what is no letter or digit a "-"). Throws ConfigFailure for sizes that no
/// experiment may have.
RunConfig configOfOptions(const ModelOptions &options, int tokens, const std::string &name);

} // namespace sparsescope
