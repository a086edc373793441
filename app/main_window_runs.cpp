#include "app/main_window.h"

#include "app/presets.h"
#include "widgets/panels/config_form.h"
#include "widgets/panels/log_panel.h"
#include "widgets/panels/notice_bar.h"
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
        postRunNotice(*added);
        showStatus();
    });
    m_composing = false;
    if (!m_current) {
        setCurrentRun(added);
    } else if (m_model.indexOf(added).parent() == m_model.indexOf(m_current).parent()) {
        showRuns();
    }
    return added;
}

void MainWindow::openPath(const std::filesystem::path &path)
{
    std::error_code ignored;
    if (path.extension() == ".json" && std::filesystem::is_regular_file(path, ignored)) {
        try {
            std::vector<Preset> presets = m_form->presets();
            Preset preset = loadPreset(path);
            const std::string name = preset.name;
            presets.erase(
                std::remove_if(presets.begin(), presets.end(), [&](const Preset &p) { return p.name == name; }),
                presets.end());
            presets.insert(presets.begin(), std::move(preset));
            m_form->setPresets(std::move(presets));
            newExperiment();
        } catch (const std::exception &error) {
            m_notices->post(QString::fromStdString(path.string()), NoticeBar::Kind::Failed,
                            QStringLiteral("Could not open %1").arg(QString::fromStdString(path.filename().string())),
                            QString::fromUtf8(error.what()));
        }
        return;
    }
    ++m_opening;
    m_reader.open(std::filesystem::absolute(path, ignored).lexically_normal());
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

void MainWindow::takeRecords(const std::filesystem::path &experimentFolder)
{
    for (const TrainingRecord &record : m_queue.thread().drain()) {
        std::visit(
            [&](const auto &value) {
                using Value = std::decay_t<decltype(value)>;
                RunData *run = m_runs.find(experimentFolder, value.run);
                if constexpr (std::is_same_v<Value, LogRecord>) {
                    m_log->append(value, run != nullptr ? runTitle(*run, m_model.runsBeside(run)) : QString());
                }
                if (run == nullptr) {
                    return;
                }
                if constexpr (std::is_same_v<Value, SnapshotNotice>) {
                    run->addSnapshotStep(value.step);
                } else {
                    run->apply(value);
                }
            },
            record);
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
        m_notices->post(name, NoticeBar::Kind::Failed, QStringLiteral("%1 did not run").arg(name), outcome.failure);
        m_log->append({{},
                       static_cast<double>(QDateTime::currentSecsSinceEpoch()),
                       0,
                       LogLevel::Error,
                       outcome.failure.toStdString()},
                      name);
    }
    m_reader.setLive({});
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
    if (m_queue.current() && m_queue.current()->folder == experiment) {
        return; // its records come from memory
    }
    const bool fromMemory = run != nullptr && first;
    if (run == nullptr) {
        auto fresh = std::make_unique<RunData>(found.config, experiment, found.folder);
        fresh->apply(found.update);
        run = addRun(std::move(fresh));
    } else {
        run->apply(found.update);
    }
    if (!fromMemory) { // else its lines were shown when they happened
        for (const LogRecord &line : found.update.log) {
            m_log->append(line, runTitle(*run, m_model.runsBeside(run)));
        }
    }
    run->flush();
    if (run == m_current && m_view.view().followLive) {
        m_view.followStep(run->step());
    }
    showFirstRun();
}

void MainWindow::postRunNotice(RunData &run)
{
    const QString id = run.experiment() + QLatin1Char('/') + run.id();
    const QString title = runTitle(run, m_model.runsBeside(&run));
    if (run.state() == RunState::Failed) {
        m_notices->post(id, NoticeBar::Kind::Failed,
                        QStringLiteral("%1 failed at step %2").arg(title, countText(run.step())), run.reason());
    } else if (run.state() == RunState::Interrupted) {
        const std::filesystem::path folder = run.experimentFolder();
        m_notices->post(
            QString::fromStdString(folder.string()), NoticeBar::Kind::Info, QStringLiteral("A run was cut off"),
            QStringLiteral("%1 stopped at step %2 when its program ended. The last checkpoint is complete.")
                .arg(title, countText(run.step())),
            {{QStringLiteral("Resume"), [this, folder] {
                  try {
                      m_queue.addResume(folder);
                      m_queue.start();
                      m_notices->remove(QString::fromStdString(folder.string()));
                  } catch (const std::exception &error) {
                      m_notices->post(QString::fromStdString(folder.string()), NoticeBar::Kind::Failed,
                                      QStringLiteral("The run cannot be resumed"), QString::fromUtf8(error.what()));
                  }
              }}});
    }
}

} // namespace sparsescope
