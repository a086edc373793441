#pragma once

#include "core/base/run_store.h"
#include "core/train/storage_wait.h"
#include "core/train/train_run.h"

#include <functional>
#include <future>
#include <memory>
#include <string>
#include <vector>

namespace sparsescope {

/// What a run writes down and tells: its folder and whoever observes it hear the same. While the disk is full or the folder gone
/// the run is paused, in word and on screen, and waits.
class RunJournal {
public:
    /// `step`: main-model steps done, as they stand in what is written. `keepTrying`: see StorageWait.
    RunJournal(const RunConfig &config, TrainingObserver &observer, std::function<bool()> keepTrying,
               std::function<std::int64_t()> step);
    /// Makes the folder, or opens it to go on.
    void open(const std::filesystem::path &folder, const RunConfig &config);

    const std::string &run() const { return m_run; }
    RunState state() const { return m_state; }

    /// A write that waits while the disk does not take it; may happen more than once.
    void write(const std::function<void(RunWriter &)> &action);
    void value(const std::string &key, const std::string &text);
    /// What is due to be on disk by now; waits for no snapshot that is being written.
    void tick();
    void log(LogLevel level, const std::string &text);
    void changeState(RunState next, const std::string &reason = {});
    /// The last word of a run that broke off: as far as the disk takes it now.
    void fail(const std::string &reason);

    void stage(const StageChange &change);
    void step(const StepRecord &record);
    void evaluation(std::vector<Scalar> scalars);
    /// Told at once; its file is written beside what follows, and is there before anything else but ticks is written.
    void snapshot(std::shared_ptr<const Snapshot> snapshot);
    /// Stored, told, and in the log where it does not pass.
    void checks(const std::vector<CheckResult> &results);

private:
    void finishSnapshot();
    void tellState(const std::string &reason);
    void beginWait(const std::string &reason);
    void endWait();

    std::string m_run;
    std::int64_t m_steps;
    TrainingObserver &m_observer;
    std::function<std::int64_t()> m_step;
    StorageWait m_storage; ///< every write that may not be lost goes through it
    std::unique_ptr<RunWriter> m_writer;
    std::shared_ptr<const Snapshot> m_snapshot; ///< whose file is being written
    std::future<void> m_snapshotFile;
    RunState m_state = RunState::Queued, m_stateBeforeWait = RunState::Queued;
};

} // namespace sparsescope
