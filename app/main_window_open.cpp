#include "app/main_window.h"

#include "app/checkpoint_dialog.h"
#include "app/continuation_dialog.h"
#include "app/presets.h"
#include "core/base/bench_document.h"
#include "widgets/panels/config_form.h"
#include "widgets/panels/notice_bar.h"
#include "widgets/style/dialogs.h"

#include <QTimer>

#include <system_error>

/// What can be opened, dropped or named on the command line: runs, an experiment file, a checkpoint from elsewhere.
namespace sparsescope {

namespace {

/// The checkpoint folder that `path` is, or whose configuration or weights it is; empty: it is none.
std::filesystem::path checkpointAt(const std::filesystem::path &path)
{
    std::error_code ignored;
    const bool part = std::filesystem::is_regular_file(path, ignored) &&
                      (path.filename() == "config.json" || path.extension() == ".safetensors");
    const std::filesystem::path folder = part ? path.parent_path() : path;
    const bool run = std::filesystem::exists(folder / "run.json", ignored);
    return !run && std::filesystem::is_regular_file(folder / "config.json", ignored) ? folder : std::filesystem::path();
}

/// A task has a vocabulary of its own: the first half of its probe text is something to go on from. Empty for text.
std::vector<std::int32_t> taskPrompt(const RunData &run)
{
    const std::string &source = run.config().data.source;
    const auto snapshot = run.snapshotSteps().empty() ? nullptr : run.cachedSnapshot(run.snapshotSteps().back());
    if (source == "text" || source == "stories" || !snapshot) {
        return {};
    }
    return {snapshot->tokens.begin(), snapshot->tokens.begin() + (snapshot->length() + 1) / 2};
}

} // namespace

void MainWindow::openPath(const std::filesystem::path &given)
{
    std::error_code ignored;
    std::filesystem::path path = std::filesystem::absolute(given, ignored).lexically_normal();
    if (!path.has_filename()) { // a slash at the end
        path = path.parent_path();
    }
    if (const std::filesystem::path checkpoint = checkpointAt(path); !checkpoint.empty()) {
        openCheckpoint(checkpoint);
        return;
    }
    if (path.extension() == ".json" && looksLikeBench(path)) {
        openMeasurement(path);
        return;
    }
    if (path.extension() == ".json" && std::filesystem::is_regular_file(path, ignored)) {
        try {
            m_form->offer(loadPreset(path));
            newExperiment();
        } catch (const std::exception &error) {
            m_notices->post(QString::fromStdString(path.string()), NoticeBar::Kind::Failed,
                            QStringLiteral("Could not open %1").arg(QString::fromStdString(path.filename().string())),
                            QString::fromUtf8(error.what()));
        }
        return;
    }
    ++m_opening;
    rememberFolder(path);
    m_reader.open(path);
}

void MainWindow::openCheckpoint(const std::filesystem::path &folder)
{
    auto *dialog = new CheckpointDialog(folder, m_options.out, this);
    connect(dialog, &CheckpointDialog::looked, this, &MainWindow::showMade);
    QTimer::singleShot(0, dialog, &QDialog::open); // the window itself may still be on its way
}

void MainWindow::continueText()
{
    if (!m_current) {
        return;
    }
    auto *dialog = new ContinuationDialog(m_current->folder(), runTitle(*m_current, m_model.runsBeside(m_current)),
                                          m_options.out, taskPrompt(*m_current), this);
    connect(dialog, &ContinuationDialog::toInspect, this, &MainWindow::showMade);
    dialog->show();
}

void MainWindow::showMade(const std::filesystem::path &folder)
{
    std::error_code ignored;
    m_looked = std::filesystem::absolute(folder, ignored).lexically_normal();
    openPath(m_looked);
}

void MainWindow::chooseFolder()
{
    const QString folder = dialogs::chooseFolder(this, QStringLiteral("Open runs or a checkpoint"),
                                                 QString::fromStdString(m_options.out.string()));
    if (!folder.isEmpty()) {
        openPath(folder.toStdString());
    }
}

} // namespace sparsescope
