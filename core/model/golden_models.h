#pragma once

#include "core/model/model_options.h"

#include <string>
#include <vector>

namespace sparsescope {

/// A kind of model that golden files are written of.
struct GoldenKind {
    std::string name;
    std::string what;
    ModelOptions options;
};

/// Both attentions without and with a selection, the rotations, YaRN, shared selections, and every selector that a checkpoint may have.
std::vector<GoldenKind> goldenKinds();

} // namespace sparsescope
