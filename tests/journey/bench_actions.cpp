// Longer than 400 lines: every row of the budgets in one program, so that they are measured in one process state.
#include "app/comparison_export.h"
#include "app/main_window.h"
#include "app/train_page.h"
#include "core/base/run_store.h"
#include "core/experiment/runner.h"
#include "core/train/warm_up.h"
#include "tests/core/tiny_experiment.h"
#include "tests/journey/background_training.h"
#include "tests/widgets/compared_runs.h"
#include "tests/widgets/frame_times.h"
#include "tests/widgets/random_snapshot.h"
#include "widgets/panels/compare_page.h"
#include "widgets/panels/inspect_page.h"
#include "widgets/plots/loss_plot.h"
#include "widgets/plots/series_plot.h"
#include "widgets/style/figure_export.h"
#include "widgets/style/theme.h"

#include <QApplication>
#include <QLabel>
#include <QLineEdit>
#include <QSlider>
#include <QStandardPaths>
#include <QTemporaryDir>
#include <QTest>
#include <QThread>
#include <QToolButton>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <sys/resource.h>

/// How long what a person does takes until it is on screen, against its budget: window, session, pages, theme, filter, 1,000
/// runs, 100 curves of 100,000 points, smoothing, training under way, snapshots from memory and disk, exports; and the memory
/// that all of it took. bench_actions [--load] [--runs N] [PART...]: parts are window, runs, loss, train, inspect and compare,
/// all by default; --load trains on every core meanwhile. A program, not a test: it fails for nothing.
using namespace sparsescope;
namespace fs = std::filesystem;

