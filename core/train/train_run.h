#pragma once

#include "core/base/config.h"
#include "core/base/records.h"
#include "core/base/run_store.h"
#include "core/base/snapshot.h"

#include <cstdint>
#include <exception>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

/// Door to training: the only way in. No torch in this header.
namespace sparsescope {

/// Who wants to hear what happens. Called on the training thread; must return quickly. Defaults do nothing.
class TrainingObserver {
public:
    virtual ~TrainingObserver() = default;
    virtual void onState(const StateChange &) {}
    virtual void onStage(const StageChange &) {}
    virtual void onStep(const StepRecord &) {}
    virtual void onEvaluation(const EvalRecord &) {}
    virtual void onLog(const LogRecord &) {}
    virtual void onSnapshot(std::shared_ptr<const Snapshot>) {}
    /// A gate of a run, or one between it and the runs beside it.
    virtual void onCheck(const std::string & /*run*/, const CheckResult &) {}
};

struct TrainRunOptions {
    std::string device = "auto"; ///< auto, cpu, cuda, cuda:1
    bool resume = false;         ///< go on from the last complete checkpoint
    bool observeSteps = true;    ///< false: benchmark, nothing is recorded
    int threads = 0;             ///< intra-op threads; 0: as the library chooses
    /// Asked while the disk is full or the folder is gone: true waits (state paused) and tries again every two seconds, false
    /// gives up with the reason. Called on the training thread. Empty: never waits.
    std::function<bool()> keepTrying = {};
};

/// One run that can be advanced step by step (so that families advance together). Owns model, optimiser and data position.
/// Not thread-safe: one thread drives it. Throws Failure or std::exception when the run cannot go on; the caller records that
/// through fail().
class TrainRun {
public:
    /// Makes or opens the run folder, builds the model, prints the audit of its stages. `resume` restores everything.
    TrainRun(RunConfig config, const std::filesystem::path &folder, TrainRunOptions options,
             TrainingObserver &observer);
    ~TrainRun();
    TrainRun(TrainRun &&) noexcept;

    const RunConfig &config() const;
    std::int64_t step() const; ///< main-model steps done
    bool finished() const;
    /// True while the current stage does not count on the axis (indexer warm-up): families of one group wait for it.
    bool inUncountedStage() const;
    /// One optimiser step; before the first the cheap gates; evaluates, takes a snapshot and writes a checkpoint where they are due.
    void advance();
    void snapshotNow();
    void checkpointNow();
    /// What gates between this run and others found: stored and told.
    void recordChecks(const std::vector<CheckResult> &results);
    void keepAlive(); ///< renews the heartbeat while the run waits for others or is paused
    void pause();     ///< records the state and flushes; advance() resumes
    void resume();
    void finish();                        ///< final evaluation, checkpoint and gates, state finished
    void stop();                          ///< checkpoint, state stopped
    void fail(const std::string &reason); ///< writes what can be written, waits for nothing

private:
    struct Impl;
    std::unique_ptr<Impl> m_impl;
};

/// What the device word means on this machine; throws Failure when it cannot be had.
struct DeviceInfo {
    std::string name;        ///< "cpu", "cuda:0"
    std::string description; ///< "CPU", "CUDA 0 · NVIDIA H100 80GB HBM3 · 85 GB"
    bool isCuda = false;
    double memoryBytes = 0; ///< of the card; 0 on the CPU
    std::string note;       ///< why "auto" did not take a CUDA device
};
DeviceInfo describeDevice(const std::string &device);
/// Bytes of memory of the card, or of this computer.
double memoryOf(const DeviceInfo &device);

/// What went wrong, in words a user can act on: out of memory names the device and the remedy; library errors lose their backtrace.
std::string describe(const std::exception &error);
/// Gives cached device memory back after a failure.
void releaseCachedMemory();

} // namespace sparsescope
