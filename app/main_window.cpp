#include "app/main_window.h"

#include "app/comparison_export.h"
#include "app/presets.h"
#include "app/run_actions.h"
#include "app/train_page.h"
#include "core/base/presets.h"
#include "widgets/panels/compare_page.h"
#include "widgets/panels/config_form.h"
#include "widgets/panels/first_run_page.h"
#include "widgets/panels/inspect_page.h"
#include "widgets/panels/metrics_panel.h"
#include "widgets/panels/notice_bar.h"
#include "widgets/panels/run_table.h"
#include "widgets/panels/soundness_panel.h"
#include "widgets/panels/speed_page.h"
#include "widgets/panels/throughput_view.h"
#include "widgets/state/number_text.h"
#include "widgets/style/dialogs.h"
#include "widgets/style/theme.h"

#include <QApplication>
#include <QCloseEvent>
#include <QDateTime>
#include <QLabel>
#include <QPushButton>
#include <QSettings>
#include <QStackedWidget>
#include <QStatusBar>

#include <algorithm>

namespace sparsescope {

namespace {

constexpr int kFrameMilliseconds = 16, kHiddenMilliseconds = 500;

} // namespace

MainWindow::MainWindow(Engine engine, WindowOptions options, QWidget *parent)
    : QMainWindow(parent)
    , m_options(std::move(options))
    , m_queue(std::move(engine), m_options.out)
{
    setObjectName(QStringLiteral("mainWindow"));
    setWindowTitle(QStringLiteral("Sparsescope"));
    setMinimumSize(kSmallestWindow);
    resize(1600, 1000);
    setAcceptDrops(true);
    setContextMenuPolicy(Qt::NoContextMenu);
    m_queue.setDevice(m_options.device);
    setReducedMotion(!m_options.frozen && QSettings().value(QStringLiteral("reducedMotion")).toBool());
    m_selectorMeasure = std::make_unique<SelectorMeasure>(m_options.measureSelectors, m_options.device);
    m_bench = std::make_unique<BenchProcess>();
    m_checks = std::make_unique<SoundnessChecks>(m_options.checkRun, m_options.device);
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
            try {
                m_demo = expand(parseExperiment(preset.document, preset.name));
            } catch (const std::exception &) {
                // The form says what is wrong with it when it is chosen.
            }
        }
    }
    showDemoSize();
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
    delete m_runActions;
    // Views go before what they look at; as children of this window they would go after it.
    m_comparisonExport.reset();
    delete m_comparePage;
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
        fitScreen();
        m_layout.reset(); // docks have no size before they are first shown
        updateDocks();
        QTimer::singleShot(0, this, &MainWindow::lookForDevice);
        if (m_options.warmUp && !m_options.frozen) {
            warmUp();
        }
    }
}

std::vector<RunData *> MainWindow::runs() const { return m_runs.all(); }

std::vector<RunData *> MainWindow::shownRuns() const
{
    return m_current ? m_model.runsBeside(m_current) : std::vector<RunData *>{};
}

void MainWindow::showFrame()
{
    if (!m_queue.current()) {
        m_frame.stop();
        return;
    }
    takeRecords(m_queue.current()->folder);
    m_runs.flush();
    if (m_current && m_view.view().followLive) {
        m_view.followStep(m_current->step());
    }
    showTraining();
}

void MainWindow::setCurrentRun(RunData *run)
{
    if (run == nullptr || run == m_current) {
        return;
    }
    m_current = run;
    m_runTable->setCurrentRun(run);
    if (m_options.frozen) { // a picture says where its run was trained, not where it was drawn
        m_toolbar->setDevice(QString::fromStdString(run->value("device").value_or("CPU")), false, {});
    }
    showRuns();
    m_view.setRun(run->id());
    if (m_view.view().followLive) {
        m_view.followStep(run->step());
    }
    showStatus();
}

void MainWindow::showRuns()
{
    m_besideDue = false;
    const std::vector<RunData *> beside = shownRuns();
    m_trainPage->setRuns(beside, m_current);
    m_inspectPage->setRuns(beside);
    if (m_current) {
        m_inspectPage->setRun(m_current);
    }
    m_throughput->setRun(m_current);
    m_metrics->setRun(m_current, m_current ? runTitle(*m_current, beside) : QString());
    m_soundness->setRun(m_current, m_current ? runTitle(*m_current, beside) : QString());
    showChecks();
    m_toolbar->setExportable(!m_runs.empty() || m_page == Page::Speed);
    showCompareRuns(false);
}

void MainWindow::showChecks()
{
    m_soundness->setMeasuring(m_current && m_checks->measuring() == m_current);
    m_runChecks->setEnabled(m_checks->canCheck(m_current));
    m_runChecksAction->setEnabled(m_runChecks->isEnabled());
    m_continueAction->setEnabled(m_current != nullptr);
}

void MainWindow::showView()
{
    const View &view = m_view.view();
    if (m_page == Page::Train) { // the other catches up when it is shown
        m_trainPage->setCursor(view.step >= 0 && m_current ? std::optional(view.step) : std::nullopt);
    }
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
    if (m_current && view.step >= 0 && m_page != Page::Speed) {
        words = m_page == Page::Inspect
                    ? m_inspectPage->cursorText()
                    : QStringLiteral("Step cursor %1%2")
                          .arg(countText(view.step), view.followLive ? QStringLiteral(", following") : QString());
    }
    m_statusCursor->setText(words);
    m_statusReducer->setText(m_page == Page::Compare                ? m_comparePage->pairingText()
                             : m_page == Page::Speed                ? m_speedPage->subjectText()
                             : m_page == Page::Inspect && m_current ? m_inspectPage->reducerText()
                                                                    : QString());
}

