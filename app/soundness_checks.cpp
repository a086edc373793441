#include "app/soundness_checks.h"

#include "app/lower_priority.h"
#include "app/run_collection.h"
#include "core/base/stored_checks.h"
#include "widgets/state/run_data.h"

#include <optional>

namespace sparsescope {

namespace {

/// The newest weights of the run; empty for one that has none.
std::filesystem::path newestCheckpoint(const std::filesystem::path &folder)
{
    std::error_code ignored;
    if (!std::filesystem::exists(folder / "run.json", ignored)) {
        return {};
    }
    const std::vector<CheckpointInfo> checkpoints = RunReader(folder).checkpoints();
    return checkpoints.empty() ? std::filesystem::path() : checkpoints.back().folder;
}

/// What the run wrote down while it trained; without it the gate that reads it would be "not run", in place of what was found.
std::optional<RecordedProbes> recordOf(const std::filesystem::path &folder)
{
    std::error_code ignored;
    return std::filesystem::exists(folder / "run.json", ignored) ? std::optional(recordedProbes(RunReader(folder)))
                                                                 : std::nullopt;
}

void store(const std::filesystem::path &folder, const std::vector<CheckResult> &results)
{
    std::error_code ignored;
    if (!std::filesystem::exists(folder / "run.json", ignored)) {
        return;
    }
    const RunReader run(folder);
    const std::vector<CheckpointInfo> there = run.checkpoints(), named = run.recordedCheckpoints();
    // Where the newest weights are gone, others were judged: what was found of those that the run ended with stays.
    if (named.empty() || (!there.empty() && there.back().step >= named.back().step)) {
        storeChecks(*RunWriter::open(folder), results);
    }
}

} // namespace

SoundnessChecks::SoundnessChecks(Measure measure, std::string device, QObject *parent)
    : QObject(parent)
    , m_measure(std::move(measure))
    , m_device(std::move(device))
{}

SoundnessChecks::~SoundnessChecks()
{
    if (m_cancelled) {
        *m_cancelled = true;
    }
}

bool SoundnessChecks::canCheck(const RunData *run) const
{
    return m_measure && run != nullptr && !isBusy(run->state()) && !run->value("source");
}

void SoundnessChecks::start(RunData *run)
{
    if (!canCheck(run)) {
        return;
    }
    if (m_cancelled) {
        *m_cancelled = true;
    }
    m_cancelled = std::make_shared<std::atomic<bool>>(false);
    m_run = run;
    const quint64 question = ++m_question;
    // The new thread waits for the one before it, which stops at its next gate.
    m_thread =
        std::jthread([this, question, earlier = std::move(m_thread), cancelled = m_cancelled, measure = m_measure,
                      device = m_device, config = run->config(), folder = run->folder()]() mutable {
            if (earlier.joinable()) {
                earlier.join();
            }
            lowerPriority();
            QString failure;
            try {
                SoundnessOptions options;
                options.device = device;
                options.checkpoint = newestCheckpoint(folder);
                options.recorded = recordOf(folder);
                options.cancelled = [cancelled] { return cancelled->load(); };
                options.onResult = [this, question](const CheckResult &result) {
                    QMetaObject::invokeMethod(
                        this,
                        [this, question, result] {
                            if (question == m_question && m_run) {
                                m_run->apply(result);
                                m_run->flush();
                            }
                        },
                        Qt::QueuedConnection);
                };
                const std::vector<CheckResult> results = measure(config, options);
                store(folder, results);
            } catch (const std::exception &error) {
                failure = QString::fromUtf8(error.what());
            }
            QMetaObject::invokeMethod(
                this, [this, question, failure] { finished(question, failure); }, Qt::QueuedConnection);
        });
    Q_EMIT measuringChanged();
}

void SoundnessChecks::finished(quint64 question, const QString &failure)
{
    if (question != m_question) {
        return;
    }
    const QString run = m_run ? m_run->id() : QString();
    m_run = nullptr;
    Q_EMIT measuringChanged();
    if (!failure.isEmpty()) {
        Q_EMIT failed(run, failure);
    }
}

} // namespace sparsescope
