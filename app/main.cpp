#include "app/exporting.h"
#include "app/main_window.h"
#include "app/quit_signals.h"
#include "app/run_choice.h"
#include "app/run_folder_reader.h"
#include "app/screenshots.h"
#include "app/text_size.h"
#include "core/base/error.h"
#include "core/base/exit_code.h"
#include "core/base/patient_threads.h"
#include "core/base/remedies.h"
#include "core/experiment/runner.h"
#include "core/train/counterfactual.h"
#include "core/train/soundness.h"
#include "core/train/warm_up.h"
#include "widgets/style/theme.h"

#include <CLI/CLI.hpp>

#include <QApplication>
#include <QDir>
#include <QSettings>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <unistd.h>
#include <utility>

namespace {

struct Arguments {
    std::string path, screenshot, figure, runs, out, theme, device = "auto", outFolder = "runs", size, run, beside,
                                                            sideA, sideB;
    double scale = 1;
    bool demo = false;
};

QSize sizeOf(const std::string &text)
{
    int width = 0, height = 0;
    char rest = 0;
    if (std::sscanf(text.c_str(), "%dx%d%c", &width, &height, &rest) != 2 || width < 320 || height < 240 ||
        width > 8192 || height > 8192) {
        throw sparsescope::Failure({"", "--size", text, "WIDTHxHEIGHT in pixels, 320x240 to 8192x8192", ""});
    }
    return {width, height};
}

sparsescope::Theme themeOf(const std::string &text)
{
    const QString word =
        text.empty() ? QSettings().value(QStringLiteral("theme")).toString() : QString::fromStdString(text);
    return word == QLatin1String("dark") ? sparsescope::Theme::Dark : sparsescope::Theme::Light;
}

bool needsNoRuns(const std::string &view)
{
    return view == "first-run" || view == "speed" || view == "help" || view == "preferences";
}

/// The folder of the run that the command line asks for, read to its end before a window opens. Throws Failure where it
/// is not there, and where it is damaged.
std::filesystem::path askedRun(const std::string &runs, const std::string &name)
{
    using namespace sparsescope;
    if (runs.empty()) {
        throw Failure({"no such folder", "--run", name, "a run's folder, or its id and --runs", ""});
    }
    if (name.empty()) {
        return readRun(runs).folder;
    }
    const std::filesystem::path folder = namedRunFolder(runs, QString::fromStdString(name));
    if (folder.empty()) {
        throw Failure({"no such run, or several", "--run", name, "the id of one run in " + runs, ""});
    }
    return readRun(folder).folder;
}

/// While Qt looks for a display: it would say much and then abort.
void sayNoDisplay(QtMsgType type, const QMessageLogContext &, const QString &text)
{
    if (type != QtFatalMsg) {
        return; // what it tried on the way
    }
    if (text.contains(QLatin1String("platform plugin"))) {
        std::fprintf(stderr,
                     "No display was found. Draw a picture with sparsescope --screenshot train --runs DIR --out "
                     "FILE.png, or train in the terminal with sparsescope-cli train EXPERIMENT.json.\n");
    } else {
        std::fprintf(stderr, "%s\n", qPrintable(text));
    }
    std::fflush(stderr);
    std::_Exit(sparsescope::kFailed);
}

/// What Qt would do, without its remark on standard error.
void makeRuntimeFolder()
{
    if (qEnvironmentVariableIsSet("XDG_RUNTIME_DIR")) {
        return;
    }
    const std::string folder = QDir::tempPath().toStdString() + "/sparsescope-" + std::to_string(getuid());
    std::error_code failed;
    std::filesystem::create_directory(folder, failed);
    std::filesystem::permissions(folder, std::filesystem::perms::owner_all, failed);
    qputenv("XDG_RUNTIME_DIR", folder.c_str());
}

/// Pictures are drawn on a platform without size hints; that it says so for every window helps nobody.
void quietAboutSizeHints(QtMsgType type, const QMessageLogContext &context, const QString &text)
{
    if (!text.contains(QLatin1String("propagateSizeHints"))) {
        std::fprintf(stderr, "%s\n", qPrintable(qFormatLogMessage(type, context, text)));
    }
}

} // namespace

