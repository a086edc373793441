#pragma once

#include "app/bench_process.h"
#include "app/run_collection.h"
#include "app/run_folder_reader.h"
#include "app/run_notices.h"
#include "app/run_queue.h"
#include "app/selector_measure.h"
#include "app/session.h"
#include "app/soundness_checks.h"
#include "app/window_frame.h"
#include "core/base/cost_model.h"
#include "core/train/train_run.h"
#include "widgets/state/hover_state.h"
#include "widgets/state/run_table_model.h"
#include "widgets/state/view_state.h"

#include <QMainWindow>
#include <QPointer>
#include <QSize>
#include <QTimer>

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

class QLabel;
class QMenu;
class QPushButton;
class QStackedWidget;

namespace sparsescope {

class ComparePage;
class SpeedPage;
class ComparisonExport;
class ConfigForm;
class ExportableView;
class FirstRunPage;
class InspectPage;
class LogPanel;
class MetricsPanel;
class NoticeBar;
class RunActions;
class RunTable;
class SeriesPlot;
class SoundnessPanel;
class ThroughputView;
class TrainPage;

/// Counts up when docks come or go: a layout of other docks is not restored.
constexpr int kDockLayout = 1;
inline constexpr QSize kSmallestWindow(1100, 700);

struct WindowOptions {
    std::filesystem::path out = "runs"; ///< where new experiments are written
    std::filesystem::path presets;      ///< empty: presetFolder()
    std::string device = "auto";
    std::filesystem::path session; ///< file that keeps the window's state; empty: nothing is kept
    /// For pictures that must repeat bit for bit: no clock, no ETA, no device of this machine unless describeDevice tells one, nothing read from the settings.
    bool frozen = false;
    /// May load the engine and CUDA; called off the GUI thread, after the window is visible.
    std::function<DeviceInfo(const std::string &)> describeDevice;
    /// Runs on the training thread after the window is visible, so that the first experiment does not pay for loading; returns
    /// the speed that the estimates go by.
    std::function<DeviceSpeed(const std::string &device)> warmUp;
    /// Measures the gates of a run when somebody asks; called on a thread of its own. Empty: they cannot be asked for.
    SoundnessChecks::Measure checkRun;
    /// Asks a frozen checkpoint with the keys of each selector, likewise. Empty: the command line has to.
    SelectorMeasure::Measure measureSelectors;
};

/// The program's window: toolbar, pages, docks, status bar, and everything between them and the runs.
class MainWindow : public QMainWindow {
    Q_OBJECT

public:
    MainWindow(Engine engine, WindowOptions options, QWidget *parent = nullptr);
    ~MainWindow() override;

