#include "app/main_window.h"

#include "app/estimate.h"
#include "app/run_actions.h"
#include "app/train_page.h"
#include "widgets/panels/compare_page.h"
#include "widgets/panels/config_form.h"
#include "widgets/panels/first_run_page.h"
#include "widgets/panels/inspect_page.h"
#include "widgets/panels/log_panel.h"
#include "widgets/panels/metrics_panel.h"
#include "widgets/panels/notice_bar.h"
#include "widgets/panels/run_table.h"
#include "widgets/panels/soundness_panel.h"
#include "widgets/panels/speed_page.h"
#include "widgets/panels/throughput_view.h"
#include "widgets/state/number_text.h"
#include "widgets/style/theme.h"

#include <QAction>
#include <QComboBox>
#include <QLabel>
#include <QPushButton>
#include <QScrollArea>
#include <QSplitter>
#include <QStackedWidget>
#include <QStatusBar>
#include <QToolButton>
#include <QVBoxLayout>

#include <algorithm>

/// How the window is put together; what it does is in main_window.cpp.
namespace sparsescope {

void MainWindow::buildPages()
{
    m_toolbar = new RunToolbar(this);
    addToolBar(Qt::TopToolBarArea, m_toolbar);
    m_stack = new QStackedWidget;
    m_firstRun = new FirstRunPage;
    m_trainPage = new TrainPage;
    m_inspectPage = new InspectPage(&m_view, &m_hover);
    m_inspectPage->setObjectName(QStringLiteral("pageInspect"));
    m_stack->addWidget(m_firstRun);
    m_stack->addWidget(m_trainPage);
    m_stack->addWidget(m_inspectPage);
    m_comparePage = new ComparePage(&m_view, &m_hover);
    m_comparePage->setObjectName(QStringLiteral("pageCompare"));
    m_stack->addWidget(m_comparePage);
    m_speedPage = new SpeedPage;
    m_stack->addWidget(m_speedPage);
    m_notices = new NoticeBar;
    auto *centre = new QWidget;
    setRole(centre, "page");
    auto *layout = new QVBoxLayout(centre);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    layout->addWidget(m_notices);
    layout->addWidget(m_stack, 1);
    // The widest page's hint would keep the docks of the others at their smallest.
    m_stack->setMinimumWidth(480);
}

void MainWindow::buildDocks()
{
    setDockNestingEnabled(true);
    setCorner(Qt::BottomLeftCorner, Qt::LeftDockWidgetArea);
    setCorner(Qt::BottomRightCorner, Qt::RightDockWidgetArea);
    m_runTable = new RunTable(&m_model);
    m_form = new ConfigForm;
    m_form->setEstimate([this](const std::vector<RunConfig> &runs) { return estimateText(runs, m_device, speed()); });
    m_metrics = new MetricsPanel;
    m_log = new LogPanel;
    m_log->setUtc(m_options.frozen);
    auto *metricsScroll = new QScrollArea;
    metricsScroll->setWidget(m_metrics);
    metricsScroll->setAccessibleName(QStringLiteral("Metrics"));
    metricsScroll->setWidgetResizable(true);
    metricsScroll->setFrameShape(QFrame::NoFrame);
    metricsScroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    metricsScroll->viewport()->setAutoFillBackground(true);
    metricsScroll->viewport()->setBackgroundRole(QPalette::Button);
    m_runsDock = new PanelDock(QStringLiteral("Runs"), "runsDock", m_runTable, this);
    m_experimentDock = new PanelDock(QStringLiteral("Experiment"), "experimentDock", m_form, this);
    setCentralWidget(
        m_stack->parentWidget()); // here: Tab goes from the left docks to the page and on to the right ones
    m_metricsDock = new PanelDock(QStringLiteral("Metrics"), "metricsDock", metricsScroll, this);
    m_soundness = new SoundnessPanel;
    m_soundnessDock = new PanelDock(QStringLiteral("Soundness"), "soundnessDock", m_soundness, this);
    m_runChecks = new QPushButton(QStringLiteral("Run checks"));
    m_runChecks->setObjectName(QStringLiteral("runChecksButton"));
    m_runChecks->setAccessibleName(m_runChecks->text());
    m_runChecks->setToolTip(QStringLiteral("Measure every gate of this run again, on its newest checkpoint"));
    setRole(m_runChecks, "flat");
    m_soundnessDock->addTitleWidget(m_runChecks);
    m_throughput = new ThroughputView;
    auto *logRow = new QSplitter(Qt::Horizontal);
    logRow->addWidget(m_log);
    logRow->addWidget(m_throughput);
    logRow->setStretchFactor(0, 2);
    logRow->setStretchFactor(1, 1);
    logRow->setSizes({600, 300});
    m_logDock = new PanelDock(QStringLiteral("Log"), "logDock", logRow, this);
    m_runActions = new RunActions(m_runTable, &m_model, &m_queue, &m_runs, this);
    m_runNotices = new RunNotices(m_notices, &m_model, &m_runs, this);
    for (QToolButton *button : m_runActions->moveButtons()) {
        m_runsDock->addTitleWidget(button);
    }
    auto *hint = new QLabel(QStringLiteral("does not change queued runs"));
    setRole(hint, "hint");
    m_experimentDock->addTitleWidget(hint);
    m_logDock->addTitleWidget(m_log->filter());
    m_runTable->setMinimumWidth(290);
    m_form->setMinimumWidth(290);
    metricsScroll->setMinimumWidth(260);
    m_soundness->setMinimumSize(260, 90);
    m_log->setMinimumHeight(38); // one line
    setTabPosition(Qt::AllDockWidgetAreas, QTabWidget::North);
    arrangeDocks();
}

void MainWindow::buildStatusBar()
{
    m_statusRun = new QLabel;
    m_statusRun->setObjectName(QStringLiteral("statusRun"));
    m_statusQueue = new QLabel;
    m_statusQueue->setObjectName(QStringLiteral("statusQueue"));
    m_statusCursor = new QLabel;
    m_statusCursor->setObjectName(QStringLiteral("statusCursor"));
    m_statusReducer = new QLabel;
    m_statusReducer->setObjectName(QStringLiteral("statusReducer"));
    statusBar()->setSizeGripEnabled(false);
    statusBar()->addWidget(m_statusRun);
    statusBar()->addWidget(m_statusQueue);
    m_statusSaved = new QLabel;
    m_statusSaved->setObjectName(QStringLiteral("statusSaved"));
    statusBar()->addPermanentWidget(m_statusSaved);
    statusBar()->addPermanentWidget(m_statusReducer);
    statusBar()->addPermanentWidget(m_statusCursor);
}

void MainWindow::connectParts()
{
    connect(m_toolbar, &RunToolbar::pageRequested, this, &MainWindow::showPage);
    connect(m_toolbar, &RunToolbar::startRequested, this, &MainWindow::startQueue);
    connect(m_toolbar, &RunToolbar::pauseRequested, this, &MainWindow::togglePause);
    connect(m_toolbar, &RunToolbar::stopRequested, this, &MainWindow::stopTraining);
    connect(m_toolbar, &RunToolbar::newExperimentRequested, this, &MainWindow::newExperiment);
    connect(m_toolbar, &RunToolbar::exportRequested, this, &MainWindow::exportFigures);
    connect(m_toolbar, &RunToolbar::themeRequested, this, &MainWindow::toggleTheme);
    connect(m_firstRun, &FirstRunPage::demoRequested, this, [this] { startPreset("demo"); });
    connect(m_firstRun, &FirstRunPage::presetRequested, this, &MainWindow::newExperiment);
    connect(m_firstRun, &FirstRunPage::openRequested, this, &MainWindow::chooseFolder);
    connect(m_form, &ConfigForm::addRequested, this,
            [this](const ExperimentConfig &experiment) { m_queue.add(experiment); });
    connect(m_runTable, &RunTable::currentRunChanged, this, &MainWindow::setCurrentRun);
    connect(m_runTable, &RunTable::runActivated, this, [this](RunData *run) {
        if (run->state() == RunState::Failed) {
            showInLog(run);
        } else {
            showPage(Page::Inspect);
        }
    });
    connect(m_runActions, &RunActions::duplicateRequested, this,
            [this](const std::filesystem::path &folder) { duplicateExperiment(folder); });
    connectRemedies();
    connect(m_runActions, &RunActions::resumeFailed, this,
            [this](const std::filesystem::path &folder, const QString &why) {
                m_notices->post(QString::fromStdString(folder.string()), NoticeBar::Kind::Failed,
                                QStringLiteral("The run cannot be resumed"), why);
            });
    connect(m_runChecks, &QPushButton::clicked, this, [this] { m_checks->start(m_current); });
    connect(m_checks.get(), &SoundnessChecks::measuringChanged, this, &MainWindow::showChecks);
    connect(m_checks.get(), &SoundnessChecks::failed, this, [this](const QString &run, const QString &reason) {
        m_notices->post(QStringLiteral("checks ") + run, NoticeBar::Kind::Failed,
                        QStringLiteral("The checks of %1 could not be made").arg(run), reason);
    });
    connect(m_metrics, &MetricsPanel::metricChosen, m_trainPage, &TrainPage::plotMetric);
    connect(m_throughput, &ThroughputView::cursorMoved, &m_view, &ViewState::setStep);
    connect(m_trainPage, &TrainPage::cursorMoved, &m_view, &ViewState::setStep);
    connect(m_trainPage, &TrainPage::hovered, this,
            [this](std::optional<std::int64_t> step) { m_hover.setStep(step.value_or(-1)); });
    connect(m_trainPage->loss(), &LossPlot::menuRequested, this, &MainWindow::showPlotMenu);
    connect(&m_view, &ViewState::changed, this, &MainWindow::showView);
    connect(&m_hover, &HoverState::changed, this, [this] {
        const std::int64_t step = m_hover.hover().step;
        m_trainPage->setHover(step >= 0 ? std::optional(step) : std::nullopt);
    });
    connect(&m_queue, &RunQueue::added, this, &MainWindow::experimentAdded);
    connect(&m_queue, &RunQueue::removed, this, &MainWindow::experimentRemoved);
    connect(&m_queue, &RunQueue::runRemoved, this, &MainWindow::runRemoved);
    connect(&m_queue, &RunQueue::finished, this, &MainWindow::experimentFinished);
    connect(&m_queue, &RunQueue::changed, this, [this] {
        showQueue();
        showTraining();
        saveSession(false); // what was queued or begun is known to the next window even after a crash
    });
    connect(&m_queue, &RunQueue::started, this, [this](const QueuedExperiment &experiment) {
        m_reader.setLive({experiment.folder});
        rememberFolder(experiment.folder);
        m_runNotices->experimentStarted(experiment.folder);
        m_doneAtStart = -1;
        m_savedAt = 0;
        setCurrentRun(m_runs.firstOf(experiment.folder));
        m_view.setFollowLive(true);
        m_frame.start();
    });
    connect(&m_reader, &RunFolderReader::found, this, [this](const FoundRuns &runs) {
        for (const auto &run : runs) {
            runFound(*run, true);
        }
    });
    connect(&m_reader, &RunFolderReader::updated, this,
            [this](const std::shared_ptr<const FoundRun> &run) { runFound(*run, false); });
    connect(&m_reader, &RunFolderReader::failed, this, [this](const QString &folder, const QString &reason) {
        m_notices->post(folder, NoticeBar::Kind::Failed,
                        QStringLiteral("Could not open %1").arg(QString::fromStdString(runName(folder.toStdString()))),
                        reason);
    });
    connect(&m_reader, &RunFolderReader::lost, this, [this](const QString &folder, const QString &reason) {
        m_notices->post(folder, NoticeBar::Kind::Failed,
                        QStringLiteral("%1 cannot be watched any longer")
                            .arg(QString::fromStdString(runName(folder.toStdString()))),
                        reason + QStringLiteral(" What was read of it stays here."));
    });
    connect(&m_reader, &RunFolderReader::readAgain, m_notices, &NoticeBar::remove);
    connect(&m_reader, &RunFolderReader::opened, this, [this](const QString &folder, int runs) {
        --m_opening;
        if (m_opening == 0) {
            showDueRuns();
        }
        if (runs == 0) {
            m_notices->post(folder, NoticeBar::Kind::Check, QStringLiteral("No runs in %1").arg(folder),
                            QStringLiteral("A run folder holds run.json. Open the folder of a run or one above it."));
        }
        if (m_restored && m_opening == 0) {
            restoreRun();
        } else if (m_current && !m_queue.training() && m_opening == 0) {
            setCurrentRun(m_runs.firstOf(m_current->experimentFolder()));
        }
        showFirstRun();
        Q_EMIT settledChanged();
    });
    connect(m_inspectPage, &InspectPage::statusChanged, this, &MainWindow::showCursor);
    connect(&m_frame, &QTimer::timeout, this, &MainWindow::showFrame);
    connectCompare();
    connectSpeed();
}

void MainWindow::showQueue()
{
    std::vector<RunConfig> waiting;
    for (const QueuedExperiment &entry : m_queue.waiting()) {
        const std::vector<RunConfig> runs = expand(entry.config);
        waiting.insert(waiting.end(), runs.begin(), runs.end());
    }
    m_statusQueue->setText(waiting.empty() ? QString()
                                           : QStringLiteral("%1 %2 queued, about %3")
                                                 .arg(waiting.size())
                                                 .arg(waiting.size() == 1 ? "run" : "runs",
                                                      roughDurationText(estimatedSeconds(waiting, speed()))));
}

} // namespace sparsescope
