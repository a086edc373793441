#include "app/exporting.h"

#include "app/comparison_export.h"
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
#include "widgets/style/combo_box.h"
#include "widgets/style/dialogs.h"
#include "widgets/style/figure_export.h"
#include "widgets/style/theme.h"

#include <QComboBox>
#include <QCoreApplication>
#include <QDialogButtonBox>
#include <QDir>
#include <QElapsedTimer>
#include <QFormLayout>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSettings>
#include <QVBoxLayout>

#include <fmt/format.h>

#include <algorithm>

namespace sparsescope {

namespace {

constexpr std::pair<const char *, const char *> kFigures[] = {{"loss", "Loss"},
                                                              {"comparison", "Comparison"},
                                                              {"selectors", "Selectors"},
                                                              {"needle", "Needles by length and depth"},
                                                              {"paired", "Loss and paired difference"},
                                                              {"metrics", "Metrics of both sides"},
                                                              {"position", "Loss by position"},
                                                              {"counterfactual", "Which selector"},
                                                              {"difference", "Attention difference"},
                                                              {"atlas", "Atlas"},
                                                              {"map", "Map of the layer"},
                                                              {"mask", "Selection mask"},
                                                              {"row", "Keys of the query"},
                                                              {"distance", "Average by distance"},
                                                              {"speed", "Time by context or shape"},
                                                              {"breakdown", "Breakdown"},
                                                              {"roofline", "Roofline"}};

QString words(const QString &figure)
{
    for (const auto &[name, label] : kFigures) {
        if (figure == QLatin1String(name)) {
            return QString::fromUtf8(label);
        }
    }
    return figure;
}

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

} // namespace

ExportDialog::ExportDialog(Figures figures, const QString &chosen, QWidget *parent)
    : QDialog(parent)
    , m_figures(std::move(figures))
    , m_figure(new ComboBox(this))
    , m_format(new ComboBox(this))
    , m_theme(new ComboBox(this))
    , m_scale(new ComboBox(this))
    , m_folder(new QLineEdit(this))
    , m_target(new QLabel(this))
    , m_result(new QLabel(this))
{
    setObjectName(QStringLiteral("exportDialog"));
    setWindowTitle(QStringLiteral("Export"));
    const auto named = [](QWidget *widget, const char *name, const QString &words) {
        widget->setObjectName(QLatin1String(name));
        widget->setAccessibleName(words);
    };
    named(m_figure, "exportFigure", QStringLiteral("Figure"));
    named(m_format, "exportFormat", QStringLiteral("Format"));
    named(m_theme, "exportTheme", QStringLiteral("Colours"));
    named(m_scale, "exportScale", QStringLiteral("Scale"));
    named(m_folder, "exportFolder", QStringLiteral("Folder"));
    for (const auto &[name, view] : m_figures) {
        m_figure->addItem(words(name), name);
    }
    m_figure->setCurrentIndex(std::max(0, m_figure->findData(chosen)));
    for (const char *format : {"png", "svg", "pdf", "csv"}) {
        m_format->addItem(QString::fromLatin1(format).toUpper(), QLatin1String(format));
    }
    m_theme->addItem(QStringLiteral("Light for print"));
    m_theme->addItem(QStringLiteral("As on screen"));
    for (int scale = 1; scale <= 4; ++scale) {
        m_scale->addItem(QStringLiteral("%1×").arg(scale), scale);
    }
    m_scale->setCurrentIndex(1);
    m_folder->setText(QSettings().value(QStringLiteral("exportFolder"), QDir::currentPath()).toString());
    m_folder->setMinimumWidth(320);
    auto *choose = new QPushButton(QStringLiteral("Choose…"), this);
    auto *folderRow = new QHBoxLayout;
    folderRow->addWidget(m_folder, 1);
    folderRow->addWidget(choose);
    setRole(m_target, "hint");
    m_target->setObjectName(QStringLiteral("exportTarget"));
    m_result->setObjectName(QStringLiteral("exportResult"));
    m_result->setWordWrap(true);
    auto *form = new QFormLayout;
    form->addRow(QStringLiteral("Figure"), m_figure);
    form->addRow(QStringLiteral("Format"), m_format);
    form->addRow(QStringLiteral("Colours"), m_theme);
    form->addRow(QStringLiteral("Scale"), m_scale);
    form->addRow(QStringLiteral("Folder"), folderRow);
    form->addRow(QString(), m_target);
    auto *save = new QPushButton(QStringLiteral("Export"), this);
    save->setObjectName(QStringLiteral("exportSave"));
    save->setDefault(true);
    setRole(save, "primary");
    auto *close = new QPushButton(QStringLiteral("Close"), this);
    close->setObjectName(QStringLiteral("exportClose"));
    auto *buttons = new QHBoxLayout;
    buttons->addStretch(1);
    buttons->addWidget(close);
    buttons->addWidget(save);
    setTabOrder(close, save);
    auto *layout = new QVBoxLayout(this);
    layout->setContentsMargins(20, 20, 20, 16);
    layout->setSpacing(12);
    layout->addLayout(form);
    layout->addWidget(m_result);
    layout->addLayout(buttons);

    connect(choose, &QPushButton::clicked, this, [this] {
        const QString folder = dialogs::chooseFolder(this, QStringLiteral("Folder for exports"), m_folder->text());
        if (!folder.isEmpty()) {
            m_folder->setText(folder);
        }
    });
    connect(m_figure, &QComboBox::currentIndexChanged, this, &ExportDialog::showTarget);
    connect(m_format, &QComboBox::currentIndexChanged, this, &ExportDialog::showTarget);
    connect(m_folder, &QLineEdit::textChanged, this, &ExportDialog::showTarget);
    connect(save, &QPushButton::clicked, this, &ExportDialog::save);
    connect(close, &QPushButton::clicked, this, &QDialog::reject);
    save->setEnabled(!m_figures.empty());
    showTarget();
}

void ExportDialog::showTarget()
{
    const int index = m_figure->currentIndex();
    if (index < 0) {
        m_target->setText(QStringLiteral("Nothing to export yet"));
        return;
    }
    const QString file = proposedFileName(*m_figures[static_cast<std::size_t>(index)].second) + QLatin1Char('.') +
                         m_format->currentData().toString();
    m_target->setText(QDir(m_folder->text()).filePath(file));
    m_scale->setEnabled(m_format->currentData().toString() == QLatin1String("png"));
    m_theme->setEnabled(m_format->currentData().toString() != QLatin1String("csv"));
}

void ExportDialog::save()
{
    FigureOptions options;
    options.theme = m_theme->currentIndex() == 0 ? Theme::Light : currentTheme();
    options.scale = m_scale->currentData().toDouble();
    try {
        const QStringList files = exportFigure(*m_figures[static_cast<std::size_t>(m_figure->currentIndex())].second,
                                               m_target->text(), options);
        QSettings().setValue(QStringLiteral("exportFolder"), m_folder->text());
        m_result->setText(QStringLiteral("Wrote %1").arg(files.join(QStringLiteral(", "))));
        setRole(m_result, "passed");
    } catch (const std::exception &error) {
        m_result->setText(QString::fromUtf8(error.what()));
        setRole(m_result, "failed");
    }
}

namespace {

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
           figure == QLatin1String("roofline");
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
    const bool known = figure == QLatin1String("report") ||
                       std::any_of(std::begin(kFigures), std::end(kFigures),
                                   [&](const auto &f) { return figure == QLatin1String(f.first); });
    if (!known) {
        throw Failure(
            {"unknown figure", "--export", figure.toStdString(),
             "loss, comparison, selectors, needle, atlas, map, mask, row or distance; of two sides paired, metrics, "
             "position, counterfactual, difference or report; of a measurement speed, breakdown or roofline",
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
