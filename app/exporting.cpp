#include "app/exporting.h"

#include "app/comparison_export.h"
#include "app/export_dialog.h"
#include "app/run_choice.h"
#include "app/run_folder_reader.h"
#include "app/summary_figures.h"
#include "core/base/bench_document.h"
#include "core/base/error.h"
#include "core/base/exit_code.h"
#include "core/base/stored_summary.h"
#include "widgets/panels/compare_page.h"
#include "widgets/panels/inspect_page.h"
#include "widgets/panels/speed_page.h"
#include "widgets/plots/comparison_figure.h"
#include "widgets/plots/counterfactual_figure.h"
#include "widgets/plots/loss_plot.h"
#include "widgets/plots/needle_figure.h"
#include "widgets/state/hover_state.h"
#include "widgets/state/view_state.h"
#include "widgets/style/figure_export.h"

#include <QCoreApplication>
#include <QElapsedTimer>

#include <fmt/format.h>

#include <algorithm>

namespace sparsescope {

namespace {

std::vector<std::unique_ptr<RunData>> dataOf(const std::filesystem::path &folder, std::vector<std::string> &damaged)
{
    std::error_code ignored;
    const std::filesystem::path root = std::filesystem::absolute(folder, ignored).lexically_normal();
    std::vector<std::unique_ptr<RunData>> runs;
    for (const FoundRun &found : readRuns(root, damaged)) {
        runs.push_back(
            std::make_unique<RunData>(found.config, experimentFolderOf(found.folder, found.config), found.folder));
        runs.back()->apply(found.update);
        runs.back()->flush();
    }
    return runs;
}

/// What is drawn where nobody chose: the first sparse run of the first experiment.
RunData *firstSparse(const std::vector<RunData *> &runs)
{
    const auto sparse = std::find_if(runs.begin(), runs.end(), [&](const RunData *run) {
        return isSparse(run->config().model.family) && run->experimentFolder() == runs.front()->experimentFolder();
    });
    return sparse != runs.end() ? *sparse : runs.front();
}

bool isOfTwoSides(const QString &figure)
{
    static const QStringList names{QStringLiteral("paired"),     QStringLiteral("metrics"),
                                   QStringLiteral("position"),   QStringLiteral("counterfactual"),
                                   QStringLiteral("difference"), QStringLiteral("report")};
    return names.contains(figure);
}

/// Lets a page that is shown offscreen come to its end: one that is not shown computes nothing.
template <class PageType>
void settle(PageType &page)
{
    page.show();
    QElapsedTimer timer;
    timer.start();
    constexpr int kLongest = 60000;
    while (!page.settled() && timer.elapsed() < kLongest) {
        QCoreApplication::processEvents(QEventLoop::WaitForMoreEvents, 50);
    }
}

void exportOfTwoSides(const FigureRequest &request, const std::vector<RunData *> &runs, const RunData *current,
                      const FigureOptions &options)
{
    const bool report = request.figure == QLatin1String("report");
    if (report && figureFormat(request.out) != FigureFormat::Pdf) {
        throw Failure({"the report is a PDF", "--out", request.out.toStdString(), "a name that ends in .pdf", ""});
    }
    ViewState view;
    HoverState hover;
    ComparePage page(&view, &hover);
    page.resize(1300, 860);
    page.setRuns(runs, current);
    const auto [a, b] = asked([&] { return namedSides(page.sides(), request.sideA, request.sideB); });
    view.setSides(a, b);
    settle(page);
    const auto views = page.exportableViews();
    const auto wanted =
        std::find_if(views.begin(), views.end(), [&](const auto &named) { return named.first == request.figure; });
    if (report && !views.empty()) {
        writeComparisonReport(views, *page.content(), request.out);
        return;
    }
    if (wanted == views.end()) {
        const bool selectors = request.figure == QLatin1String("counterfactual");
        throw Failure({"there is nothing to draw for this figure", current->experimentFolder().string(), "", "",
                       selectors ? "Run sparsescope-cli counterfactual on the folder of the experiment first."
                                 : "Both sides need what it shows: evaluations, or snapshots of one text."});
    }
    exportFigure(*wanted->second, request.out, options);
}

/// Of a stored measurement, at its longest context.
bool isOfMeasurement(const QString &figure)
{
    return figure == QLatin1String("speed") || figure == QLatin1String("breakdown") ||
           figure == QLatin1String("roofline") || figure == QLatin1String("kernels");
}

void exportOfMeasurement(const FigureRequest &request, const FigureOptions &options)
{
    SpeedPage page;
    page.add(std::make_shared<const BenchDocument>(readBench(request.runs)), true);
    for (const auto &[name, view] : page.exportableViews()) {
        if (name == request.figure) {
            exportFigure(*view, request.out, options);
        }
    }
}

/// What could not be read goes into `damaged`; the figure is drawn without it.
void drawFromRuns(const FigureRequest &request, std::vector<std::string> &damaged)
{
    const QString &figure = request.figure;
    if (figure != QLatin1String("report") && figureWords(figure).isEmpty()) {
        throw Failure(
            {"unknown figure", "--export", figure.toStdString(),
             "loss, comparison, selectors, needle, atlas, map, mask, row or distance; of two sides paired, metrics, "
             "position, counterfactual, difference or report; of a measurement speed, breakdown, roofline or kernels",
             ""});
    }
    if (figure == QLatin1String("comparison") && !request.run.isEmpty()) {
        throw Failure({"the comparison draws every run of its experiment", "--run", request.run.toStdString(),
                       "only with the other figures", "Leave --run out."});
    }
    asked([&] { return figureFormat(request.out); });
    FigureOptions options;
    options.theme = request.theme;
    options.scale = request.scale;
    if (isOfMeasurement(figure)) {
        exportOfMeasurement(request, options);
        return;
    }
    if (isReduced(request.runs)) {
        exportFigure(*figureOfSummary(figure, request.runs), request.out, options);
        return;
    }
    const std::vector<std::unique_ptr<RunData>> owned = dataOf(request.runs, damaged);
    std::vector<RunData *> runs;
    for (const auto &run : owned) {
        runs.push_back(run.get());
    }
    RunData *current = request.run.isEmpty() ? firstSparse(runs) : chosenRun(runs, request.runs, request.run);
    std::erase_if(runs, [&](const RunData *run) { // one experiment a figure
        return run->experimentFolder() != current->experimentFolder();
    });
    const QString &out = request.out;
    if (figure == QLatin1String("comparison")) {
        Comparison comparison = comparisonOf(runs, true);
        damaged.insert(damaged.end(), comparison.problems.begin(), comparison.problems.end());
        exportFigure(ComparisonFigure(std::move(comparison)), out, options);
        return;
    }
    if (figure == QLatin1String("selectors")) {
        exportFigure(counterfactualFigureOf(runs, *current), out, options);
        return;
    }
    if (figure == QLatin1String("needle")) {
        exportFigure(needleFigureOf(runs, *current), out, options);
        return;
    }
    if (isOfTwoSides(figure)) {
        exportOfTwoSides(request, runs, current, options);
        return;
    }
    if (figure == QLatin1String("loss")) {
        LossPlot plot;
        plot.setRuns(runs);
        plot.setCurrent(current);
        exportFigure(plot, out, options);
        return;
    }
    if (current->snapshotSteps().empty()) {
        throw Failure({"no snapshot to draw", current->folder().string(), "", "",
                       "Snapshots are taken every probe.every steps."});
    }
    ViewState view;
    HoverState hover;
    InspectPage page(&view, &hover);
    page.resize(1200, 800);
    page.setRuns(runs);
    page.setRun(current);
    view.setRun(current->id());
    view.setStep(current->snapshotSteps().back());
    view.setInspect(figure == QLatin1String("atlas") ? InspectView::Atlas : InspectView::Focus);
    settle(page);
    const auto views = page.exportableViews();
    const auto wanted =
        std::find_if(views.begin(), views.end(), [&figure](const auto &named) { return named.first == figure; });
    if (!page.failure().isEmpty() || wanted == views.end()) {
        throw Failure({"there is nothing to draw for this figure", current->folder().string(),
                       page.failure().toStdString(), "", page.failure().isEmpty() ? "The run selects no keys." : ""});
    }
    exportFigure(*wanted->second, out, options);
}

} // namespace

void exportFromRuns(const FigureRequest &request)
{
    std::vector<std::string> damaged;
    drawFromRuns(request, damaged);
    constexpr std::size_t kNamed = 3; // of a folder that is gone they all say the same
    std::string reasons;
    for (std::size_t i = 0; i < std::min(kNamed, damaged.size()); ++i) {
        reasons += "\n" + damaged[i];
    }
    if (damaged.size() > kNamed) {
        reasons += fmt::format("\nand {} more", damaged.size() - kNamed);
    }
    if (!damaged.empty()) {
        throw Failure({"was drawn without what cannot be read:" + reasons, request.out.toStdString(), "", "", ""});
    }
}

} // namespace sparsescope
