#include "app/training_thread.h"

#include "app/lower_priority.h"

#include <exception>
#include <new>

namespace sparsescope {

/// Puts everything into the channels; called on the training thread.
class TrainingThread::Observer : public TrainingObserver {
public:
    explicit Observer(std::shared_ptr<Channels> channels)
        : m_channels(std::move(channels))
    {}

    void onState(const StateChange &change) override { m_channels->records.push(change); }
    void onStage(const StageChange &change) override { m_channels->records.push(change); }
    void onStep(const StepRecord &record) override { m_channels->records.push(record); }
    void onEvaluation(const EvalRecord &record) override { m_channels->records.push(record); }
    void onLog(const LogRecord &record) override { m_channels->records.push(record); }
    void onCheck(const std::string &run, const CheckResult &result) override
    {
        m_channels->records.push(CheckNotice{run, result});
    }
    void onSnapshot(std::shared_ptr<const Snapshot> snapshot) override
    {
        m_channels->records.push(SnapshotNotice{snapshot->run, snapshot->step});
        std::shared_ptr<Latest<Snapshot>> place;
        {
            std::lock_guard lock(m_channels->mutex);
            auto &entry = m_channels->snapshots[snapshot->run];
            if (!entry) {
                entry = std::make_shared<Latest<Snapshot>>();
            }
            place = entry;
        }
        place->publish(std::move(snapshot));
    }

private:
    std::shared_ptr<Channels> m_channels;
};

TrainingThread::TrainingThread(Engine engine, QObject *parent)
    : QObject(parent)
    , m_engine(std::move(engine))
{
    qRegisterMetaType<ExperimentOutcome>();
}

TrainingThread::~TrainingThread() { stop(); }

/// The caller never waits: the new thread joins the one before it.
void TrainingThread::runAfterEarlier(std::function<void()> work)
{
    m_thread = std::jthread([earlier = std::move(m_thread), work = std::move(work)]() mutable {
        if (earlier.joinable()) {
            earlier.join();
        }
        lowerPriority();
        work();
    });
}

void TrainingThread::prepare(std::function<void()> work)
{
    if (m_running) {
        return;
    }
    runAfterEarlier([work = std::move(work)] {
        try {
            work();
        } catch (const std::exception &) {
            // The experiment meets the same fault and has a place to show it.
        }
    });
}

void TrainingThread::start(ExperimentConfig experiment, RunnerOptions options)
{
    if (m_running) {
        return;
    }
    m_running = true;
    m_control = std::make_shared<RunControl>();
    if (!options.runs.empty()) {
        m_control->setWaiting(options.runs); // can be changed from now on
    }
    {
        std::lock_guard lock(m_channels->mutex);
        m_channels->snapshots.clear();
    }
    runAfterEarlier([this, engine = m_engine, channels = m_channels, control = m_control,
                     experiment = std::move(experiment), options = std::move(options)] {
        ExperimentOutcome outcome;
        try {
            Observer observer(channels);
            outcome.runs = engine(experiment, options, *control, observer);
        } catch (const std::bad_alloc &) {
            outcome.failure = QStringLiteral("Out of memory. Use a smaller batch or model.");
        } catch (const std::exception &error) {
            outcome.failure = QString::fromUtf8(error.what());
        } catch (...) {
            outcome.failure = QStringLiteral("The engine broke off for an unknown reason.");
        }
        outcome.stopped = control->stopping();
        // Delivered on the window's thread; this object outlives the thread, since it joins it.
        QMetaObject::invokeMethod(
            this,
            [this, outcome] {
                m_running = false;
                Q_EMIT finished(outcome);
            },
            Qt::QueuedConnection);
    });
}

void TrainingThread::pause()
{
    if (m_control) {
        m_control->pause();
    }
}

void TrainingThread::checkpointNow()
{
    if (m_control) {
        m_control->checkpointNow();
    }
}

void TrainingThread::resume()
{
    if (m_control) {
        m_control->resume();
    }
}

void TrainingThread::stop()
{
    if (m_control) {
        m_control->stop();
    }
}

std::vector<std::shared_ptr<const Snapshot>> TrainingThread::takeSnapshots()
{
    std::vector<std::shared_ptr<const Snapshot>> taken;
    std::lock_guard lock(m_channels->mutex);
    for (const auto &[run, place] : m_channels->snapshots) {
        if (auto snapshot = place->take()) {
            taken.push_back(std::move(snapshot));
        }
    }
    return taken;
}

} // namespace sparsescope
