#pragma once

#include "app/training_thread.h"

#include <QObject>

#include <deque>
#include <filesystem>
#include <optional>

namespace sparsescope {

struct QueuedExperiment {
    ExperimentConfig config;
    std::filesystem::path folder; ///< <out>/<name>
    bool resume = false;
    std::vector<std::string> runs; ///< those that it shall train (RunConfig::folder()), in this order
};

/// Experiments one after another. A failed one does not stop the queue unless it was told so; Stop does.
class RunQueue : public QObject {
    Q_OBJECT

public:
    RunQueue(Engine engine, std::filesystem::path out, QObject *parent = nullptr);

    void setDevice(const std::string &device) { m_device = device; }
    const std::filesystem::path &out() const { return m_out; }
    /// Where what is added from now on goes, and what waits and has not begun; what trains stays where it is.
    void setOut(const std::filesystem::path &out);
    /// Copies the experiment under a name that no folder of `out` has yet ("smoke-2"); starts it when the queue is going.
    /// `runs`: only those, in that order; empty: all.
    void add(const ExperimentConfig &experiment, std::vector<std::string> runs = {});
    /// Goes on with an experiment whose folder is there. Throws Failure or ConfigFailure when experiment.json is damaged.
    void addResume(const std::filesystem::path &folder, std::vector<std::string> runs = {});
    /// Only those that wait can be moved or taken out; false for any other. `place` counts among them.
    bool move(const std::filesystem::path &folder, int place);
    bool remove(const std::filesystem::path &folder);
    /// -1: does not wait.
    int placeOf(const std::filesystem::path &folder) const;
    /// The same for one run among those of its experiment, which may be the one that trains: what has not begun can be moved
    /// and taken out. An experiment whose last run is taken out goes, too.
    bool moveRun(const std::filesystem::path &folder, const std::string &run, int place);
    bool removeRun(const std::filesystem::path &folder, const std::string &run);
    /// Runs of an experiment that have not begun, in their order.
    std::vector<std::string> waitingRuns(const std::filesystem::path &folder) const;
    bool continueOnError() const { return m_continueOnError; }
    void setContinueOnError(bool on);
    void start();
    void pause();
    void resume();
    /// Ends the current experiment with checkpoints; those after it wait for start().
    void stop();

    bool training() const { return m_current.has_value(); }
    const std::optional<QueuedExperiment> &current() const { return m_current; }
    const std::deque<QueuedExperiment> &waiting() const { return m_waiting; }
    TrainingThread &thread() { return m_thread; }

Q_SIGNALS:
    void added(const sparsescope::QueuedExperiment &experiment);
    void removed(const sparsescope::QueuedExperiment &experiment);
    void runRemoved(const sparsescope::QueuedExperiment &experiment, const std::string &run);
    void started(const sparsescope::QueuedExperiment &experiment);
    /// After the last record of the experiment was put into the thread's queue.
    void finished(const sparsescope::QueuedExperiment &experiment, const sparsescope::ExperimentOutcome &outcome);
    void changed();

private:
    void startNext();
    void ended(const ExperimentOutcome &outcome);
    void put(QueuedExperiment entry);
    /// The experiment under a name that no folder of `out` has yet.
    QueuedExperiment placed(const ExperimentConfig &experiment, std::vector<std::string> runs) const;
    std::string freeName(const std::string &name) const;

    std::filesystem::path m_out;
    std::string m_device = "auto";
    std::deque<QueuedExperiment> m_waiting;
    std::optional<QueuedExperiment> m_current;
    bool m_going = false, m_continueOnError = true;
    TrainingThread m_thread;
};

} // namespace sparsescope