    /// Shows every run below a folder, takes an experiment file into the form, or asks what a checkpoint shall look at.
    void openPath(const std::filesystem::path &path);
    /// The run in this folder becomes the current one as soon as it is read; openPath() is what reads it.
    void showWhenRead(const std::filesystem::path &runFolder) { m_asked = runFolder; }
    /// Queues a preset as it is and starts the queue. False when there is no such preset or it cannot run.
    bool startPreset(const std::string &name);
    void showPage(Page page);
    Page page() const { return m_page; }
    void setCurrentRun(RunData *run);
    RunData *currentRun() const { return m_current; }
    std::vector<RunData *> runs() const;
    /// Runs of the experiment that is shown.
    std::vector<RunData *> shownRuns() const;
    ViewState &viewState() { return m_view; }
    HoverState &hoverState() { return m_hover; }
    RunQueue &queue() { return m_queue; }
    ConfigForm *form() const { return m_form; }
    TrainPage *trainPage() const { return m_trainPage; }
    InspectPage *inspectPage() const { return m_inspectPage; }
    ComparePage *comparePage() const { return m_comparePage; }
    SpeedPage *speedPage() const { return m_speedPage; }
    /// Figures that can be exported now, with the names the command line uses: "loss", "comparison", "map".
    std::vector<std::pair<QString, std::shared_ptr<ExportableView>>> figures() const;
    /// Brings back what the session file holds. Without `folders` only what is not a run: layout, toggles, draft, queue.
    void restoreSession(bool folders);
    /// Stops training with a checkpoint where it runs, keeps the session, and ends the program with this code.
    void saveAndQuit(int exitCode);
    /// True once every folder that was opened has been read.
    bool settled() const { return m_opening == 0; }

public Q_SLOTS:
    void startQueue();
    void togglePause();
    void stopTraining();
    void toggleTheme();
    void exportFigures();
    void copyImage();
    void copyData(); ///< the numbers of the picture, as CSV
    /// Into a folder that is asked for; ends the export that runs.
    void exportComparison();

Q_SIGNALS:
    void settledChanged();

protected:
    void closeEvent(QCloseEvent *event) override;
    void keyPressEvent(QKeyEvent *event) override;
    void dragEnterEvent(QDragEnterEvent *event) override;
    void dropEvent(QDropEvent *event) override;
    void changeEvent(QEvent *event) override;
    void showEvent(QShowEvent *event) override;
    void resizeEvent(QResizeEvent *event) override;

private:
    Session session() const;
    void saveSession(bool now);
    void restoreRun();
    void rememberFolder(const std::filesystem::path &folder);
    void buildPages();
    void buildDocks();
    void buildActions();
    void buildFileMenus();
    void buildViewMenu(QMenu *menu);
    QAction *addCommand(QMenu *menu, const QString &text, const QKeySequence &keys, std::function<void()> command);
    SeriesPlot *shownPlot() const; ///< of steps, on the page that is shown; null: it has none
    void zoomBy(double factor);
    void resetZoom();
    QString shownFigure() const; ///< what a person means by "this picture", as the command line names it
    void showPreferences();
    void chooseTable();
    /// Curves of a table as a run; asks which family they show.
    void importTable(const std::filesystem::path &file);
    void importLines(const std::filesystem::path &file, Family family, std::size_t lines);
    void buildStatusBar();
    void connectParts();
    void connectCompare();
    void fillCompareMenu(QMenu *menu);
    /// The runs that the Compare page may put on a side; `now`: some are about to go.
    void showCompareRuns(bool now);
    void showDueRuns();
    /// Badges and check boxes in the run table while the Compare page is shown.
    void showMarks();
    void putOnSide(const RunData &run, bool a);
    void toggleCompared(RunData *run);
    void folderOnSide(bool a, const std::filesystem::path &folder);
    void showMeasurable();
    void useCpu();
    void connectRemedies();
    /// Asks for a folder; the experiment is stopped, copied into it and goes on there.
    void trainElsewhere(const std::filesystem::path &experiment);
    void leaveFolder(const std::filesystem::path &experiment);
    void stayHere(const std::filesystem::path &experiment);
    void copyAndResume(const std::filesystem::path &experiment, const std::filesystem::path &out,
                       const std::vector<std::string> &runs);
    void lookForDevice();
    void warmUp();
    DeviceSpeed speed() const; ///< as measured, else that of such a device
    void showQueue();
    void showDemoSize();

    RunData *addRun(std::unique_ptr<RunData> run);
    /// Brings what the training thread has put out since the last call to the runs of that experiment.
    void takeRecords(const std::filesystem::path &experimentFolder);
    void showFrame();
    void experimentAdded(const QueuedExperiment &experiment);
    void experimentRemoved(const QueuedExperiment &experiment);
    void runRemoved(const QueuedExperiment &experiment, const std::string &id);
    void dropExperiment(const std::filesystem::path &folder); ///< its runs leave the table
    static void takeFromQueue(RunData *run, RunState state);
    void leaveRun();
    void duplicateExperiment(const std::filesystem::path &folder, const RunNotices::Changes &changes = {});
    void showInLog(const RunData *run);
    void showChecks();
    void experimentFinished(const QueuedExperiment &experiment, const ExperimentOutcome &outcome);
    /// `first`: everything of the run; else what is new since the last time.
    void runFound(const FoundRun &found, bool first);
    void showRuns();
    void showView();
    void showCursor();
    void showTraining();
    void showStatus();
    void showFirstRun();
    void updateDocks();
    /// Docks where they belong in a window of this size; what a page was left with is forgotten.
    void resetLayout();
    void arrangeDocks();
    /// Enlarged, or on a small screen, the window is no larger than what there is.
    void fitScreen();
    void chooseFolder();
    void chooseFile(); ///< an experiment, a measurement, a table, a checkpoint's weights
    void openCheckpoint(const std::filesystem::path &folder);
    /// Shows the run in a folder that was made on somebody's question as soon as it has been read.
    void showMade(const std::filesystem::path &folder, Page page = Page::Inspect);
    void continueText();
    void openMeasurement(const std::filesystem::path &file);
    void connectSpeed();
    /// Why the measurement that is shown cannot be made again here, in words; empty: it can.
    QString whyNotMeasured() const;
    QString whyNotMeasured(const BenchDocument &what) const;
    void showBenchable();
    /// Training is paused first; the measurement begins when it stands still.
    void measure(std::shared_ptr<const BenchDocument> what);
    void beginMeasurement();
    void endMeasurement();
    /// Where new measurements are kept.
    std::filesystem::path measurementFolder() const;
    /// Those that come with the program, once, when the Speed page is first asked for.
    void showStoredMeasurements();
    void newExperiment();
    void showPlotMenu(QPoint globalPosition);

