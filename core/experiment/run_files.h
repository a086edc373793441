#pragma once

#include "core/base/error.h"
#include "core/base/run_store.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

/// Is what a run left on disk whole? The same look for every command that judges runs, whichever of the files it goes on to use.
namespace sparsescope {

/// What lies in a run's folder beside run.json and run.sqlite.
struct RunFiles {
    std::vector<Error> damages; ///< each names its file
    /// Files that the database names and that are not there, though others of their kind are; each names its file. Nothing
    /// that was measured is touched.
    std::vector<Error> absent;
    std::set<std::filesystem::path> damagedCheckpoints; ///< folders, as RunReader::checkpoints() names them
    int snapshots = 0, checkpoints = 0;                 ///< read whole, damaged ones included
    int withoutChecksums = 0;         ///< files of older versions: overwritten numbers do not show in them
    std::uint64_t bytes = 0;          ///< read
    std::vector<std::string> notRead; ///< and why, a sentence each

    void add(const RunFiles &more);
};

struct ExaminedRun {
    std::filesystem::path folder;
    RunFiles files;
};

/// Reads every snapshot and checkpoint that the run's database names, all numbers included. One that the run's own process
/// removes meanwhile is no damage. Throws Failure where the database cannot be read.
RunFiles examineRun(const RunReader &run);
/// Only this checkpoint of the run.
RunFiles examineCheckpoint(const RunReader &run, const std::filesystem::path &checkpoint);

/// Snapshots and weights that the run's database names and that are not there, left behind on purpose perhaps. Opens none.
std::vector<std::filesystem::path> notKept(const RunReader &run);

/// What is wrong with the experiment.json of this folder; nothing where there is none.
std::optional<Error> experimentDamage(const std::filesystem::path &experimentFolder);

} // namespace sparsescope
