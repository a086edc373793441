#include "app/main_window.h"
#include "app/train_page.h"
#include "core/base/run_store.h"
#include "core/experiment/runner.h"
#include "tests/core/tiny_experiment.h"
#include "tests/widgets/frame_times.h"
#include "widgets/plots/loss_plot.h"
#include "widgets/plots/series_plot.h"
#include "widgets/style/figure_export.h"
#include "widgets/style/theme.h"

#include <QApplication>
#include <QLineEdit>
#include <QStandardPaths>
#include <QTemporaryDir>
#include <QThread>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <sys/resource.h>

/// How long what a person does takes until it is on screen: opening the window, changing theme and page, opening 1,000 runs,
/// filtering them, a loss view of 100 runs x 100,000 points, exporting a picture; and the memory that all of it took.
/// bench_actions [RUNS]: 1,000 by default. A program, not a test: it fails for nothing.
using namespace sparsescope;
namespace fs = std::filesystem;

namespace {

constexpr int kCurves = 100, kPoints = 100000;

std::vector<RunOutcome> noTraining(const ExperimentConfig &, const RunnerOptions &, RunControl &, TrainingObserver &)
{
    return {};
}

FrameTimes timed(int times, const std::function<void(int)> &action)
{
    FrameTimes measured;
    for (int i = 0; i < times; ++i) {
        const FrameTimer timer;
        action(i);
        measured.add(timer);
    }
    return measured;
}

/// Everything that is due, and the window as it then looks.
void settle(QWidget &window)
{
    QApplication::processEvents();
    window.grab();
}

double peakMiB()
{
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return static_cast<double>(usage.ru_maxrss) / 1024;
}

std::unique_ptr<MainWindow> openWindow(const fs::path &out)
{
    WindowOptions options;
    options.out = out;
    options.device = "cpu";
    auto window = std::make_unique<MainWindow>(noTraining, options);
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

std::vector<std::unique_ptr<RunData>> longRuns()
{
    nlohmann::ordered_json document = tinyExperiment();
    document["training"]["steps"] = kPoints;
    document["sweep"] = {{"family", {"classic", "sparse", "mhla", "mhla_sparse"}},
                         {"seed", nlohmann::ordered_json::array()}};
    for (int seed = 0; seed < kCurves / 4; ++seed) {
        document["sweep"]["seed"].push_back(seed);
    }
    std::vector<std::unique_ptr<RunData>> runs;
    for (const RunConfig &config : expand(parseExperiment(document, "bench"))) {
        RunUpdate update;
        Series &loss = update.series["train.loss"];
        for (int step = 1; step <= kPoints; ++step) {
            loss.push_back({static_cast<double>(step), 2 + 3 / std::sqrt(step) + 0.1 * std::sin(step * 12.9898)});
        }
        update.state = {config.folder(), RunState::Finished, {}, kPoints, kPoints};
        runs.push_back(std::make_unique<RunData>(config, "nowhere/bench"));
        runs.back()->apply(update);
        runs.back()->flush();
    }
    return runs;
}

void benchRuns(const fs::path &folder, int runs)
{
    writeRuns(folder / "sweep", runs);
    auto window = openWindow(folder / "out");
    const double before = peakMiB();
    const FrameTimer timer;
    FrameTimes first, all;
    window->openPath(folder / "sweep");
    while (!window->settled()) {
        QApplication::processEvents(QEventLoop::AllEvents, 10);
        QThread::msleep(1);
        if (first.wall.empty() && !window->runs().empty()) {
            settle(*window);
            first.add(timer);
        }
    }
    settle(*window);
    all.add(timer);
    const std::string many = std::to_string(window->runs().size()) + " runs";
    report(("open " + many + ": the first in the table").c_str(), first);
    report(("open " + many + ": all of them").c_str(), all);
    auto *filter = window->findChild<QLineEdit *>(QStringLiteral("runFilter"));
    report(("filter " + many).c_str(), timed(20, [&](int i) {
               filter->setText(i % 2 == 0 ? QStringLiteral("s%1").arg(i) : QString());
               settle(*window);
           }));
    const Page pages[] = {Page::Train, Page::Speed};
    report(("change of page, " + many + " open").c_str(), timed(20, [&](int i) {
               window->showPage(pages[(i + 1) % 2]);
               settle(*window);
           }));
    window->showPage(Page::Train);
    report(("change of theme, " + many + " open").c_str(), timed(6, [&](int) {
               window->toggleTheme();
               settle(*window);
           }));
    std::printf("%-54s %.0f MiB, of which the window alone %.0f\n", ("peak memory with " + many).c_str(), peakMiB(),
                before);
}

void benchLoss(const QString &folder)
{
    const auto runs = longRuns();
    std::vector<RunData *> all;
    for (const auto &run : runs) {
        all.push_back(run.get());
    }
    LossPlot loss;
    loss.resize(1100, 520);
    loss.show();
    settle(loss);
    report("loss view of 100 runs x 100,000 points: open", timed(1, [&](int) {
               loss.setRuns(all);
               loss.setCurrent(all.front());
               loss.catchUp();
               settle(loss);
           }));
    report("  zoom, a frame", timed(6, [&](int i) {
               loss.plot()->zoomBy(i % 2 == 0 ? 1.25 : 0.8);
               settle(loss);
           }));
    report("  cursor, a frame", timed(6, [&](int i) {
               loss.plot()->setCursor(1 + i * kPoints / 6);
               settle(loss);
           }));
    report("  export as PNG", timed(3, [&](int) { exportFigure(loss, folder + QStringLiteral("/loss.png")); }));
}

} // namespace

int main(int argc, char **argv)
{
    qputenv("QT_QPA_PLATFORM", "offscreen");
    QStandardPaths::setTestModeEnabled(true);
    QApplication application(argc, argv);
    QApplication::setOrganizationName(QStringLiteral("sparsescope-test"));
    applyTheme(application, Theme::Light);
    const QTemporaryDir folder;
    const fs::path root = folder.path().toStdString();
    report("window: made, shown and drawn", timed(5, [&](int i) { openWindow(root / std::to_string(i)); }));
    benchRuns(root, argc > 1 ? std::max(1, std::atoi(argv[1])) : 1000);
    benchLoss(folder.path());
    return 0;
}
