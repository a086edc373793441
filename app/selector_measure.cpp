#include "app/selector_measure.h"

#include "app/lower_priority.h"
#include "app/run_collection.h"
#include "core/base/run_store.h"
#include "core/base/stored_counterfactual.h"
#include "widgets/state/run_data.h"

#include <algorithm>

namespace sparsescope {

namespace {

/// What is asked of one run.
struct Job {
    QPointer<RunData> run;
    QString name;
    RunConfig config;
    std::filesystem::path folder;
};

CheckpointInfo newestCheckpoint(const Job &job)
{
    const std::vector<CheckpointInfo> checkpoints = RunReader(job.folder).checkpoints();
    if (checkpoints.empty()) {
        throw Failure(
            {"has no checkpoint to freeze", job.folder.string(), "", "", "Train it to its end, or stop it with one."});
    }
    return checkpoints.back();
}

} // namespace

SelectorMeasure::SelectorMeasure(Measure measure, std::string device, QObject *parent)
    : QObject(parent)
    , m_measure(std::move(measure))
    , m_device(std::move(device))
{}

SelectorMeasure::~SelectorMeasure()
{
    if (m_cancelled) {
        *m_cancelled = true;
    }
}

QString SelectorMeasure::whyNot(const std::vector<RunData *> &runs) const
{
    if (runs.empty()) {
        return QStringLiteral("Choose a side first.");
    }
    if (!m_measure) {
        return QStringLiteral("This window was opened without what measures it.");
    }
    if (std::any_of(runs.begin(), runs.end(), [](const RunData *run) { return isBusy(run->state()); })) {
        return QStringLiteral("It can be measured when training has ended: weights must stand still.");
    }
    if (std::any_of(runs.begin(), runs.end(), [](const RunData *run) { return run->value("source").has_value(); })) {
        return QStringLiteral("This is what a checkpoint from elsewhere saw: its validation data is not here.");
    }
    return std::all_of(runs.begin(), runs.end(), [](const RunData *run) { return run->state() == RunState::Queued; })
               ? QStringLiteral("It can be measured when training has ended.")
               : QString();
}

void SelectorMeasure::start(const std::vector<RunData *> &runs)
{
    if (!whyNot(runs).isEmpty() || m_measuring) {
        return;
    }
    std::vector<Job> jobs;
    for (RunData *run : runs) {
        if (run->state() != RunState::Queued) {
            jobs.push_back({run, QStringLiteral("s%1").arg(run->config().training.seed), run->config(), run->folder()});
        }
    }
    m_measuring = true;
    m_cancelled = std::make_shared<std::atomic<bool>>(false);
    const quint64 question = ++m_question;
    Q_EMIT progressed(QStringLiteral("Reading the checkpoint"), 0);
    // The new thread waits for the one before it, which stops at its next row.
    m_thread = std::jthread([this, question, jobs = std::move(jobs), earlier = std::move(m_thread),
                             cancelled = m_cancelled, measure = m_measure, device = m_device]() mutable {
        if (earlier.joinable()) {
            earlier.join();
        }
        lowerPriority();
        QString failure;
        try {
            const double all = static_cast<double>(jobs.size());
            for (std::size_t index = 0; index < jobs.size() && !cancelled->load(); ++index) {
                const Job &job = jobs[index];
                const CheckpointInfo checkpoint = newestCheckpoint(job);
                CounterfactualOptions options;
                options.device = device;
                options.checkpoint = checkpoint.folder;
                options.topK = counterfactualSweep(job.config.training.sequenceLength);
                options.cancelled = [cancelled] { return cancelled->load(); };
                const double rows = static_cast<double>(options.topK.size() *
                                                        std::max<std::size_t>(1, counterfactualSelectors().size()));
                double row = 0;
                options.onProgress = [&](const std::string &what) {
                    const double share = (static_cast<double>(index) + std::min(1.0, row++ / rows)) / all;
                    QMetaObject::invokeMethod(
                        this,
                        [this, question, words = job.name + QStringLiteral(", ") + QString::fromStdString(what),
                         share] {
                            if (question == m_question && m_measuring) {
                                Q_EMIT progressed(words, share);
                            }
                        },
                        Qt::QueuedConnection);
                };
                Counterfactual table = measure(job.config, options);
                if (cancelled->load()) {
                    break; // half a table says nothing
                }
                table.step = checkpoint.step;
                storeCounterfactual(job.folder, table);
                QMetaObject::invokeMethod(
                    this,
                    [this, run = job.run, stored = toJson(table).dump()] {
                        if (run) {
                            RunUpdate update;
                            update.values[kCounterfactualKey] = stored;
                            update.state = {{}, run->state(), run->reason().toStdString(), run->step(), run->steps()};
                            run->apply(update);
                            Q_EMIT measured(run);
                        }
                    },
                    Qt::QueuedConnection);
            }
        } catch (const std::exception &error) {
            failure = QString::fromUtf8(error.what());
        }
        QMetaObject::invokeMethod(
            this, [this, question, failure] { finished(question, failure); }, Qt::QueuedConnection);
    });
}

void SelectorMeasure::cancel()
{
    if (m_cancelled) {
        *m_cancelled = true;
    }
    if (m_measuring) { // the row that is being measured ends by itself; nothing waits for it
        m_measuring = false;
        Q_EMIT progressed({}, 0);
    }
}

void SelectorMeasure::finished(quint64 question, const QString &failure)
{
    if (question != m_question || !m_measuring) {
        return;
    }
    m_measuring = false;
    Q_EMIT progressed({}, 1);
    if (!failure.isEmpty()) {
        Q_EMIT failed(failure);
    }
}

} // namespace sparsescope
