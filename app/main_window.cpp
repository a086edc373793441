// Longer than 400 lines: the one place where pages, queue and actions meet; to be cut by page.
#include "app/main_window.h"

#include "app/presets.h"
#include "app/train_page.h"
#include "core/base/presets.h"
#include "widgets/panels/config_form.h"
#include "widgets/panels/first_run_page.h"
#include "widgets/panels/inspect_page.h"
#include "widgets/panels/log_panel.h"
#include "widgets/panels/metrics_panel.h"
#include "widgets/panels/notice_bar.h"
#include "widgets/panels/run_table.h"
#include "widgets/plots/series_plot.h"
#include "widgets/state/number_text.h"
#include "widgets/style/dialogs.h"
#include "widgets/style/theme.h"

#include <QApplication>
#include <QCloseEvent>
#include <QDateTime>
#include <QFuture>
#include <QLabel>
#include <QMimeData>
#include <QPromise>
#include <QSettings>
#include <QStackedWidget>
#include <QStatusBar>
#include <QThreadPool>

#include <algorithm>

namespace sparsescope {

namespace {

constexpr int kFrameMilliseconds = 16, kHiddenMilliseconds = 500;

bool isBusy(RunState state)
{
    return state == RunState::Running || state == RunState::Paused;
}

} // namespace

MainWindow::MainWindow(Engine engine, WindowOptions options, QWidget *parent)
    : QMainWindow(parent), m_options(std::move(options)), m_queue(std::move(engine), m_options.out)
{
    setObjectName(QStringLiteral("mainWindow"));
    setWindowTitle(QStringLiteral("Sparsescope"));
    setMinimumSize(1100, 700);
    resize(1600, 1000);
    setAcceptDrops(true);
    setContextMenuPolicy(Qt::NoContextMenu);
    m_queue.setDevice(m_options.device);
    m_frame.setInterval(kFrameMilliseconds);
    buildPages();
    buildDocks();
    buildActions();
    buildStatusBar();
    connectParts();

    QStringList faults;
    std::vector<Preset> presets = loadPresets(m_options.presets.empty() ? presetFolder() : m_options.presets, faults);
    for (const Preset &preset : presets) {
        if (preset.name == "demo") {
            const auto &document = preset.document;
            const auto number = [&](const char *group, const char *key) {
                const auto node = document.find(group);
                return node != document.end() && node->contains(key) && (*node)[key].is_number_integer() ? (*node)[key].get<int>() : 0;
            };
            m_firstRun->setDemoSize(QStringLiteral("%1 layers, L = %2, all four families").arg(number("model", "n_layers")).arg(number("training", "sequence_length")));
        }
    }
    m_form->setPresets(std::move(presets));
    for (const QString &fault : faults) {
        m_notices->post(fault, NoticeBar::Kind::Check, QStringLiteral("A preset could not be read"), fault);
    }
    showPage(Page::Train);
    showTraining();
    showView();
}

MainWindow::~MainWindow()
{
    m_frame.stop();
    m_queue.disconnect(this);
    // Views go before what they look at; as children of this window they would go after it.
    delete m_inspectPage;
    delete m_trainPage;
    delete m_runTable;
    m_model.setRuns({});
}

void MainWindow::showEvent(QShowEvent *event)
{
    QMainWindow::showEvent(event);
    if (!m_deviceAsked) {
        m_deviceAsked = true;
        m_sized = false;
        updateDocks();
        QTimer::singleShot(0, this, &MainWindow::lookForDevice);
        if (m_options.warmUp && !m_options.frozen) {
            m_queue.thread().prepare([warmUp = m_options.warmUp, device = m_options.device] { warmUp(device); });
        }
    }
}

void MainWindow::lookForDevice()
{
    if (m_options.frozen || !m_options.describeDevice) {
        m_toolbar->setDevice(QStringLiteral("CPU"), false, {});
        return;
    }
    struct Answer { DeviceInfo info; QString failure; };
    auto promise = std::make_shared<QPromise<Answer>>();
    promise->future().then(this, [this](const Answer &answer) {
        const bool found = answer.failure.isEmpty();
        m_cuda = found && answer.info.isCuda;
        m_toolbar->setDevice(found ? QString::fromStdString(answer.info.description) : QStringLiteral("No device"), !found,
                             found ? QString::fromStdString(answer.info.note) : answer.failure);
        m_firstRun->setCpuOnly(!m_cuda);
        if (!found) {
            m_notices->post(QStringLiteral("device"), NoticeBar::Kind::Failed, QStringLiteral("The device cannot be used"), answer.failure);
        }
    });
    QThreadPool::globalInstance()->start([promise, describe = m_options.describeDevice, device = m_options.device] {
        Answer answer;
        promise->start();
        try {
            answer.info = describe(device);
        } catch (const std::exception &error) {
            answer.failure = QString::fromUtf8(error.what());
        }
        promise->addResult(std::move(answer));
        promise->finish();
    });
}

std::vector<RunData *> MainWindow::runs() const
{
    std::vector<RunData *> runs;
    for (const auto &run : m_runs) {
        runs.push_back(run.get());
    }
    return runs;
}

std::vector<RunData *> MainWindow::shownRuns() const
{
    return m_current ? m_model.runsBeside(m_current) : std::vector<RunData *>{};
}

RunData *MainWindow::find(const std::filesystem::path &experimentFolder, const std::string &run) const
{
    const QString id = QString::fromStdString(run);
    const auto found = std::find_if(m_runs.begin(), m_runs.end(), [&](const auto &r) { return r->experimentFolder() == experimentFolder && r->id() == id; });
    return found == m_runs.end() ? nullptr : found->get();
}

RunData *MainWindow::firstOf(const std::filesystem::path &experimentFolder) const
{
    RunData *first = nullptr;
    for (const auto &run : m_runs) {
        if (run->experimentFolder() == experimentFolder) {
            // DSA before MHLA+DSA before the dense ones; then in the order of the queue.
            const auto rank = [](const RunData &r) { return r.config().model.family == Family::Sparse ? 0 : isSparse(r.config().model.family) ? 1 : 2; };
            if (first == nullptr || rank(*run) < rank(*first)) {
                first = run.get();
            }
        }
    }
    return first;
}

RunData *MainWindow::addRun(std::unique_ptr<RunData> run)
{
    RunData *added = run.get();
    m_runs.push_back(std::move(run));
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
            presets.erase(std::remove_if(presets.begin(), presets.end(), [&](const Preset &p) { return p.name == name; }), presets.end());
            presets.insert(presets.begin(), std::move(preset));
            m_form->setPresets(std::move(presets));
            newExperiment();
        } catch (const std::exception &error) {
            m_notices->post(QString::fromStdString(path.string()), NoticeBar::Kind::Failed,
                            QStringLiteral("Could not open %1").arg(QString::fromStdString(path.filename().string())), QString::fromUtf8(error.what()));
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
        if (RunData *known = find(experiment.folder, config.folder())) { // resumed: its curves go on
            known->apply(StateChange{config.folder(), RunState::Queued, {}, known->step(), known->steps()});
            known->flush();
        } else {
            addRun(std::make_unique<RunData>(std::move(config), experiment.folder));
        }
    }
    if (!m_queue.training()) {
        setCurrentRun(firstOf(experiment.folder));
    }
    showFirstRun();
}

