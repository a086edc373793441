#include "app/cli/frozen_runs.h"

#include "core/base/run_store.h"
#include "core/base/stored_checks.h"

namespace sparsescope {

namespace fs = std::filesystem;

std::vector<Frozen> frozenRuns(const fs::path &subject)
{
    std::vector<Frozen> result;
    // A checkpoint lies in <run>/checkpoints/<step>.
    if (fs::exists(subject / "config.json") && fs::exists(subject / "trainer.json")) {
        const fs::path run = fs::absolute(subject).lexically_normal().parent_path().parent_path();
        const RunReader reader = RunReader::verified(run);
        result.push_back({reader.config(), run, subject, readChecks(reader)});
        return result;
    }
    for (const fs::path &folder : fs::is_directory(subject) ? findRuns(subject) : std::vector<fs::path>()) {
        const RunReader reader = RunReader::verified(folder);
        const std::vector<CheckpointInfo> checkpoints = reader.checkpoints();
        if (!checkpoints.empty())
            result.push_back({reader.config(), folder, checkpoints.back().folder, readChecks(reader)});
    }
    if (result.empty())
        throw ConfigFailure({{"no trained run here", "", "\"" + subject.string() + "\"",
                              "the folder of an experiment, of a run or of one of its checkpoints",
                              "Train first: a run without a checkpoint has nothing to freeze."}});
    return result;
}

} // namespace sparsescope
