#pragma once

#include <filesystem>

namespace sparsescope {

/// The checkpoint that a word of the command line names: a folder with config.json, or a run, whose newest whole checkpoint it
/// is then, or the one it looked at. Throws ConfigFailure where there is none.
std::filesystem::path checkpointFolder(const std::filesystem::path &given);

/// A run folder that is made beside a checkpoint's question is one of its own: nothing of it may land among other files.
/// Throws ConfigFailure, with "--run" as the place, where something is there.
void demandEmptyFolder(const std::filesystem::path &run);

} // namespace sparsescope
