#include "app/main_window.h"

#include "app/checkpoint_dialog.h"
#include "app/presets.h"
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
    connect(dialog, &CheckpointDialog::looked, this, [this](const std::filesystem::path &made) {
        std::error_code ignored;
        m_looked = std::filesystem::absolute(made, ignored).lexically_normal();
        openPath(m_looked);
    });
    QTimer::singleShot(0, dialog, &QDialog::open); // the window itself may still be on its way
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
