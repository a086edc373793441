#pragma once

#include "app/run_folder_reader.h"

#include <filesystem>
#include <vector>

namespace sparsescope {

struct CopiedExperiment {
    std::filesystem::path folder;
    std::vector<FoundRun> runs; ///< those that can be read there
};

/// Copies an experiment that nobody writes into `out`, under its own name, and reads its runs there. The folder it comes from
/// stays as it is. Throws Failure: then nothing of it is left in `out`.
CopiedExperiment copyExperiment(const std::filesystem::path &folder, const std::filesystem::path &out);

} // namespace sparsescope
