#include "app/main_window.h"

#include "app/run_actions.h"
#include "app/train_page.h"
#include "widgets/panels/notice_bar.h"
#include "widgets/style/dialogs.h"

#include <QDesktopServices>
#include <QUrl>

#include <system_error>

/// What the buttons of a notice do when a run fails, has to wait or was cut off.
namespace sparsescope {

void MainWindow::connectRemedies()
{
    connect(m_runNotices, &RunNotices::changeRequested, this, &MainWindow::duplicateExperiment);
    connect(m_runNotices, &RunNotices::resumeRequested, m_runActions, &RunActions::resume);
    connect(m_runNotices, &RunNotices::logRequested, this, &MainWindow::showInLog);
    connect(m_runNotices, &RunNotices::stepRequested, this, [this](RunData *run, qint64 step) {
        setCurrentRun(run);
        showPage(Page::Train);
        m_view.setStep(step);
    });
    connect(m_runNotices, &RunNotices::cpuRequested, this, [this](const std::filesystem::path &folder) {
        useCpu();
        duplicateExperiment(folder);
    });
    connect(m_runNotices, &RunNotices::folderRequested, this, [](const RunData *run) {
        std::error_code ignored;
        const std::filesystem::path folder = std::filesystem::absolute(run->folder(), ignored);
        QDesktopServices::openUrl(QUrl::fromLocalFile(QString::fromStdString(folder.string())));
    });
    connect(m_runNotices, &RunNotices::otherFolderRequested, this, [this] {
        const QString folder = dialogs::chooseFolder(this, QStringLiteral("New experiments go into"),
                                                     QString::fromStdString(m_options.out.string()));
        if (!folder.isEmpty()) {
            m_options.out = folder.toStdString();
            m_queue.setOut(m_options.out);
        }
    });
}

} // namespace sparsescope
