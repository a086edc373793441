#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace sparsescope {

/// What became of the pictures, which the window program draws.
struct Figures {
    std::vector<std::filesystem::path> files;
    std::string note; ///< why some are missing; empty when none is
};

/// Has the sibling program `sparsescope` draw sequence_length_comparison.png and .svg into the experiment's folder,
/// without a display. Never throws for what that program does.
Figures drawFigures(const std::filesystem::path &experimentFolder);
/// Likewise selectors.png and .svg, from the tables that `counterfactual` stored.
Figures drawSelectors(const std::filesystem::path &experimentFolder);

/// The sibling program beside this one; empty when it is not installed.
std::filesystem::path windowProgram();

} // namespace sparsescope
