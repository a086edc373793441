#include "app/screenshots.h"

#include "app/checkpoint_dialog.h"
#include "app/continuation_dialog.h"
#include "app/export_dialog.h"
#include "app/help_dialog.h"
#include "app/main_window.h"
#include "app/preferences_dialog.h"
#include "app/run_choice.h"
#include "app/run_folder_reader.h"
#include "core/base/error.h"
#include "core/train/counterfactual.h"
#include "widgets/panels/compare_page.h"
#include "widgets/panels/inspect_page.h"
#include "widgets/style/theme.h"

#include <QApplication>
#include <QElapsedTimer>
#include <QImage>
#include <QPainter>
#include <QPixmap>
#include <QSaveFile>
#include <QStringList>
#include <QTemporaryDir>
#include <QThread>

#include <functional>
#include <memory>

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

/// Waits until the widget looks the same for a while.
QImage settledPicture(QWidget &widget, const std::function<bool()> &inTime)
{
    QImage image;
    for (int equal = 0; equal < kEqualGrabs && inTime();) {
        wait(kQuietMilliseconds);
        if (QWidget *focused = QApplication::focusWidget()) {
            focused->clearFocus(); // a blinking cursor would not repeat
        }
        const QImage next = widget.grab().toImage();
        equal = next == image ? equal + 1 : 0;
        image = next;
    }
    return image;
}

QImage sideBySide(const QString &file, const QImage &picture)
{
    const QImage other(file);
    if (other.isNull()) {
        throw Failure({"not a picture", "--beside", file.toStdString(), "an image file", ""});
    }
    const QImage left = other.scaledToHeight(picture.height(), Qt::SmoothTransformation);
    const int gap = 8 * static_cast<int>(picture.devicePixelRatio());
    QImage both(left.width() + gap + picture.width(), picture.height(), QImage::Format_RGB32);
    both.fill(Qt::gray);
    QPainter painter(&both);
    painter.drawImage(0, 0, left);
    painter.drawImage(QRect(left.width() + gap, 0, picture.width(), picture.height()), picture);
    return both;
}

void showRuns(MainWindow &window, const ScreenshotOptions &options, const std::function<bool()> &inTime)
{
    window.openPath(options.runs);
    while (!window.settled() && inTime()) {
        wait(5);
    }
    if (window.runs().empty()) {
        std::vector<std::string> damaged;
        readRuns(options.runs, damaged); // says what is wrong with them, or that there are none
        throw Failure({"no runs here", "--runs", options.runs.string(), "the folder of an experiment or of a run", ""});
    }
    if (!options.run.isEmpty()) {
        window.setCurrentRun(chosenRun(window.runs(), options.runs, options.run));
    }
}

void showSides(MainWindow &window, const ScreenshotOptions &options, const std::function<bool()> &inTime)
{
    ComparePage &page = *window.comparePage();
    wait(5); // the page has its runs by then
    if (!options.sideA.isEmpty() || !options.sideB.isEmpty()) {
        const auto [a, b] = namedSides(page.sides(), options.sideA, options.sideB);
        window.viewState().setSides(a, b);
    }
    while (!page.settled() && inTime()) {
        wait(10);
    }
}

} // namespace

void takeScreenshot(const ScreenshotOptions &options)
{
    const QString &view = options.view;
    static const QStringList kViews{"first-run", "train", "form",       "atlas",        "focus",       "compare",
                                    "speed",     "help",  "checkpoint", "continuation", "preferences", "export"};
    if (!kViews.contains(view)) {
        throw Failure(
            {"unknown view", "--screenshot", view.toStdString(), kViews.join(QStringLiteral(", ")).toStdString(), ""});
    }
    const bool inspect = view == QLatin1String("focus") || view == QLatin1String("atlas");
    WindowOptions given;
    given.frozen = true;
    given.measureSelectors = measureCounterfactual; // nothing is measured, but what offers it is drawn
    if (options.device) {
        given.describeDevice = [found = *options.device](const std::string &) { return found; };
    }
    MainWindow window([](const ExperimentConfig &, const RunnerOptions &, RunControl &,
                         TrainingObserver &) { return std::vector<RunOutcome>{}; },
                      given);
    window.resize(options.size.isValid() ? options.size : QSize(1600, 1000));
    const auto asLargeAsAsked = [&](QDialog &dialog) { // else as it comes
        if (options.size.isValid()) {
            dialog.resize(options.size);
        }
    };
    QElapsedTimer timer;
    timer.start();
    const std::function<bool()> inTime = [&] { return timer.elapsed() < kLongestMilliseconds; };
    const bool compare = view == QLatin1String("compare");
    if (inspect || compare || view == QLatin1String("train") || view == QLatin1String("export")) {
        showRuns(window, options, inTime);
        window.showPage(inspect ? Page::Inspect : compare ? Page::Compare : Page::Train);
        window.viewState().setInspect(view == QLatin1String("focus") ? InspectView::Focus : InspectView::Atlas);
    } else if (view == QLatin1String("speed") && options.runs.empty()) {
        window.showPage(Page::Speed);
    } else if (view == QLatin1String("form") || view == QLatin1String("speed")) {
        window.openPath(options.runs);
    }
    window.show();
    while (inspect && !window.inspectPage()->settled() && inTime()) { // maps are computed off this thread
        wait(10);
    }
    if (compare) {
        showSides(window, options, inTime);
    }
    QImage image;
    if (view == QLatin1String("help") || view == QLatin1String("preferences")) {
        std::unique_ptr<QDialog> dialog;
        if (view == QLatin1String("help")) {
            dialog = std::make_unique<HelpDialog>(QStringLiteral("Shortcuts"), QString(), shortcutRows(), true);
        } else {
            dialog = std::make_unique<PreferencesDialog>(
                Preferences{currentTheme(), false, true, QStringLiteral("figures")});
        }
        dialog->setAttribute(Qt::WA_DeleteOnClose, false);
        asLargeAsAsked(*dialog);
        dialog->show();
        image = settledPicture(*dialog, inTime);
    } else if (view == QLatin1String("export")) {
        ExportDialog dialog(window.figures(), QStringLiteral("loss"), nullptr);
        dialog.setFolder(QStringLiteral("figures"));
        asLargeAsAsked(dialog);
        dialog.show();
        image = settledPicture(dialog, inTime);
    } else if (view == QLatin1String("checkpoint")) {
        CheckpointDialog dialog(options.runs, "runs");
        dialog.setAttribute(Qt::WA_DeleteOnClose, false);
        asLargeAsAsked(dialog);
        dialog.show();
        image = settledPicture(dialog, inTime);
    } else if (view == QLatin1String("continuation")) {
        QTemporaryDir folder; // of what it writes down
        ContinuationDialog dialog(options.runs, QString::fromStdString(options.runs.filename().string()),
                                  folder.path().toStdString());
        dialog.setAttribute(Qt::WA_DeleteOnClose, false);
        asLargeAsAsked(dialog);
        dialog.show();
        while (dialog.asking() && inTime()) {
            wait(5);
        }
        dialog.startOrStop();
        while (dialog.working() && inTime()) {
            wait(10);
        }
        image = settledPicture(dialog, inTime);
    } else {
        image = settledPicture(window, inTime);
    }
    if (!options.beside.isEmpty()) {
        image = sideBySide(options.beside, image);
    }
    QSaveFile file(options.out);
    if (!file.open(QIODevice::WriteOnly) || !image.save(&file, "PNG") || !file.commit()) {
        throw Failure({"the picture could not be written", options.out.toStdString(), file.errorString().toStdString(),
                       "", "Check the folder and the free space."});
    }
}

} // namespace sparsescope
