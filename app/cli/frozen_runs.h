#pragma once

#include "app/cli/stored_files.h"
#include "core/base/config.h"
#include "core/base/gates.h"

#include <filesystem>
#include <vector>

namespace sparsescope {

/// A trained run whose weights answer questions.
struct Frozen {
    RunConfig config;
    std::filesystem::path folder; ///< of the run
    std::filesystem::path checkpoint;
    std::vector<CheckResult> checks; ///< stored beside the run
};

/// Tells all damage. False where a checkpoint that would be used is among it: said before minutes of work on the others.
bool tellUsable(const StoredFiles &files, Output &output);

/// The runs below a folder, read before, that have a checkpoint, each with its last one; or the one checkpoint that is named. Throws
/// ConfigFailure where there is none.
std::vector<Frozen> frozenRuns(const std::filesystem::path &subject, const StoredFiles &files);

} // namespace sparsescope
