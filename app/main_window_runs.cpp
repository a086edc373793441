#include "app/main_window.h"

#include "app/presets.h"
#include "app/run_actions.h"
#include "widgets/panels/config_form.h"
#include "widgets/panels/experiment_document.h"
#include "widgets/panels/log_panel.h"
#include "widgets/panels/notice_bar.h"
#include "widgets/panels/run_table.h"
#include "widgets/state/number_text.h"

#include <QDateTime>

#include <algorithm>

/// Where runs come from: the queue's training and folders on disk; and what the window says when one ends.
namespace sparsescope {

RunData *MainWindow::addRun(std::unique_ptr<RunData> run)
{
    RunData *added = m_runs.add(std::move(run));
    m_model.addRun(added);
    connect(added, &RunData::stateChanged, this, [this, added] {
        m_runNotices->look(*added);
        showStatus();
        if (added == m_current) {
            showChecks();
        }
    });
    m_composing = false;
    if (!m_current) {
        setCurrentRun(added);
    } else {
        m_besideDue = m_besideDue || experimentKey(*added) == experimentKey(*m_current);
        showCompareRuns(false);
    }
    return added;
}

bool MainWindow::startPreset(const std::string &name)
{
    if (!m_form->choosePreset(name) || !m_form->experiment()) {
        newExperiment();
        return false;
    }
    m_queue.add(*m_form->experiment());
    m_queue.start();
    return true;
}

void MainWindow::experimentAdded(const QueuedExperiment &experiment)
{
    for (RunConfig &config : expand(experiment.config)) {
        if (std::find(experiment.runs.begin(), experiment.runs.end(), config.folder()) == experiment.runs.end()) {
            continue;
        }
        if (RunData *known = m_runs.find(experiment.folder, config.folder())) { // resumed: its curves go on
            known->apply(StateChange{config.folder(), RunState::Queued, {}, known->step(), known->steps()});
            known->flush();
        } else {
            addRun(std::make_unique<RunData>(std::move(config), experiment.folder));
        }
    }
    if (!m_queue.training()) {
        setCurrentRun(m_runs.firstOf(experiment.folder));
    }
    showFirstRun();
}

void MainWindow::takeFromQueue(RunData *run, RunState state)
{
    if (run->state() == RunState::Queued) {
        run->apply(StateChange{run->id().toStdString(), state, {}, run->step(), run->steps()});
        run->flush();
    }
}

/// The current run is gone from the table: another takes its place.
void MainWindow::leaveRun()
{
    m_current = nullptr;
    RunData *next = m_runTable->currentRun();
    setCurrentRun(next != nullptr ? next : m_runs.empty() ? nullptr : m_runs.all().back());
    if (m_runs.empty()) {
        m_composing = true; // the form may hold what shall be queued instead
        showRuns();
    }
}

void MainWindow::experimentRemoved(const QueuedExperiment &experiment)
{
    if (experiment.resume) { // its runs are on disk and were there before they were queued
        for (RunData *run : m_runs.of(experiment.folder)) {
            takeFromQueue(run, run->step() > 0 ? RunState::Stopped : RunState::Queued);
        }
        return;
    }
    dropExperiment(experiment.folder);
}

void MainWindow::dropExperiment(const std::filesystem::path &folder)
{
    const std::vector<std::unique_ptr<RunData>> gone = m_runs.take(folder); // until the views look elsewhere
    m_model.removeExperiment(QString::fromStdString(folder.string()));
    showCompareRuns(true);
    if (m_current && m_current->experimentFolder() == folder) {
        leaveRun();
    }
    showFirstRun();
}

void MainWindow::runRemoved(const QueuedExperiment &experiment, const std::string &id)
{
    RunData *run = m_runs.find(experiment.folder, id);
    if (run == nullptr) {
        return;
    }
    const bool begun = m_queue.current() && m_queue.current()->folder == experiment.folder;
    if (experiment.resume || begun) {
        takeFromQueue(run, RunState::Stopped);
        return;
    }
    m_model.removeRun(run);
    const std::unique_ptr<RunData> gone = m_runs.take(run); // until the views look elsewhere
    showCompareRuns(true);
    if (m_current == run) {
        leaveRun();
    } else {
        showRuns(); // the others of its experiment stand without it
    }
}

void MainWindow::duplicateExperiment(const std::filesystem::path &folder, const RunNotices::Changes &changes)
{
    const auto waiting = std::find_if(m_queue.waiting().begin(), m_queue.waiting().end(),
                                      [&](const QueuedExperiment &entry) { return entry.folder == folder; });
    const std::string name = folder.filename().string();
    Preset copy{"Copy of " + name, {}, {}};
    try {
        copy.document = waiting != m_queue.waiting().end() ? waiting->config.document
                        : m_queue.current() && m_queue.current()->folder == folder
                            ? m_queue.current()->config.document
                            : loadPreset(folder / "experiment.json").document;
    } catch (const std::exception &error) {
        m_notices->post(QString::fromStdString(folder.string()), NoticeBar::Kind::Failed,
                        QStringLiteral("%1 cannot be duplicated").arg(QString::fromStdString(name)),
                        QString::fromUtf8(error.what()));
        return;
    }
    for (const auto &[path, value] : changes) {
        dropAxis(copy.document, path);
        setAtPath(copy.document, path, value);
    }
    m_form->offer(std::move(copy));
    newExperiment();
}

void MainWindow::takeRecords(const std::filesystem::path &experimentFolder)
{
    bool anyBegan = false;
    for (const TrainingRecord &record : m_queue.thread().drain()) {
        anyBegan = anyBegan || std::holds_alternative<StateChange>(record);
        std::visit(
            [&](const auto &value) {
                using Value = std::decay_t<decltype(value)>;
                RunData *run = m_runs.find(experimentFolder, value.run);
                if constexpr (std::is_same_v<Value, LogRecord>) {
                    m_savedAt = value.level == LogLevel::Saved ? value.wall : m_savedAt;
                    m_log->append(value, run != nullptr ? runTitle(*run, m_model.runsBeside(run)) : QString());
                }
                if (run == nullptr) {
                    return;
                }
                if constexpr (std::is_same_v<Value, SnapshotNotice>) {
                    run->addSnapshotStep(value.step);
                } else if constexpr (std::is_same_v<Value, CheckNotice>) {
                    run->apply(value.result);
                } else {
                    run->apply(value);
                }
            },
            record);
    }
    if (anyBegan) {
        m_runActions->refresh(); // what trains no longer waits
    }
    for (auto &snapshot : m_queue.thread().takeSnapshots()) {
        if (RunData *run = m_runs.find(experimentFolder, snapshot->run)) {
            run->addSnapshot(std::move(snapshot));
        }
    }
}

void MainWindow::experimentFinished(const QueuedExperiment &experiment, const ExperimentOutcome &outcome)
{
    takeRecords(experiment.folder);
    for (const RunOutcome &end : outcome.runs) {
        if (RunData *run = m_runs.find(experiment.folder, end.run); run != nullptr && run->state() != end.state) {
            run->apply(StateChange{end.run, end.state, end.reason, end.step, run->steps()});
        }
    }
    const QString name = QString::fromStdString(experiment.config.name);
    for (RunData *run : m_runs.of(experiment.folder)) {
        if (isBusy(run->state()) || run->state() == RunState::Queued) {
            // The engine broke off, or was stopped before this run's turn came.
            const RunState state = outcome.failure.isEmpty() ? RunState::Stopped : RunState::Failed;
            run->apply(
                StateChange{run->id().toStdString(), state, outcome.failure.toStdString(), run->step(), run->steps()});
        }
    }
    m_runs.flush();
    if (!outcome.failure.isEmpty()) {
        std::vector<NoticeBar::Remedy> remedies;
        if (outcome.failure.contains(QLatin1String("CUDA device"))) {
            remedies.push_back({QStringLiteral("Use the CPU"), [this, name, entry = experiment] {
                                    m_notices->remove(name);
                                    useCpu();
                                    m_queue.add(entry.config, entry.runs);
                                    m_queue.start();
                                }});
        }
        m_notices->post(name, NoticeBar::Kind::Failed, QStringLiteral("%1 did not run").arg(name), outcome.failure,
                        std::move(remedies));
        m_log->append({{},
                       static_cast<double>(QDateTime::currentSecsSinceEpoch()),
                       0,
                       LogLevel::Error,
                       outcome.failure.toStdString()},
                      name);
    }
    m_reader.setLive({});
    m_reader.readOnce(experiment.folder); // what a run notes about itself never came through memory
    if (m_current && m_view.view().followLive) {
        m_view.followStep(m_current->step());
    }
    if (m_closing) {
        m_closing = false;
        QTimer::singleShot(0, this, &QWidget::close);
    }
}

void MainWindow::runFound(const FoundRun &found, bool first)
{
    const std::filesystem::path experiment = experimentFolderOf(found.folder, found.config);
    RunData *run = m_runs.find(experiment, found.config.folder());
    if (m_left.contains(experiment)) {
        return;
    }
    if (m_queue.current() && m_queue.current()->folder == experiment) {
        return; // its records come from memory
    }
    // Its place in the queue is newer than what the disk says.
    const std::vector<std::string> waiting = m_queue.waitingRuns(experiment);
    const bool waits = std::find(waiting.begin(), waiting.end(), found.config.folder()) != waiting.end();
    const bool fromMemory = run != nullptr && first;
    if (run == nullptr) {
        auto fresh = std::make_unique<RunData>(found.config, experiment, found.folder);
        fresh->apply(found.update);
        run = addRun(std::move(fresh));
    } else {
        RunUpdate update = found.update;
        if (fromMemory) {
            update.log.clear(); // its lines came when they happened
            // And so did its state: one that was taken out of the queue never began, which the disk calls queued.
            update.state = {run->id().toStdString(), run->state(), run->reason().toStdString(), run->step(),
                            run->steps()};
        }
        run->apply(update);
    }
    if (waits && run->state() != RunState::Finished) {
        run->apply(StateChange{run->id().toStdString(), RunState::Queued, {}, run->step(), run->steps()});
    }
    if (!fromMemory) { // else its lines were shown when they happened
        const QString title = found.update.log.empty() ? QString() : runTitle(*run, m_model.runsBeside(run));
        for (const LogRecord &line : found.update.log) {
            m_log->append(line, title);
        }
    }
    run->flush();
    // Of what is just being opened a run under way says more than one that waits.
    if (first && m_opening > 0 && m_current && m_current->state() == RunState::Queued &&
        run->state() == RunState::Running) {
        setCurrentRun(run);
    }
    if (run == m_current && m_view.view().followLive) {
        m_view.followStep(run->step());
    }
    std::error_code ignored;
    if (m_dropped && std::filesystem::equivalent(m_dropped->second, found.folder, ignored)) {
        showCompareRuns(true);
        folderOnSide(m_dropped->first, found.folder);
    }
    if (!m_asked.empty() && std::filesystem::equivalent(m_asked, found.folder, ignored)) {
        m_asked.clear();
        setCurrentRun(run);
    }
    if (m_looked == experiment) { // what a checkpoint saw is what is asked for
        m_looked.clear();
        setCurrentRun(run);
        showPage(m_lookedPage);
    }
    showFirstRun();
}

} // namespace sparsescope