void MainWindow::showPage(Page page)
{
    m_page = page;
    m_toolbar->setPage(page);
    if (page == Page::Speed) {
        showStoredMeasurements();
    }
    m_toolbar->setExportable(!m_runs.empty() || page == Page::Speed);
    showFirstRun();
    showMarks();
    showView();
}

void MainWindow::showFirstRun()
{
    const bool first = m_runs.empty() && !m_composing && m_opening == 0;
    // Measurements need no run.
    m_stack->setCurrentWidget(m_page == Page::Speed     ? static_cast<QWidget *>(m_speedPage)
                              : first                   ? static_cast<QWidget *>(m_firstRun)
                              : m_page == Page::Train   ? static_cast<QWidget *>(m_trainPage)
                              : m_page == Page::Inspect ? static_cast<QWidget *>(m_inspectPage)
                                                        : m_comparePage);
    updateDocks();
    showTraining();
}

void MainWindow::newExperiment()
{
    m_composing = true;
    showPage(Page::Train);
    m_experimentDock->show();
    m_experimentDock->raise();
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
        const TrainingProgress progress = m_runs.progressOf(m_queue.current()->folder);
        training = m_queue.thread().stopping()                  ? Training::Stopping
                   : !m_queue.thread().pausing()                ? Training::Running
                   : progress.anyPaused && !progress.anyRunning ? Training::Paused
                                                                : Training::Pausing;
    }
    // On the first-run page the form is out of sight: nothing says what Start would train.
    const bool formShown = m_stack->currentWidget() != m_firstRun;
    m_checkpointAction->setEnabled(training == Training::Running);
    m_toolbar->setTraining(training, !m_queue.waiting().empty() || (formShown && m_form->experiment().has_value()));
    showStatus();
    if (m_benchDue && (training == Training::Idle || training == Training::Paused)) {
        beginMeasurement();
    } else if (m_bench->running() && training == Training::Running) {
        endMeasurement(); // somebody let it go on: no time that is measured beside it means anything
        m_notices->post(QStringLiteral("measurement"), NoticeBar::Kind::Check,
                        QStringLiteral("The measurement has ended"),
                        QStringLiteral("Training went on. Pause it, or wait for its end, and measure again."));
    }
}

void MainWindow::showStatus()
{
    const bool saved = m_queue.training() && m_savedAt > 0 && !m_options.frozen;
    m_statusSaved->setText(
        saved
            ? QStringLiteral("Saved %1 ago")
                  .arg(durationText(std::max(0.0, static_cast<double>(QDateTime::currentSecsSinceEpoch()) - m_savedAt)))
            : QString());
    if (!m_queue.training()) {
        m_statusRun->setText(m_runs.empty()
                                 ? QStringLiteral("No runs yet")
                                 : QStringLiteral("%1 %2").arg(m_runs.size()).arg(m_runs.size() == 1 ? "run" : "runs"));
        return;
    }
    const TrainingProgress progress = m_runs.progressOf(m_queue.current()->folder);
    const auto now = std::chrono::steady_clock::now();
    if (m_doneAtStart < 0 || progress.anyPaused) {
        m_doneAtStart = progress.done;
        m_clock = now;
    }
    QString left;
    const double seconds = std::chrono::duration<double>(now - m_clock).count();
    if (!m_options.frozen && seconds > 2 && progress.done > m_doneAtStart) {
        left = QStringLiteral(" · %1 left")
                   .arg(durationText(seconds * (progress.all - progress.done) / (progress.done - m_doneAtStart)));
    }
    const QString word = m_queue.thread().stopping() ? QStringLiteral("Stopping")
                         : progress.anyPaused        ? QStringLiteral("Paused")
                                                     : QStringLiteral("Running");
    const QString name = QString::fromStdString(m_queue.current()->config.name);
    m_statusRun->setText(progress.steps == 0
                             ? QStringLiteral("Starting %1").arg(name)
                             : QStringLiteral("%1 %2 · step %3 of %4%5")
                                   .arg(word, name, countText(progress.step), countText(progress.steps), left));
}

void MainWindow::toggleTheme()
{
    const Theme theme = currentTheme() == Theme::Dark ? Theme::Light : Theme::Dark;
    applyTheme(*qApp, theme);
    if (!m_options.frozen) {
        QSettings().setValue(QStringLiteral("theme"),
                             theme == Theme::Dark ? QStringLiteral("dark") : QStringLiteral("light"));
    }
}

void MainWindow::closeEvent(QCloseEvent *event)
{
    if (!m_queue.training()) {
        saveSession(true);
        event->accept();
        if (m_exitCode) {
            QApplication::exit(*m_exitCode);
        }
        return;
    }
    event->ignore();
    if (m_closing) {
        return; // asked already, it is stopping
    }
    std::int64_t step = 0, steps = 0;
    for (const RunData *run : m_runs.all()) {
        if (isBusy(run->state()) && run->step() >= step) {
            step = run->step();
            steps = run->steps();
        }
    }
    const QString text =
        QStringLiteral("%1 is at step %2 of %3.")
            .arg(QString::fromStdString(m_queue.current()->config.name), countText(step), countText(steps));
    const int answer = dialogs::ask(this, QStringLiteral("Training is running"), text,
                                    {QStringLiteral("Save and quit"), QStringLiteral("Keep running")});
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
