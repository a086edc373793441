#pragma once

#include "core/base/config.h"
#include "core/base/records.h"
#include "core/train/train_run.h"

#include <atomic>
#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

/// Door: trains the runs of an experiment, the families of a lockstep group together.
namespace sparsescope {

/// Commands to a running runner; read between steps, so each takes effect within one step.
class RunControl {
public:
    void pause() { m_paused = true; }
    void resume() { m_paused = false; }
    bool paused() const { return m_paused; }
    void stop() { m_stop = true; } ///< every run of the current group stops with a checkpoint; nothing further starts
    bool stopping() const { return m_stop; }
    void skip() { m_skip = true; } ///< the current group stops; the next starts
    bool takeSkip() { return m_skip.exchange(false); }
    void snapshotNow() { m_snapshot = true; }
    bool takeSnapshot() { return m_snapshot.exchange(false); }
    void checkpointNow() { m_checkpoint = true; }
    bool takeCheckpoint() { return m_checkpoint.exchange(false); }

private:
    std::atomic<bool> m_paused{false}, m_stop{false}, m_skip{false}, m_snapshot{false}, m_checkpoint{false};
};

struct RunnerOptions {
    std::filesystem::path out = "runs"; ///< the experiment's folder is <out>/<name>
    std::string device = "auto";
    bool resume = false;
    int threads = 0;
};

/// Trains everything; a run that fails is recorded and the others go on. Returns one outcome a run, in order.
/// Throws Failure before anything starts: the folder exists and resume was not asked for, it cannot be written, ...
std::vector<RunOutcome> runExperiment(const ExperimentConfig &experiment, const RunnerOptions &options,
                                      RunControl &control, TrainingObserver &observer);

} // namespace sparsescope
