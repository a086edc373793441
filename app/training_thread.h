#pragma once

#include "core/base/channels.h"
#include "core/experiment/runner.h"

#include <QObject>
#include <QString>

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <variant>
#include <vector>

namespace sparsescope {

/// What trains an experiment: runExperiment(), or a stand-in in tests.
using Engine = std::function<std::vector<RunOutcome>(const ExperimentConfig &, const RunnerOptions &, RunControl &,
                                                     TrainingObserver &)>;

/// A snapshot was taken; the picture itself goes another way, where the newest wins.
struct SnapshotNotice {
    std::string run;
    std::int64_t step = 0;
};
/// What a gate found; `run` is the one it was told to, also for a gate between runs.
struct CheckNotice {
    std::string run;
    CheckResult result;
};
using TrainingRecord =
    std::variant<StateChange, StageChange, StepRecord, EvalRecord, LogRecord, SnapshotNotice, CheckNotice>;

/// How a whole experiment ended. Exactly one a start(), whatever happened.
struct ExperimentOutcome {
    std::vector<RunOutcome> runs;
    QString failure; ///< why nothing started, or what broke the engine; empty when runs tell it all
    bool stopped = false;
};

/// Owns the one thread that trains. Records cross by a queue that loses none, snapshots by a place that keeps the newest of
/// each run; the window's timer fetches both.
class TrainingThread : public QObject {
    Q_OBJECT

public:
    explicit TrainingThread(Engine engine, QObject *parent = nullptr);
    /// Stops what runs, with a checkpoint, and waits for it.
    ~TrainingThread() override;

    /// Work for the thread before its first experiment, which waits for it; what it throws is left to the experiment to say.
    void prepare(std::function<void()> work);
    void start(ExperimentConfig experiment, RunnerOptions options);
    bool running() const { return m_running; }
    void pause();
    void resume();
    void stop();
    /// At the end of the step, beside those that come by themselves.
    void checkpointNow();
    bool pausing() const { return m_control && m_control->paused(); }
    bool stopping() const { return m_control && m_control->stopping(); }
    /// Of the experiment that trains, those that have not begun; see RunControl.
    std::vector<std::string> waitingRuns() const
    {
        return m_control ? m_control->waiting() : std::vector<std::string>();
    }
    bool moveRun(const std::string &run, int place) { return m_control && m_control->moveWaiting(run, place); }
    bool removeRun(const std::string &run) { return m_control && m_control->removeWaiting(run); }

    std::vector<TrainingRecord> drain() { return m_channels->records.drain(); }
    std::vector<std::shared_ptr<const Snapshot>> takeSnapshots();

Q_SIGNALS:
    void finished(const sparsescope::ExperimentOutcome &outcome);

private:
    struct Channels {
        RecordQueue<TrainingRecord> records;
        std::mutex mutex;
        std::map<std::string, std::shared_ptr<Latest<Snapshot>>> snapshots;
    };
    class Observer;

    void runAfterEarlier(std::function<void()> work);

    Engine m_engine;
    std::shared_ptr<Channels> m_channels = std::make_shared<Channels>();
    std::shared_ptr<RunControl> m_control;
    bool m_running = false;
    std::jthread m_thread; // last: joined before what it uses goes
};

} // namespace sparsescope

Q_DECLARE_METATYPE(sparsescope::ExperimentOutcome)
