#include "core/train/run_journal.h"

#include "core/base/gates.h"
#include "core/base/stored_checks.h"
#include "core/train/step_log.h"

#include <fmt/format.h>

#include <chrono>
#include <utility>

namespace sparsescope {

RunJournal::RunJournal(const RunConfig &config, TrainingObserver &observer, std::function<bool()> keepTrying,
                       std::function<std::int64_t()> step)
    : m_run(config.folder())
    , m_steps(config.training.steps)
    , m_observer(observer)
    , m_step(std::move(step))
    , m_storage(
          {std::move(keepTrying), [this](const std::string &reason) { beginWait(reason); }, [this] { endWait(); }})
{}

void RunJournal::open(const std::filesystem::path &folder, const RunConfig &config)
{
    m_storage.write([&] {
        m_writer =
            std::filesystem::exists(folder / "run.json") ? RunWriter::open(folder) : RunWriter::create(folder, config);
    });
}

void RunJournal::write(const std::function<void(RunWriter &)> &action)
{
    finishSnapshot();
    m_storage.write([&] { action(*m_writer); });
}

void RunJournal::tick()
{
    if (m_snapshot && m_snapshotFile.wait_for(std::chrono::seconds(0)) == std::future_status::ready) {
        finishSnapshot();
    }
    m_storage.write([&] { m_writer->tick(); });
}

void RunJournal::value(const std::string &key, const std::string &text)
{
    write([&](RunWriter &writer) { writer.value(key, text); });
}

void RunJournal::log(LogLevel level, const std::string &text)
{
    const double now = wallClock();
    m_writer->event(m_step(), level, text, now);
    m_observer.onLog({m_run, now, m_step(), level, text});
}

void RunJournal::changeState(RunState next, const std::string &reason)
{
    m_state = next;
    write([&](RunWriter &writer) { writer.state(next, reason); });
    m_observer.onState({m_run, next, reason, m_step(), m_steps});
}

/// The state as far as the disk takes it now; what it does not take stays buffered.
void RunJournal::tellState(const std::string &reason)
{
    try {
        if (m_writer) {
            m_writer->state(m_state, reason);
        }
    } catch (const StorageFailure &) {
        // The next write that waits brings it along.
    }
    m_observer.onState({m_run, m_state, reason, m_step(), m_steps});
}

void RunJournal::fail(const std::string &reason)
{
    try {
        if (m_snapshot && m_snapshotFile.valid()) {
            m_snapshotFile.get();
            m_writer->addSnapshot(*m_snapshot);
        }
    } catch (const std::exception &) {
        // The reason of the failure is told; a snapshot is not worth another one.
    }
    m_snapshot.reset();
    log(LogLevel::Error, reason);
    m_state = RunState::Failed;
    tellState(reason);
}

void RunJournal::beginWait(const std::string &reason)
{
    m_stateBeforeWait = m_state;
    m_state = RunState::Paused;
    if (m_writer) {
        log(LogLevel::Error, "Paused: " + reason + " Training goes on by itself when it can be written again.");
    }
    tellState(reason);
}

void RunJournal::endWait()
{
    m_state = m_stateBeforeWait;
    if (m_writer) {
        log(LogLevel::Info, "It can be written again: going on");
    }
    tellState({});
}

void RunJournal::stage(const StageChange &change)
{
    const nlohmann::json row{
        {"name", change.name}, {"begin", change.step}, {"end", change.endStep}, {"audit", change.audit}};
    value(fmt::format("stage/{}", change.index), row.dump());
    m_observer.onStage(change);
}

void RunJournal::step(const StepRecord &record)
{
    m_writer->scalars(record.step, record.wall, record.scalars);
    m_observer.onStep(record);
}

void RunJournal::evaluation(std::vector<Scalar> scalars)
{
    const double now = wallClock();
    m_writer->scalars(m_step(), now, scalars);
    m_observer.onEvaluation({m_run, m_step(), now, std::move(scalars)});
}

void RunJournal::snapshot(std::shared_ptr<const Snapshot> snapshot)
{
    std::filesystem::path file;
    write([&](RunWriter &writer) { file = writer.snapshotFile(snapshot->step); });
    m_snapshot = snapshot;
    m_snapshotFile = std::async(std::launch::async, [snapshot, file] { writeSnapshot(*snapshot, file); });
    m_observer.onSnapshot(std::move(snapshot));
}

void RunJournal::finishSnapshot()
{
    if (!m_snapshot) {
        return;
    }
    const auto snapshot = std::exchange(m_snapshot, nullptr);
    m_storage.write([&] {
        if (m_snapshotFile.valid()) {
            m_snapshotFile.get();
            m_writer->addSnapshot(*snapshot);
        } else { // the first try failed
            m_writer->snapshot(*snapshot);
        }
    });
}

void RunJournal::checks(const std::vector<CheckResult> &results)
{
    write([&](RunWriter &writer) { storeChecks(writer, results); });
    for (const CheckResult &result : results) {
        if (result.outcome == CheckOutcome::Failed || result.outcome == CheckOutcome::Warning) {
            const GateInfo &info = gate(result.gate);
            log(LogLevel::Check,
                fmt::format("{}{}: {}. {}", info.title, result.outcome == CheckOutcome::Failed ? " failed" : "",
                            result.measured, info.remedy));
        }
        m_observer.onCheck(m_run, result);
    }
}

} // namespace sparsescope