    WindowOptions m_options;
    RunCollection m_runs;
    RunTableModel m_model;
    ViewState m_view;
    HoverState m_hover;
    RunFolderReader m_reader;
    RunToolbar *m_toolbar = nullptr;
    QStackedWidget *m_stack = nullptr;
    FirstRunPage *m_firstRun = nullptr;
    TrainPage *m_trainPage = nullptr;
    InspectPage *m_inspectPage = nullptr;
    ComparePage *m_comparePage = nullptr;
    SpeedPage *m_speedPage = nullptr;
    NoticeBar *m_notices = nullptr;
    RunTable *m_runTable = nullptr;
    RunActions *m_runActions = nullptr;
    RunNotices *m_runNotices = nullptr;
    ConfigForm *m_form = nullptr;
    MetricsPanel *m_metrics = nullptr;
    SoundnessPanel *m_soundness = nullptr;
    QPushButton *m_runChecks = nullptr;
    QAction *m_runChecksAction = nullptr, *m_checkpointAction = nullptr, *m_continueAction = nullptr;
    LogPanel *m_log = nullptr;
    ThroughputView *m_throughput = nullptr;
    PanelDock *m_runsDock = nullptr, *m_experimentDock = nullptr, *m_metricsDock = nullptr, *m_soundnessDock = nullptr,
              *m_logDock = nullptr;
    QLabel *m_statusRun = nullptr, *m_statusQueue = nullptr, *m_statusCursor = nullptr, *m_statusReducer = nullptr,
           *m_statusSaved = nullptr;
    QTimer m_frame; ///< the one coalescing timer
    QPointer<RunData> m_current;
    Page m_page = Page::Train;
    std::unique_ptr<SessionFile> m_sessionFile;
    QTimer m_sessionTimer;
    std::optional<Session> m_restored; ///< until the runs it speaks of are there
    std::vector<std::filesystem::path> m_folders, m_recent;
    std::set<std::filesystem::path> m_left;      ///< experiments that went on elsewhere
    std::filesystem::path m_asked;               ///< the run that the command line named
    std::filesystem::path m_looked;              ///< the run in it is shown when it is found
    Page m_lookedPage = Page::Inspect;           ///< there
    std::map<std::string, QByteArray> m_layouts; ///< of the docks, by page
    /// The page whose layout is on screen; empty on the first-run page, which has no docks.
    std::optional<std::string> m_layout;
    std::optional<int> m_exitCode;                         ///< the program ends with it when the window closes
    bool m_low = false, m_narrow = false, m_tight = false; ///< sizes at which docks stand otherwise
    bool m_composing = false; ///< a new experiment is being made: the form instead of the first-run page
    bool m_closing = false;
    bool m_deviceAsked = false;
    bool m_measurementsShown = false;
    /// Asked for, while training comes to its pause.
    std::shared_ptr<const BenchDocument> m_benchDue;
    bool m_pausedForBench = false; ///< training goes on when it has ended
    DeviceInfo m_device;
    std::optional<DeviceSpeed> m_speed;
    std::vector<RunConfig> m_demo; ///< runs of the demonstration
    int m_opening = 0;
    double m_savedAt = 0;     ///< of the newest checkpoint of what trains, seconds since the epoch; 0: none yet
    double m_doneAtStart = 0; ///< steps of the experiment done when its clock was started
    std::chrono::steady_clock::time_point m_clock;
    bool m_compareRunsDue = false, m_besideDue = false; ///< runs came that the Compare page, the plots do not show yet
    QTimer m_dueTimer;
    int m_dueCost = 0;                                               ///< ms that showing them took
    std::optional<std::pair<bool, std::filesystem::path>> m_dropped; ///< on A or B, until its run is read
    std::unique_ptr<ComparisonExport> m_comparisonExport;            ///< while one is written
    std::unique_ptr<BenchProcess> m_bench;
    std::unique_ptr<SelectorMeasure> m_selectorMeasure; ///< as the checks
    std::unique_ptr<SoundnessChecks> m_checks;          ///< its thread ends before the runs that it feeds go
    RunQueue m_queue;                                   // last: its thread stops before anything it feeds goes
};

} // namespace sparsescope
