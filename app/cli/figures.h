#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace sparsescope {

class Output;

/// What became of the pictures, which the window program draws.
struct Figures {
    std::vector<std::filesystem::path> files;
    std::string note;                  ///< why none is wanted here; empty when they are
    std::vector<std::string> problems; ///< what could not be drawn, and why; or what was drawn without something
};

/// Into the command's words: a file a line after `label`, the note, the problems as errors. False when there are problems.
bool tell(const Figures &figures, const std::string &label, Output &output);

/// Runs are there: .png and .svg. Only their summary is: the .svg alone, as it lies among stored results.
enum class DrawnFrom { Runs, Summary };

/// Has the sibling program `sparsescope` draw sequence_length_comparison.png and .svg into the experiment's folder,
/// without a display. Never throws for what that program does.
Figures drawFigures(const std::filesystem::path &experimentFolder, DrawnFrom from = DrawnFrom::Runs);
/// Likewise selectors.png and .svg, from the tables that `counterfactual` stored.
Figures drawSelectors(const std::filesystem::path &experimentFolder, DrawnFrom from = DrawnFrom::Runs);

/// Likewise needle.png and .svg, from the tables that `needle` stored.
Figures drawNeedle(const std::filesystem::path &experimentFolder, DrawnFrom from = DrawnFrom::Runs);

/// The sibling program beside this one; empty when it is not installed.
std::filesystem::path windowProgram();

} // namespace sparsescope