namespace {

constexpr int kCurves = 100, kPoints = 100000;
constexpr int kLongestMilliseconds = 60000;

std::vector<RunOutcome> noTraining(const ExperimentConfig &, const RunnerOptions &, RunControl &, TrainingObserver &)
{
    return {};
}

/// Everything that is due, and the window as it then looks.
void settle(QWidget &window)
{
    QApplication::processEvents();
    window.grab();
}

/// Until it is so: the thread works as the program's does.
void until(const std::function<bool()> &done)
{
    QElapsedTimer timer;
    timer.start();
    while (!done() && timer.elapsed() < kLongestMilliseconds) {
        QApplication::processEvents(QEventLoop::AllEvents, 5);
        QThread::usleep(200);
    }
}

double peakMiB()
{
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return static_cast<double>(usage.ru_maxrss) / 1024;
}

WindowOptions optionsOf(const fs::path &out)
{
    WindowOptions options;
    options.out = out;
    options.device = "cpu";
    return options;
}

std::unique_ptr<MainWindow> openWindow(const fs::path &out)
{
    auto window = std::make_unique<MainWindow>(noTraining, optionsOf(out));
    window->resize(1600, 1000);
    window->show();
    settle(*window);
    return window;
}

/// Runs of one sweep with short curves, as training leaves them.
void writeRuns(const fs::path &experiment, int runs)
{
    nlohmann::ordered_json document = tinyExperiment();
    document["sweep"] = {{"family", {"sparse"}}, {"seed", nlohmann::ordered_json::array()}};
    for (int seed = 0; seed < runs; ++seed) {
        document["sweep"]["seed"].push_back(seed);
    }
    for (const RunConfig &config : expand(parseExperiment(document, "bench"))) {
        fs::create_directories((experiment / config.folder()).parent_path());
        const auto writer = RunWriter::create(experiment / config.folder(), config);
        for (int step = 1; step <= 10; ++step) {
            writer->scalars(step, step, {{"train.loss", 5.0 / step}, {"val.loss", 5.1 / step}});
        }
        writer->state(RunState::Finished);
        writer->flush();
    }
}

std::vector<std::unique_ptr<RunData>> longRuns(int curves, int points)
{
    nlohmann::ordered_json document = tinyExperiment();
    document["training"]["steps"] = points;
    document["sweep"] = {{"family", {"classic", "sparse", "mhla", "mhla_sparse"}},
                         {"seed", nlohmann::ordered_json::array()}};
    for (int seed = 0; seed < (curves + 3) / 4; ++seed) {
        document["sweep"]["seed"].push_back(seed);
    }
    std::vector<std::unique_ptr<RunData>> runs;
    for (const RunConfig &config : expand(parseExperiment(document, "bench"))) {
        if (static_cast<int>(runs.size()) == curves) {
            break;
        }
        RunUpdate update;
        Series &loss = update.series["train.loss"];
        for (int step = 1; step <= points; ++step) {
            // Seeds differ, for their band has a height.
            const double phase = 78.233 * static_cast<double>(runs.size());
            loss.push_back(
                {static_cast<double>(step), 2 + 3 / std::sqrt(step) + 0.1 * std::sin(step * 12.9898 + phase)});
        }
        update.state = {config.folder(), RunState::Finished, {}, points, points};
        runs.push_back(std::make_unique<RunData>(config, "nowhere/bench"));
        runs.back()->apply(update);
        runs.back()->flush();
    }
    return runs;
}

void benchWindow(const fs::path &folder)
{
    report("window: made, shown and drawn", timed(5, [&](int i) { openWindow(folder / std::to_string(i)); }), 600);
    writeRuns(folder / "sweep", 20);
    WindowOptions options = optionsOf(folder / "out");
    options.session = folder / "session.json";
    const auto restored = [&](bool folders) {
        auto window = std::make_unique<MainWindow>(noTraining, options);
        window->restoreSession(folders);
        if (!folders) {
            window->openPath(folder / "sweep");
        }
        window->resize(1600, 1000);
        window->show();
        until([&] { return window->settled() && !window->runs().empty(); });
        settle(*window);
        return window;
    };
    restored(false)->close();
    report("session back: window, layout and 20 runs", timed(3, [&](int) { restored(true)->close(); }), 2000);
}

std::unique_ptr<MainWindow> openRuns(const fs::path &folder, int runs, double budget)
{
    const fs::path sweep = folder / ("sweep" + std::to_string(runs));
    writeRuns(sweep, runs);
    auto window = openWindow(folder / "out");
    const FrameTimer timer;
    FrameTimes first, all;
    window->openPath(sweep);
    until([&] {
        if (first.wall.empty() && !window->runs().empty()) {
            settle(*window);
            first.add(timer);
        }
        return window->settled();
    });
    settle(*window);
    all.add(timer);
    const std::string many = std::to_string(window->runs().size()) + " runs";
    report("open " + many + ": the first in the table", first);
    report("open " + many + ": all of them", all, budget);
    return window;
}

void benchRuns(const fs::path &folder, int runs)
{
    openRuns(folder, 200, 2000);
    const double before = peakMiB();
    const auto window = openRuns(folder, runs, 2000);
    const std::string many = std::to_string(runs) + " runs";
    auto *filter = window->findChild<QLineEdit *>(QStringLiteral("runFilter"));
    report("filter " + many,
           timed(20,
                 [&](int i) {
                     filter->setText(i % 2 == 0 ? QStringLiteral("s%1").arg(i) : QString());
                     settle(*window);
                 }),
           50);
    filter->clear();
    auto *logX = window->findChild<QToolButton *>(QStringLiteral("logXButton"));
    report("a click: log x, " + many + " open",
           timed(10,
                 [&](int) {
                     QTest::mouseClick(logX, Qt::LeftButton);
                     settle(*window);
                 }),
           100);
    const Page pages[] = {Page::Train, Page::Speed, Page::Inspect, Page::Compare};
    report("change of page, " + many + " open",
           timed(20,
                 [&](int i) {
                     window->showPage(pages[(i + 1) % 4]);
                     settle(*window);
                 }),
           100);
    window->showPage(Page::Train);
    report("change of theme, " + many + " open",
           timed(10,
                 [&](int) {
                     window->toggleTheme();
                     settle(*window);
                 }),
           200);
    std::printf("%-58s %.0f MiB, budget 600; before them %.0f\n", ("peak memory with " + many).c_str(), peakMiB(),
                before);
}

void benchLoss(const QString &folder)
{
    const auto pointers = [](const std::vector<std::unique_ptr<RunData>> &runs) {
        std::vector<RunData *> all;
        for (const auto &run : runs) {
            all.push_back(run.get());
        }
        return all;
    };
    const auto show = [](LossPlot &loss, const std::vector<RunData *> &runs) {
        loss.setRuns(runs);
        loss.setCurrent(runs.front());
        loss.catchUp();
        settle(loss);
    };
    LossPlot loss;
    loss.resize(1100, 520);
    loss.show();
    settle(loss);
    const auto frames = [&](const std::string &what) {
        report(what + ": zoom, a frame",
               timed(40,
                     [&](int i) {
                         loss.plot()->zoomBy(i % 20 < 10 ? 1.25 : 0.8);
                         settle(loss);
                     }),
               16);
        report(what + ": pan, a frame",
               timed(40,
                     [&](int i) {
                         const auto [low, high] = loss.plot()->xRange();
                         const double shift = (i % 20 < 10 ? 0.05 : -0.05) * (high - low);
                         loss.plot()->followX({low + shift, high + shift}, true);
                         settle(loss);
                     }),
               16);
        loss.plot()->resetView();
        settle(loss);
        report(what + ": cursor and value, a frame",
               timed(40,
                     [&](int i) {
                         loss.plot()->setCursor(1 + i * kPoints / 40);
                         settle(loss);
                     }),
               16);
    };
    {
        const auto runs = longRuns(kCurves, kPoints);
        report("100 runs x 100,000 points: open", timed(1, [&](int) { show(loss, pointers(runs)); }), 1500);
        frames("100 runs x 100,000 points");
        report("100 runs x 100,000 points: export as PNG",
               timed(1, [&](int) { exportFigure(loss, folder + QStringLiteral("/loss.png")); }), 1000);
        loss.setRuns({});
    }
    {
        const auto runs = longRuns(1, 1000000);
        show(loss, pointers(runs));
        frames("1 run x 1,000,000 points");
        loss.setRuns({});
    }
    const auto runs = longRuns(12, kPoints);
    show(loss, pointers(runs));
    auto *slider = loss.findChild<QSlider *>(QStringLiteral("smoothingSlider"));
    report("smoothing drag, 12 x 100,000 points, a frame",
           timed(20,
                 [&](int i) {
                     slider->setValue(10 + 2 * i);
                     settle(loss);
                 }),
           33);
    report("export as PNG, 12 x 100,000 points",
           timed(3, [&](int) { exportFigure(loss, folder + QStringLiteral("/loss.png")); }), 1000);
}

/// With the engine itself: from a click to what is said of it and to what it does.
void benchTrain(const fs::path &folder)
{
    FrameTimes word, point, pausing, paused, stopping, stopped;
    FrameTimes arrived;
    for (int i = 0; i < 3; ++i) {
        auto window = std::make_unique<MainWindow>(runExperiment, optionsOf(folder / ("train" + std::to_string(i))));
        window->resize(1600, 1000);
        window->show();
        settle(*window);
        window->queue().add(tiny({{"training.steps", "100000"}, {"probe.every", "100000"}}));
        settle(*window);
        const auto *status = window->findChild<QLabel *>(QStringLiteral("statusRun"));
        const auto click = [&](const char *button, FrameTimes &reaction, FrameTimes &done,
                               const std::function<bool()> &whenDone) {
            const QString before = status->text();
            const FrameTimer timer;
            QTest::mouseClick(window->findChild<QWidget *>(QLatin1String(button)), Qt::LeftButton);
            until([&] { return status->text() != before; });
            settle(*window);
            reaction.add(timer);
            until(whenDone);
            settle(*window);
            done.add(timer);
        };
        RunData *run = window->runs().front();
        click("startButton", word, point, [&] { return run->step() > 0; });
        QTest::qWait(300);
        const auto *plot = window->trainPage()->loss()->plot();
        const auto shownSteps = [&] {
            std::size_t most = 0;
            for (const PlotCurve &curve : plot->content().curves) {
                most = std::max(most, curve.points.size());
            }
            return most;
        };
        for (int n = 0; n < 10; ++n) { // what the trainer writes next, until it is drawn
            const std::size_t before = shownSteps();
            const FrameTimer timer;
            until([&] { return shownSteps() > before; });
            arrived.add(timer);
        }
        click("pauseButton", pausing, paused, [&] { return run->state() == RunState::Paused; });
        click("pauseButton", word, point, [&] { return run->state() == RunState::Running; });
        click("stopButton", stopping, stopped, [&] { return !window->queue().training(); });
    }
    report("Start, resume: what is said of it", word, 100);
    report("Start, resume: the first point, or running", point, 2000);
    report("a new step from the trainer, drawn (its own time included)", arrived);
    report("Pause: what is said of it", pausing, 100);
    report("Pause: done", paused, 3000);
    report("Stop: what is said of it", stopping, 100);
    report("Stop: done", stopped, 3000);
    // From the record to the curve, without the trainer.
    auto runs = longRuns(4, 1000);
    LossPlot loss;
    loss.resize(1100, 520);
    loss.show();
    loss.setRuns({runs[0].get(), runs[1].get(), runs[2].get(), runs[3].get()});
    loss.setCurrent(runs[0].get());
    settle(loss);
    report("new metric from the trainer, on screen",
           timed(20,
                 [&](int i) {
                     RunUpdate update;
                     update.series["train.loss"].push_back({1001.0 + i, 2});
                     update.state = {runs[0]->id().toStdString(), RunState::Running, {}, 1001 + i, 2000};
                     const std::size_t before = loss.plot()->content().curves.front().points.size();
                     runs[0]->apply(update);
                     runs[0]->flush();
                     until([&] { return loss.plot()->content().curves.front().points.size() > before; });
                     settle(loss);
                 }),
           50);
}

/// The Inspect page with snapshots of 6 layers and 256 tokens, and of 12 layers and 2,048.
void benchInspect(const fs::path &folder)
{
    const auto look = [&](const char *name, int length, int layers, int topK, double fromDisk, double cached) {
        const std::string lengthText = std::to_string(length);
        const RunConfig config =
            tinyRun(Family::Sparse, {{"training.sequence_length", lengthText}, {"model.selection.top_k", "32"}});
        const fs::path place = folder / name / config.folder();
        fs::create_directories(place.parent_path());
        {
            const auto writer = RunWriter::create(place, config);
            for (int step = 1; step <= 8; ++step) {
                auto snapshot = randomSnapshot(length, layers, topK);
                snapshot->step = step;
                snapshot->run = config.folder();
                snapshot->words.assign(static_cast<std::size_t>(length), "word");
                writer->snapshot(*snapshot);
                writer->scalars(step, step, {{"train.loss", 2.0}});
            }
            writer->state(RunState::Finished);
        }
        auto window = openWindow(folder / "out");
        window->openPath(folder / name);
        until([&] { return window->settled() && !window->runs().empty(); });
        window->showPage(Page::Inspect);
        window->viewState().setInspect(InspectView::Atlas);
        const auto shown = [&](int step) {
            window->viewState().setFollowLive(false);
            window->viewState().setStep(step);
            until([&] { return window->inspectPage()->settled(); });
            settle(*window);
        };
        shown(8);
        std::string what = std::string(name) + ": ";
        report(what + "a snapshot from disk, on screen", timed(5, [&](int i) { shown(1 + i); }), fromDisk);
        report(what + "a snapshot that was seen, on screen", timed(8, [&](int i) { shown(4 + i % 2); }), cached);
        window->viewState().setInspect(InspectView::Focus);
        shown(4);
        report(what + "another query: its row, on screen",
               timed(20,
                     [&](int i) {
                         window->viewState().setQuery(length - 1 - i);
                         until([&] { return window->inspectPage()->settled(); });
                         settle(*window);
                     }),
               cached > 0 ? 33 : 0);
        report(what + "hover: value and linked lines",
               timed(30,
                     [&](int i) {
                         window->hoverState().setCell(length - 1 - i, i);
                         settle(*window);
                     }),
               cached > 0 ? 16 : 0);
    };
    look("6 x 256", 256, 6, 32, 150, 50);
    look("12 x 2,048", 2048, 12, 256, 0, 0);
}

void benchCompare(const QString &folder)
{
    const test::ComparedRuns runs;
    for (RunData *run : runs.all()) {
        if (isSparse(run->config().model.family)) {
            test::ComparedRuns::measure(run);
            run->flush();
        }
    }
    ViewState view;
    HoverState hover;
    ComparePage page(&view, &hover);
    page.resize(1270, 880);
    page.show();
    report("two sides of three seeds, on screen", timed(1, [&](int) {
               page.setRuns(runs.all(), runs.all().front());
               until([&] { return page.settled(); });
               settle(page);
           }));
    auto *slider = page.findChild<QSlider *>(QStringLiteral("counterfactualK"));
    report("slider of k, measured selectors, a frame",
           timed(20,
                 [&](int i) {
                     slider->setValue(slider->minimum() + i % (slider->maximum() - slider->minimum() + 1));
                     settle(page);
                 }),
           300);
    report("comparison report as PDF",
           timed(2,
                 [&](int) {
                     writeComparisonReport(page.exportableViews(), *page.content(),
                                           folder + QStringLiteral("/report.pdf"));
                 }),
           10000);
}

} // namespace

