#pragma once

#include "core/base/config.h"
#include "core/base/records.h"
#include "core/train/train_run.h"

#include <atomic>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

/// Door: trains the runs of an experiment, the families of a lockstep group together.
namespace sparsescope {

/// Moves an entry to a place of its list, kept to those that there are; false where it is not in it.
bool moveTo(std::vector<std::string> &list, const std::string &entry, int place);

/// Commands to a running runner; read between steps, so each takes effect within one step.
class RunControl {
public:
    void pause() { m_paused = true; }
    void resume() { m_paused = false; }
    bool paused() const { return m_paused; }
    void stop() { m_stop = true; } ///< every run of the current group stops with a checkpoint; nothing further starts
    bool stopping() const { return m_stop; }
    void skip() { m_skip = true; } ///< the current group stops; the next starts
    bool skipping() const { return m_skip; }
    bool takeSkip() { return m_skip.exchange(false); }
    void snapshotNow() { m_snapshot = true; }
    bool takeSnapshot() { return m_snapshot.exchange(false); }
    void checkpointNow() { m_checkpoint = true; }
    bool takeCheckpoint() { return m_checkpoint.exchange(false); }

    /// Runs that have not begun, in the order in which they will. The runner takes from the front; meanwhile anyone may move
    /// one or take it out, in which case it is not trained. False: it does not wait (any more).
    std::vector<std::string> waiting() const;
    bool moveWaiting(const std::string &run, int place);
    bool removeWaiting(const std::string &run);
    void setWaiting(std::vector<std::string> runs);
    /// Only those of `runs`, in the order that they have here; all of them where none has one yet.
    void keepWaiting(const std::vector<std::string> &runs);
    /// The first one and those behind it that go `together` with it.
    std::vector<std::string>
    takeWaiting(const std::function<bool(const std::string &first, const std::string &next)> &together);

private:
    mutable std::mutex m_mutex;
    std::optional<std::vector<std::string>> m_waiting;
    std::atomic<bool> m_paused{false}, m_stop{false}, m_skip{false}, m_snapshot{false}, m_checkpoint{false};
};

struct RunnerOptions {
    std::filesystem::path out = "runs"; ///< the experiment's folder is <out>/<name>
    std::string device = "auto";
    bool resume = false;
    int threads = 0;
    std::vector<std::string> runs =
        {}; ///< those that are wanted (RunConfig::folder()), in this order; empty: all, as the sweep has them
};

/// Where a run stands before the start.
struct RunStart {
    enum class Kind {
        New,     ///< nothing of it is there
        Afresh,  ///< made, but without a checkpoint: begins at step 0
        GoesOn,  ///< from its last checkpoint
        Done,    ///< finished: left as it is
        Damaged, ///< cannot be read: left as it is, the others go on
    };
    std::string run; ///< RunConfig::folder()
    Kind kind = Kind::New;
    std::int64_t step = 0, steps = 0; ///< main-model steps done, of
    std::string problem;              ///< Damaged: the reason. Done: what is wrong with its checkpoint; empty: nothing
};
/// "seq_64/sparse/seed_0 goes on at step 400 of 800".
std::string textOf(const RunStart &start);

/// What will be trained, after everything was checked that can be known before a file is written.
struct StartPlan {
    std::vector<RunConfig> configs;   ///< those that are wanted, in queue order
    std::vector<RunStart> runs;       ///< one a configuration
    std::vector<std::string> notices; ///< what is allowed and may not be meant
};
/// Writes nothing. Throws ConfigFailure with all that stands in the way: a device that is not there or too small, a folder that
/// is used, cannot be written or is being trained by another process, data that cannot be read, a run of another configuration.
StartPlan planStart(const ExperimentConfig &experiment, const RunnerOptions &options);

/// Trains everything; a run that fails is recorded and the others go on. While the disk is full or the folder gone, training
/// waits (state paused) until it can write again or is told to stop. Returns one outcome a run, in order; a finished run whose
/// checkpoint is damaged has a reason. Throws Failure where the experiment's folder cannot be made.
std::vector<RunOutcome> runPlan(const ExperimentConfig &experiment, const StartPlan &plan, const RunnerOptions &options,
                                RunControl &control, TrainingObserver &observer);
/// The same after planStart().
std::vector<RunOutcome> runExperiment(const ExperimentConfig &experiment, const RunnerOptions &options,
                                      RunControl &control, TrainingObserver &observer);

} // namespace sparsescope
