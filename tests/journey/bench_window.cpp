#include "app/main_window.h"
#include "core/base/presets.h"
#include "core/experiment/runner.h"
#include "tests/journey/background_training.h"
#include "tests/widgets/frame_times.h"
#include "tests/widgets/random_snapshot.h"
#include "widgets/panels/inspect_page.h"
#include "widgets/plots/loss_plot.h"
#include "widgets/plots/series_plot.h"
#include "widgets/style/theme.h"

#include <QAbstractEventDispatcher>
#include <QApplication>
#include <QEventLoop>
#include <QStandardPaths>
#include <QTemporaryDir>
#include <QTest>
#include <QTimer>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <thread>
#include <vector>

/// How long the window's thread is busy at a time while 10,000 scalars and 4 snapshots (6 layers x 13 maps, L = 256) arrive
/// every second and a real training uses the cores: on the Train page, the Atlas and the Focus map, with the pointer moving.
/// bench_window [SECONDS]: 60 in all by default. A program, not a test: it fails for nothing.
using namespace sparsescope;
using namespace std::chrono_literals;

namespace {

constexpr int kLength = 256, kLayers = 6, kTopK = 32;
constexpr int kScalarsPerSecond = 10000, kScalarsPerStep = 6, kSnapshotsPerSecond = 4;
constexpr auto kBeat = 10ms;

/// A frame is one turn of the event loop, in which everything that was due is done: input waits no longer than that.
class FrameClock : public QApplication {
public:
    FrameClock(int &argc, char **argv)
        : QApplication(argc, argv)
    {
        const auto *dispatcher = QAbstractEventDispatcher::instance();
        connect(dispatcher, &QAbstractEventDispatcher::awake, this, &FrameClock::endFrame);
        connect(dispatcher, &QAbstractEventDispatcher::aboutToBlock, this, &FrameClock::endFrame);
    }
    bool notify(QObject *receiver, QEvent *event) override
    {
        if (!m_timer) {
            m_timer.emplace();
        }
        return QApplication::notify(receiver, event);
    }
    FrameTimes takeFrames() { return std::exchange(m_frames, {}); }

private:
    void endFrame()
    {
        if (m_timer) {
            m_frames.add(*m_timer);
            m_timer.reset();
        }
    }

    std::optional<FrameTimer> m_timer; ///< while it is busy
    FrameTimes m_frames;
};

/// An event loop that sleeps as the program's does; that of the test library wakes up every 10 ms.
void wait(int milliseconds)
{
    QEventLoop loop;
    QTimer::singleShot(milliseconds, &loop, &QEventLoop::quit);
    loop.exec();
}

/// Stands in for an engine on a fast card; beside it one on the CPU trains in earnest.
std::vector<RunOutcome> feed(const ExperimentConfig &experiment, const RunnerOptions &, RunControl &control,
                             TrainingObserver &observer)
{
    const BackgroundTraining trainer;
    const std::vector<RunConfig> runs = expand(experiment);
    const std::shared_ptr<const Snapshot> model = [] {
        auto made = randomSnapshot(kLength, kLayers, kTopK);
        made->words.assign(kLength, "word");
        return made;
    }();
    for (const RunConfig &run : runs) {
        observer.onState({run.folder(), RunState::Running, {}, 0, run.training.steps});
        observer.onStage({run.folder(), 0, run.training.steps, 0, "Sparse training", {}});
    }
    const auto begin = std::chrono::steady_clock::now();
    const auto since = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count(); };
    std::int64_t sent = 0, snapshots = 0;
    while (!control.stopping()) {
        const auto wanted = static_cast<std::int64_t>(since() * kScalarsPerSecond / kScalarsPerStep);
        for (; sent < wanted; ++sent) {
            const RunConfig &run = runs[static_cast<std::size_t>(sent) % runs.size()];
            const std::int64_t step = 1 + sent / static_cast<std::int64_t>(runs.size());
            const double loss =
                5.5 / (1 + 1e-4 * static_cast<double>(step)) + 0.05 * std::sin(static_cast<double>(sent));
            observer.onStep({run.folder(),
                             step,
                             0,
                             {{"train.loss", loss},
                              {"indexer.kl", loss / 9},
                              {"grad.norm", loss},
                              {"grad.indexer", loss / 2},
                              {"time.step", 1.2e-3},
                              {"time.tokens_per_s", 1.7e6}}});
        }
        if (static_cast<double>(snapshots) < since() * kSnapshotsPerSecond) {
            auto snapshot = std::make_shared<Snapshot>(*model);
            snapshot->run = runs.back().folder();
            snapshot->step = 1 + sent / static_cast<std::int64_t>(runs.size());
            observer.onSnapshot(std::move(snapshot));
            ++snapshots;
        }
        std::this_thread::sleep_for(kBeat);
    }
    std::printf("%lld steps of %d scalars, %lld snapshots in %.1f s\n", static_cast<long long>(sent), kScalarsPerStep,
                static_cast<long long>(snapshots), since());
    std::vector<RunOutcome> outcomes;
    for (const RunConfig &run : runs) {
        outcomes.push_back({run.folder(), RunState::Stopped, {}, sent / 2});
    }
    return outcomes;
}

} // namespace

int main(int argc, char **argv)
{
    if (!qEnvironmentVariableIsSet("QT_QPA_PLATFORM")) {
        qputenv("QT_QPA_PLATFORM", "offscreen");
    }
    qputenv("QT_NO_GLIB", "1"); // the other dispatcher does not say when it sleeps
    QStandardPaths::setTestModeEnabled(true);
    FrameClock application(argc, argv);
    applyTheme(application, Theme::Light);
    const int seconds = argc > 1 ? std::atoi(argv[1]) : 60;
    const QTemporaryDir folder;
    WindowOptions options;
    options.out = folder.path().toStdString();
    options.device = "cpu";
    MainWindow window(feed, options);
    window.resize(1600, 1000);
    window.show();
    window.queue().add(loadExperiment("bench", 200000));
    window.queue().start();
    window.setCurrentRun(window.runs().back());

    QTimer pointer; // goes over what is in sight, thirty times a second
    int moved = 0;
    QObject::connect(&pointer, &QTimer::timeout, &window, [&] {
        QWidget *view = window.page() == Page::Inspect ? window.inspectPage()->mainView()
                                                       : window.findChild<QWidget *>(QStringLiteral("lossPlot"));
        ++moved;
        const QPoint at(40 + moved * 7 % std::max(1, view->width() - 80),
                        30 + moved * 3 % std::max(1, view->height() - 60));
        QWidget *under = view->childAt(at) ? view->childAt(at) : view;
        QTest::mouseMove(under, under->mapFrom(view, at));
    });
    const auto watch = [&](const char *what) {
        wait(2000); // what the change of page costs is another number
        application.takeFrames();
        pointer.start(33);
        wait(seconds * 1000 / 3);
        pointer.stop();
        report(what, application.takeFrames(), 16);
    };
    watch("Train page");
    window.showPage(Page::Inspect);
    window.viewState().setInspect(InspectView::Atlas);
    watch("Inspect page, Atlas");
    window.viewState().setInspect(InspectView::Focus);
    watch("Inspect page, Focus");
    window.stopTraining();
    while (window.queue().training()) {
        wait(20);
    }
    return 0;
}