int main(int argc, char **argv)
{
    if (!qEnvironmentVariableIsSet("QT_QPA_PLATFORM")) {
        qputenv("QT_QPA_PLATFORM", "offscreen");
    }
    QStandardPaths::setTestModeEnabled(true);
    QApplication application(argc, argv);
    QApplication::setOrganizationName(QStringLiteral("sparsescope-test"));
    applyTheme(application, Theme::Light);
    std::set<std::string> parts;
    int runs = 1000;
    std::unique_ptr<BackgroundTraining> load;
    for (int i = 1; i < argc; ++i) {
        const std::string word = argv[i];
        if (word == "--load") {
            load = std::make_unique<BackgroundTraining>();
        } else if (word == "--runs" && i + 1 < argc) {
            runs = std::max(1, std::atoi(argv[++i]));
        } else {
            parts.insert(word);
        }
    }
    const auto wanted = [&](const char *part) { return parts.empty() || parts.count(part) > 0; };
    const QTemporaryDir folder;
    const fs::path root = folder.path().toStdString();
    std::printf("%s, %s\n", qPrintable(QGuiApplication::platformName()),
                load ? "a training on every core beside it" : "nothing beside it");
    if (wanted("window")) {
        benchWindow(root / "window");
    }
    if (wanted("runs")) {
        benchRuns(root / "runs", runs);
    }
    if (wanted("loss")) {
        benchLoss(folder.path());
    }
    if (wanted("train")) {
        benchTrain(root / "train");
    }
    if (wanted("inspect")) {
        benchInspect(root / "inspect");
    }
    if (wanted("compare")) {
        benchCompare(folder.path());
    }
    return 0;
}
