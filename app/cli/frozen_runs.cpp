#include "app/cli/frozen_runs.h"

#include "app/cli/output.h"
#include "core/base/damage_failure.h"
#include "core/base/run_store.h"
#include "core/base/stored_checks.h"

#include <algorithm>

namespace sparsescope {

namespace fs = std::filesystem;

bool tellUsable(const StoredFiles &files, Output &output)
{
    files.tellDamages(output);
    if (!files.anyUnusable())
        return true;
    files.tellRead(output);
    output.note("Nothing was measured: restore or remove what is damaged, or name one whole run.");
    return false;
}

bool takeNewer(const fs::path &run, fs::path &checkpoint)
{
    const RunReader reader(run);
    const std::vector<CheckpointInfo> named = reader.recordedCheckpoints(), now = reader.checkpoints();
    const bool isNamed =
        std::any_of(named.begin(), named.end(), [&](const CheckpointInfo &info) { return info.folder == checkpoint; });
    if (isNamed || now.empty())
        return false;
    checkpoint = now.back().folder;
    return true;
}

std::vector<Frozen> frozenRuns(const fs::path &subject, const StoredFiles &files)
{
    std::vector<Frozen> result;
    for (const RunReader &reader : files.runs()) {
        const std::vector<CheckpointInfo> checkpoints = reader.checkpoints();
        if (files.checkpoint() || !checkpoints.empty())
            result.push_back({reader.config(), reader.folder(),
                              files.checkpoint() ? *files.checkpoint() : checkpoints.back().folder,
                              readChecks(reader)});
    }
    for (const RunReader &reader : files.runs()) {
        const std::vector<CheckpointInfo> recorded = reader.recordedCheckpoints();
        if (result.empty() && !recorded.empty())
            throw DamageFailure({{"the run's checkpoints are missing", recorded.back().folder.string(), "", "",
                                  "Restore the folder from a copy, or train the run again."}});
    }
    if (result.empty())
        throw ConfigFailure({{"no trained run here", "", "\"" + subject.string() + "\"",
                              "the folder of an experiment, of a run or of one of its checkpoints",
                              "Train first: a run without a checkpoint has nothing to freeze."}});
    return result;
}

} // namespace sparsescope
