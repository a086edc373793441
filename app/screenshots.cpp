#include "app/screenshots.h"

#include "app/main_window.h"
#include "app/run_choice.h"
#include "core/base/error.h"
#include "widgets/panels/inspect_page.h"

#include <QApplication>
#include <QElapsedTimer>
#include <QPixmap>
#include <QSaveFile>
#include <QThread>

namespace sparsescope {

namespace {

constexpr int kLongestMilliseconds = 60000, kQuietMilliseconds = 120, kEqualGrabs = 3;

void wait(int milliseconds)
{
    QElapsedTimer timer;
    timer.start();
    while (timer.elapsed() < milliseconds) {
        QCoreApplication::processEvents(QEventLoop::AllEvents, 10);
        QThread::msleep(2);
    }
}

} // namespace

void takeScreenshot(const ScreenshotOptions &options)
{
    const bool train = options.view == QLatin1String("train"), focus = options.view == QLatin1String("focus"),
               inspect = focus || options.view == QLatin1String("atlas");
    if (!train && !inspect && options.view != QLatin1String("first-run")) {
        throw Failure(
            {"unknown view", "--screenshot", options.view.toStdString(), "first-run, train, atlas or focus", ""});
    }
    WindowOptions window;
    window.frozen = true;
    MainWindow shown([](const ExperimentConfig &, const RunnerOptions &, RunControl &,
                        TrainingObserver &) { return std::vector<RunOutcome>{}; },
                     window);
    shown.resize(options.size);
    QElapsedTimer timer;
    timer.start();
    const auto inTime = [&] { return timer.elapsed() < kLongestMilliseconds; };
    if (train || inspect) {
        shown.openPath(options.runs);
        while (!shown.settled() && inTime()) {
            wait(5);
        }
        if (shown.runs().empty()) {
            throw Failure(
                {"no runs here", "--runs", options.runs.string(), "the folder of an experiment or of a run", ""});
        }
        if (!options.run.isEmpty()) {
            shown.setCurrentRun(runWithId(shown.runs(), options.run));
        }
        shown.showPage(inspect ? Page::Inspect : Page::Train);
        shown.viewState().setInspect(focus ? InspectView::Focus : InspectView::Atlas);
    }
    shown.show();
    while (inspect && !shown.inspectPage()->settled() && inTime()) { // maps are computed off this thread
        wait(10);
    }
    QImage image;
    for (int equal = 0; equal < kEqualGrabs && inTime();) {
        wait(kQuietMilliseconds);
        if (QWidget *focused = QApplication::focusWidget()) {
            focused->clearFocus(); // a blinking cursor would not repeat
        }
        const QImage next = shown.grab().toImage();
        equal = next == image ? equal + 1 : 0;
        image = next;
    }
    QSaveFile file(options.out);
    if (!file.open(QIODevice::WriteOnly) || !image.save(&file, "PNG") || !file.commit()) {
        throw Failure({"the picture could not be written", options.out.toStdString(), file.errorString().toStdString(),
                       "", "Check the folder and the free space."});
    }
}

} // namespace sparsescope