void MainWindow::takeRecords(const std::filesystem::path &experimentFolder)
{
    for (const TrainingRecord &record : m_queue.thread().drain()) {
        std::visit(
            [&](const auto &value) {
                using Value = std::decay_t<decltype(value)>;
                RunData *run = find(experimentFolder, value.run);
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
        if (RunData *run = find(experimentFolder, snapshot->run)) {
            run->addSnapshot(std::move(snapshot));
        }
    }
}

void MainWindow::showFrame()
{
    if (!m_queue.current()) {
        m_frame.stop();
        return;
    }
    takeRecords(m_queue.current()->folder);
    for (const auto &run : m_runs) {
        run->flush();
    }
    if (m_current && m_view.view().followLive) {
        m_view.followStep(m_current->step());
    }
    showTraining();
}

void MainWindow::experimentFinished(const QueuedExperiment &experiment, const ExperimentOutcome &outcome)
{
    takeRecords(experiment.folder);
    for (const RunOutcome &end : outcome.runs) {
        if (RunData *run = find(experiment.folder, end.run); run != nullptr && run->state() != end.state) {
            run->apply(StateChange{end.run, end.state, end.reason, end.step, run->steps()});
        }
    }
    const QString name = QString::fromStdString(experiment.config.name);
    for (const auto &run : m_runs) {
        if (run->experimentFolder() == experiment.folder && (isBusy(run->state()) || run->state() == RunState::Queued)) {
            // The engine broke off, or was stopped before this run's turn came.
            const RunState state = outcome.failure.isEmpty() ? RunState::Stopped : RunState::Failed;
            run->apply(StateChange{run->id().toStdString(), state, outcome.failure.toStdString(), run->step(), run->steps()});
        }
        run->flush();
    }
    if (!outcome.failure.isEmpty()) {
        m_notices->post(name, NoticeBar::Kind::Failed, QStringLiteral("%1 did not run").arg(name), outcome.failure);
        m_log->append({{}, static_cast<double>(QDateTime::currentSecsSinceEpoch()), 0, LogLevel::Error, outcome.failure.toStdString()}, name);
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
    RunData *run = find(experiment, found.config.folder());
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

void MainWindow::setCurrentRun(RunData *run)
{
    if (run == nullptr || run == m_current) {
        return;
    }
    m_current = run;
    m_runTable->setCurrentRun(run);
    showRuns();
    m_view.setRun(run->id());
    if (m_view.view().followLive) {
        m_view.followStep(run->step());
    }
    showStatus();
}

void MainWindow::showRuns()
{
    const std::vector<RunData *> beside = shownRuns();
    m_trainPage->setRuns(beside, m_current);
    m_inspectPage->setRuns(beside);
    if (m_current) {
        m_inspectPage->setRun(m_current);
        m_metrics->setRun(m_current, runTitle(*m_current, beside));
    }
    m_toolbar->setExportable(!m_runs.empty());
}

void MainWindow::showView()
{
    const View &view = m_view.view();
    m_trainPage->setCursor(view.step >= 0 && m_current ? std::optional(view.step) : std::nullopt);
    showCursor();
    if (m_current && view.run != m_current->id()) { // chosen on the Inspect page
        for (RunData *run : shownRuns()) {
            if (run->id() == view.run) {
                setCurrentRun(run);
                break;
            }
        }
    }
}

void MainWindow::showCursor()
{
    const View &view = m_view.view();
    QString words;
    if (m_current && view.step >= 0) {
        words = m_page == Page::Inspect ? m_inspectPage->cursorText()
                                        : QStringLiteral("Step cursor %1%2").arg(countText(view.step), view.followLive ? QStringLiteral(", following") : QString());
    }
    m_statusCursor->setText(words);
    m_statusReducer->setText(m_page == Page::Inspect && m_current ? m_inspectPage->reducerText() : QString());
}

void MainWindow::showPage(Page page)
{
    m_page = page;
    m_toolbar->setPage(page);
    showFirstRun();
    showCursor();
}

void MainWindow::showFirstRun()
{
    const bool first = m_runs.empty() && !m_composing && m_opening == 0;
    m_stack->setCurrentWidget(first ? static_cast<QWidget *>(m_firstRun) : m_page == Page::Train ? static_cast<QWidget *>(m_trainPage) : m_inspectPage);
    updateDocks();
}

void MainWindow::updateDocks()
{
    const bool docks = m_stack->currentWidget() == m_trainPage;
    for (PanelDock *dock : {m_runsDock, m_experimentDock, m_metricsDock, m_logDock}) {
        if (dock->isHidden() == docks) {
            dock->setVisible(docks);
        }
    }
    if (docks && isVisible() && !m_sized) { // docks have no size before they are first shown
        m_sized = true;
        QTimer::singleShot(0, this, [this] { // their layout has run by then
            const bool low = height() < 860, narrow = width() < 1500;
            resizeDocks({m_runsDock, m_metricsDock}, {narrow ? 290 : 352, narrow ? 262 : 312}, Qt::Horizontal);
            resizeDocks({m_runsDock, m_experimentDock}, {low ? 240 : 430, low ? 330 : 420}, Qt::Vertical);
            resizeDocks({m_logDock}, {low ? 96 : 170}, Qt::Vertical);
        });
    }
}

void MainWindow::newExperiment()
{
    m_composing = true;
    showPage(Page::Train);
    m_experimentDock->show();
    m_form->focusFirst();
}

void MainWindow::startQueue()
{
    if (m_queue.training()) {
        m_queue.resume();
        return;
    }
    if (m_queue.waiting().empty()) { // nothing was queued: what the form shows is meant
        if (!m_form->experiment()) {
            newExperiment();
            return;
        }
        m_queue.add(*m_form->experiment());
    }
    m_queue.start();
}

void MainWindow::togglePause()
{
    if (!m_queue.training()) {
        return;
    }
    if (m_queue.thread().pausing()) {
        m_queue.resume();
    } else {
        m_queue.pause();
    }
}

void MainWindow::stopTraining()
{
    if (m_queue.training()) {
        m_queue.stop();
    }
}

void MainWindow::showTraining()
{
    using Training = RunToolbar::Training;
    Training training = Training::Idle;
    if (m_queue.training()) {
        bool anyRunning = false, anyPaused = false;
        for (const auto &run : m_runs) {
            if (run->experimentFolder() == m_queue.current()->folder) {
                anyRunning = anyRunning || run->state() == RunState::Running;
                anyPaused = anyPaused || run->state() == RunState::Paused;
            }
        }
        training = m_queue.thread().stopping() ? Training::Stopping
            : !m_queue.thread().pausing()      ? Training::Running
            : anyPaused && !anyRunning         ? Training::Paused
                                               : Training::Pausing;
    }
    m_toolbar->setTraining(training, !m_queue.waiting().empty() || m_form->experiment().has_value());
    showStatus();
}

void MainWindow::showStatus()
{
    const std::size_t waiting = m_queue.waiting().size();
    m_statusQueue->setText(waiting == 0 ? QString() : QStringLiteral("%1 %2 queued").arg(waiting).arg(waiting == 1 ? "experiment" : "experiments"));
    if (!m_queue.training()) {
        m_statusRun->setText(m_runs.empty() ? QStringLiteral("No runs yet") : QStringLiteral("%1 %2").arg(m_runs.size()).arg(m_runs.size() == 1 ? "run" : "runs"));
        return;
    }
    double done = 0, all = 0;
    std::int64_t step = 0, steps = 0;
    bool paused = false;
    for (const auto &run : m_runs) {
        if (run->experimentFolder() == m_queue.current()->folder) {
            done += static_cast<double>(run->step());
            all += static_cast<double>(run->steps());
            if (isBusy(run->state())) {
                step = std::max(step, run->step());
                steps = run->steps();
                paused = paused || run->state() == RunState::Paused;
            }
        }
    }
    const auto now = std::chrono::steady_clock::now();
    if (m_doneAtStart < 0 || paused) {
        m_doneAtStart = done;
        m_clock = now;
    }
    QString left;
    const double seconds = std::chrono::duration<double>(now - m_clock).count();
    if (!m_options.frozen && seconds > 2 && done > m_doneAtStart) {
        left = QStringLiteral(" · %1 left").arg(durationText(seconds * (all - done) / (done - m_doneAtStart)));
    }
    const QString word = m_queue.thread().stopping() ? QStringLiteral("Stopping") : paused ? QStringLiteral("Paused") : QStringLiteral("Running");
    const QString name = QString::fromStdString(m_queue.current()->config.name);
    m_statusRun->setText(steps == 0 ? QStringLiteral("Starting %1").arg(name)
                                    : QStringLiteral("%1 %2 · step %3 of %4%5").arg(word, name, countText(step), countText(steps), left));
}

void MainWindow::postRunNotice(RunData &run)
{
    const QString id = run.experiment() + QLatin1Char('/') + run.id();
    const QString title = runTitle(run, m_model.runsBeside(&run));
    if (run.state() == RunState::Failed) {
        m_notices->post(id, NoticeBar::Kind::Failed, QStringLiteral("%1 failed at step %2").arg(title, countText(run.step())), run.reason());
    } else if (run.state() == RunState::Interrupted) {
        const std::filesystem::path folder = run.experimentFolder();
        m_notices->post(QString::fromStdString(folder.string()), NoticeBar::Kind::Info, QStringLiteral("A run was cut off"),
                        QStringLiteral("%1 stopped at step %2 when its program ended. The last checkpoint is complete.").arg(title, countText(run.step())),
                        {{QStringLiteral("Resume"), [this, folder] {
                              try {
                                  m_queue.addResume(folder);
                                  m_queue.start();
                                  m_notices->remove(QString::fromStdString(folder.string()));
                              } catch (const std::exception &error) {
                                  m_notices->post(QString::fromStdString(folder.string()), NoticeBar::Kind::Failed, QStringLiteral("The run cannot be resumed"),
                                                  QString::fromUtf8(error.what()));
                              }
                          }}});
    }
}

void MainWindow::toggleTheme()
{
    const Theme theme = currentTheme() == Theme::Dark ? Theme::Light : Theme::Dark;
    applyTheme(*qApp, theme);
    if (!m_options.frozen) {
        QSettings().setValue(QStringLiteral("theme"), theme == Theme::Dark ? QStringLiteral("dark") : QStringLiteral("light"));
    }
}

void MainWindow::closeEvent(QCloseEvent *event)
{
    if (!m_queue.training()) {
        event->accept();
        return;
    }
    event->ignore();
    if (m_closing) {
        return; // asked already, it is stopping
    }
    std::int64_t step = 0, steps = 0;
    for (const auto &run : m_runs) {
        if (isBusy(run->state()) && run->step() >= step) {
            step = run->step();
            steps = run->steps();
        }
    }
    const QString text = QStringLiteral("%1 is at step %2 of %3.").arg(QString::fromStdString(m_queue.current()->config.name), countText(step), countText(steps));
    const int answer = dialogs::ask(this, QStringLiteral("Training is running"), text, {QStringLiteral("Save and quit"), QStringLiteral("Keep running")});
    if (answer == 0) {
        m_closing = m_queue.training();
        m_queue.stop();
        if (!m_closing) { // it ended while the question stood
            QTimer::singleShot(0, this, &QWidget::close);
        }
    }
}

void MainWindow::changeEvent(QEvent *event)
{
    QMainWindow::changeEvent(event);
    if (event->type() == QEvent::WindowStateChange) {
        m_frame.setInterval(isMinimized() ? kHiddenMilliseconds : kFrameMilliseconds);
    }
}

} // namespace sparsescope
