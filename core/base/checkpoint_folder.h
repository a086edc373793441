#pragma once

#include <filesystem>

namespace sparsescope {

/// The checkpoint that a word of the command line names: a folder with config.json, or a run, whose newest whole checkpoint it
/// is then. Throws ConfigFailure where there is none.
std::filesystem::path checkpointFolder(const std::filesystem::path &given);

} // namespace sparsescope
