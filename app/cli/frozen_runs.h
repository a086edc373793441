#pragma once

#include "app/cli/stored_files.h"
#include "core/base/config.h"
#include "core/base/gates.h"

#include <exception>
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

/// Whether the checkpoint is gone because a training that goes on removes old ones; it is then the run's newest.
bool takeNewer(const std::filesystem::path &run, std::filesystem::path &checkpoint);

/// What `work` returns; it is done again with the newest checkpoint where the one it read was removed meanwhile. An empty `run`
/// keeps the checkpoint: it was named.
template <class Work>
auto onCheckpoint(const std::filesystem::path &run, std::filesystem::path &checkpoint, const Work &work)
{
    for (int tries = 0;; ++tries) {
        try {
            return work();
        } catch (const std::exception &) {
            constexpr int kMostTries = 3;
            if (run.empty() || tries == kMostTries || !takeNewer(run, checkpoint))
                throw;
        }
    }
}

} // namespace sparsescope
