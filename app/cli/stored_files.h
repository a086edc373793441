#pragma once

#include "core/base/run_store.h"
#include "core/experiment/run_files.h"

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace sparsescope {

class Output;

/// The files below a folder that a command was given, each read whole before it does anything else: check, compare, report and
/// counterfactual find the same damage and say it in the same words, also in files that they themselves need nothing of.
class StoredFiles {
public:
    /// `subject`: the folder of an experiment, of several, of a run, or of one of a run's checkpoints.
    explicit StoredFiles(const std::filesystem::path &subject);

    /// Runs whose description and database can be read, by path.
    const std::vector<RunReader> &runs() const { return m_runs; }
    /// The checkpoint, where the subject is one; its run is then the only one in runs().
    const std::optional<std::filesystem::path> &checkpoint() const { return m_checkpoint; }
    bool found() const { return !m_runs.empty() || !m_unreadable.empty(); }
    bool whole() const
    {
        return m_unreadable.empty() && m_experimentDamages.empty() && m_files.damages.empty() && m_files.absent.empty();
    }
    bool isDamaged(const std::filesystem::path &checkpoint) const
    {
        return m_files.damagedCheckpoints.count(checkpoint);
    }
    /// A checkpoint with damage that the command would have to use, or a run that cannot be read.
    bool anyUnusable() const;

    /// All damage as errors.
    void tellDamages(Output &output) const;
    /// Damage of snapshots and checkpoints: for who says of descriptions, databases and experiment.json on its own.
    std::vector<std::string> damagesOfRuns() const;
    /// The same, run by run.
    const std::vector<ExaminedRun> &examined() const { return m_examined; }
    /// How much was read, and what was not: a line, and "files" of the document.
    void tellRead(Output &output) const;

private:
    void open(const std::filesystem::path &run);

    std::vector<RunReader> m_runs;
    std::optional<std::filesystem::path> m_checkpoint;
    std::map<std::filesystem::path, Error> m_unreadable; ///< by the run's folder
    std::vector<Error> m_experimentDamages;
    int m_experiments = 0;
    std::vector<ExaminedRun> m_examined;
    RunFiles m_files; ///< of all runs together
};

} // namespace sparsescope