int main(int argc, char **argv)
{
    using namespace sparsescope;
    usePatientThreads(argv);
    Arguments given;
    CLI::App parser{
        "Trains classic, sparse (DSA) and latent (MHLA) attention side by side and shows what the indexer selects",
        "sparsescope"};
    parser.add_option("path", given.path, "Folder of runs, an experiment file, or a checkpoint folder");
    parser.add_flag("--demo", given.demo, "Start the demo at once");
    const CLI::Option *device = parser.add_option("--device", given.device,
                                                  "auto, cpu, cuda or cuda:N; with --screenshot: the picture shows it");
    parser.add_option("--out-folder", given.outFolder, "Folder for new experiments")->capture_default_str();
    parser.add_option("--screenshot", given.screenshot,
                      "Write a picture of a view: first-run, train, form, atlas, focus, compare, speed, checkpoint, "
                      "continuation, export, help or preferences");
    parser.add_option(
        "--export", given.figure,
        "Write a figure: loss, comparison, selectors, needle, atlas, map, mask, row or distance; of two sides "
        "paired, metrics, position, counterfactual, difference or report; of a measurement speed, "
        "breakdown, roofline or kernels");
    parser.add_option(
        "--runs", given.runs,
        "Folder of the runs to draw; for form an experiment file, of a measurement the file that bench wrote, for "
        "checkpoint and continuation the checkpoint's folder");
    parser.add_option("--run", given.run,
                      "The run to draw or to open: its folder, or its id in --runs, for example seq_64/sparse/seed_0");
    parser.add_option("--a", given.sideA, "Side A of a comparison: a group such as seq_64/sparse, or one run");
    parser.add_option("--b", given.sideB, "Side B, likewise; without both the two that are worth looking at");
    parser.add_option("--out", given.out, "File to write");
    parser.add_option("--beside", given.beside, "A picture to put at the left of the screenshot");
    parser.add_option("--size", given.size,
                      "Size of the picture, WIDTHxHEIGHT; without it 1600x1000, of a dialog its own");
    parser.add_option("--theme", given.theme, "light or dark")->check(CLI::IsMember({"light", "dark"}));
    parser.add_option("--scale", given.scale, "Pixels per unit of a picture, as 1.25")
        ->check(CLI::Range(1.0, 4.0))
        ->capture_default_str();
    try {
        parser.parse(argc, argv);
    } catch (const CLI::ParseError &error) {
        return error.get_exit_code() == 0 ? parser.exit(error) : (parser.exit(error), kBadUsage);
    }
    const bool picture = !given.screenshot.empty(), figure = !given.figure.empty(), oneRun = !given.run.empty();
    std::error_code ignored;
    if (given.runs.empty() && given.path.empty() && std::filesystem::is_directory(given.run, ignored)) {
        given.runs = std::exchange(given.run, {}); // a folder of its own needs no other
    }
    if ((picture || figure) && given.out.empty()) {
        std::fprintf(stderr, "--out: missing. Give the file to write.\n");
        return kBadUsage;
    }
    if ((figure || (picture && !needsNoRuns(given.screenshot))) && given.runs.empty()) {
        std::fprintf(stderr, "--runs: missing. Give the folder of an experiment or of a run.\n");
        return kBadUsage;
    }
    if (picture || figure) {
        // The same picture with and without a display, on every desktop.
        qputenv("QT_QPA_PLATFORM", "offscreen");
        makeRuntimeFolder();
        qputenv("QT_SCALE_FACTOR", picture ? QByteArray::number(given.scale) : QByteArray("1"));
    }
    if (!picture && !figure) {
        enlargeAsChosen();
    }
    qInstallMessageHandler(sayNoDisplay);
    QApplication application(argc, argv);
    qInstallMessageHandler(picture || figure ? quietAboutSizeHints : nullptr);
    QApplication::setOrganizationName(QStringLiteral("sparsescope"));
    QApplication::setApplicationName(QStringLiteral("sparsescope"));
    try {
        if (picture) {
            applyTheme(application, given.theme == "dark" ? Theme::Dark : Theme::Light);
            ScreenshotOptions options;
            options.view = QString::fromStdString(given.screenshot);
            options.runs = given.runs;
            options.size = parser.count("--size") > 0 ? sizeOf(given.size) : QSize();
            options.out = QString::fromStdString(given.out);
            options.run = QString::fromStdString(given.run);
            options.beside = QString::fromStdString(given.beside);
            options.sideA = QString::fromStdString(given.sideA);
            options.sideB = QString::fromStdString(given.sideB);
            if (device->count() > 0) {
                options.device = describeDevice(given.device);
            }
            writeFor(Reader::Window); // what the picture shows
            takeScreenshot(options);
            return 0;
        }
        if (figure) {
            const Theme theme = given.theme == "dark" ? Theme::Dark : Theme::Light;
            applyTheme(application, theme);
            const FigureRequest request{QString::fromStdString(given.figure),
                                        given.runs,
                                        QString::fromStdString(given.run),
                                        QString::fromStdString(given.out),
                                        theme,
                                        parser.count("--scale") > 0 ? given.scale : 2.0,
                                        QString::fromStdString(given.sideA),
                                        QString::fromStdString(given.sideB)};
            exportFromRuns(request);
            return 0;
        }
    } catch (const std::exception &failure) {
        std::fprintf(stderr, "%s\n", failure.what());
        return exitCodeOf(failure);
    }
    const std::string opened = given.path.empty() ? given.runs : given.path;
    std::filesystem::path chosen;
    if (oneRun) {
        try {
            chosen = askedRun(opened, given.run);
        } catch (const std::exception &failure) {
            std::fprintf(stderr, "%s\n", failure.what());
            return exitCodeOf(failure);
        }
    }
    writeFor(Reader::Window);
    applyTheme(application, themeOf(given.theme));
    WindowOptions options;
    options.out = std::filesystem::absolute(given.outFolder); // the session is found again from any folder
    options.device = given.device;
    options.describeDevice = describeDevice;
    options.warmUp = warmUpEngine;
    options.checkRun = checkRun;
    options.measureSelectors = measureCounterfactual;
    if (!given.demo) { // the demonstration is the same for everyone
        options.session = sessionPath();
    }
    MainWindow window(runExperiment, options);
    QuitSignals signalled;
    QObject::connect(&signalled, &QuitSignals::asked, &window, [&window] { window.saveAndQuit(kInterrupted); });
    window.restoreSession(opened.empty());
    window.show();
    if (!opened.empty()) { // in the event loop: a question that it asks ends with the window
        QTimer::singleShot(0, &window, [&window, &opened, &chosen] {
            window.showWhenRead(chosen);
            window.openPath(opened);
        });
    }
    if (given.demo) {
        QTimer::singleShot(0, &window, [&window] { window.startPreset("demo"); });
    }
    return QApplication::exec();
}
