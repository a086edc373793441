#include "app/main_window.h"

#include "app/experiment_copy.h"
#include "app/run_actions.h"
#include "app/train_page.h"
#include "widgets/panels/notice_bar.h"
#include "widgets/style/dialogs.h"

#include <QDesktopServices>
#include <QFuture>
#include <QPromise>
#include <QThreadPool>
#include <QUrl>

#include <algorithm>
#include <system_error>

/// What the buttons of a notice do when a run fails, has to wait or was cut off.
namespace sparsescope {

namespace {

void openInFiles(const std::filesystem::path &folder)
{
    std::error_code ignored;
    const std::filesystem::path whole = std::filesystem::absolute(folder, ignored);
    QDesktopServices::openUrl(QUrl::fromLocalFile(QString::fromStdString(whole.string())));
}

} // namespace

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
    connect(m_runNotices, &RunNotices::folderRequested, this, [](const RunData *run) { openInFiles(run->folder()); });
    connect(m_runNotices, &RunNotices::otherFolderRequested, this, &MainWindow::trainElsewhere);
}

void MainWindow::trainElsewhere(const std::filesystem::path &experiment)
{
    const QString chosen = dialogs::chooseFolder(this, QStringLiteral("Go on in another folder"),
                                                 QString::fromStdString(m_options.out.string()));
    if (chosen.isEmpty()) {
        return;
    }
    const std::filesystem::path out = chosen.toStdString();
    m_options.out = out;
    m_queue.setOut(out);
    if (!m_queue.current() || m_queue.current()->folder != experiment) {
        copyAndResume(experiment, out, {}); // asked again after a folder that could not take it
        return;
    }
    connect(
        &m_queue, &RunQueue::finished, this,
        [this, out](const QueuedExperiment &entry, const ExperimentOutcome &outcome) {
            if (std::all_of(outcome.runs.begin(), outcome.runs.end(),
                            [](const RunOutcome &run) { return run.state == RunState::Finished; })) {
                stayHere(entry.folder); // there was room after all
            } else {
                copyAndResume(entry.folder, out, entry.runs);
            }
        },
        Qt::SingleShotConnection);
    leaveFolder(experiment);
    m_queue.stop();
}

/// Its runs are on their way: what is read or said of them here is no news.
void MainWindow::leaveFolder(const std::filesystem::path &experiment)
{
    m_left.insert(experiment);
    m_runNotices->leave(experiment);
    const QString name = QString::fromStdString(experiment.filename().string());
    m_notices->post(QString::fromStdString(experiment.string()), NoticeBar::Kind::Info,
                    QStringLiteral("Moving %1").arg(name),
                    QStringLiteral("It stops, is copied to %1 and goes on there from its last checkpoint.")
                        .arg(QString::fromStdString(m_options.out.string())));
}

void MainWindow::stayHere(const std::filesystem::path &experiment)
{
    m_left.erase(experiment);
    m_runNotices->comeBack(experiment);
    m_notices->remove(QString::fromStdString(experiment.string()));
    m_reader.readOnce(experiment);
}

void MainWindow::copyAndResume(const std::filesystem::path &experiment, const std::filesystem::path &out,
                               const std::vector<std::string> &runs)
{
    if (m_closing) {
        return; // the next window finds it as it was left
    }
    struct Answer {
        CopiedExperiment copy;
        QString failure;
    };
    leaveFolder(experiment);
    auto promise = std::make_shared<QPromise<Answer>>();
    promise->future().then(this, [this, experiment, runs](const Answer &answer) {
        const QString name = QString::fromStdString(experiment.filename().string());
        const QString id = QString::fromStdString(experiment.string());
        if (!answer.failure.isEmpty()) {
            stayHere(experiment);
            m_notices->post(
                id, NoticeBar::Kind::Failed, QStringLiteral("%1 could not be moved").arg(name),
                answer.failure + QStringLiteral(" Nothing is lost: it stands where it was."),
                {{QStringLiteral("Resume here"), [this, experiment] { m_runActions->resume(experiment); }},
                 {QStringLiteral("Choose another folder…"), [this, experiment] { trainElsewhere(experiment); }}});
            return;
        }
        dropExperiment(experiment);
        std::erase(m_folders, experiment);
        for (const FoundRun &run : answer.copy.runs) {
            runFound(run, true);
        }
        try {
            m_queue.addResume(answer.copy.folder, runs);
        } catch (const std::exception &error) {
            m_notices->post(id, NoticeBar::Kind::Failed, QStringLiteral("%1 could not be resumed").arg(name),
                            QString::fromUtf8(error.what()));
            return;
        }
        m_queue.move(answer.copy.folder, 0);
        m_queue.start();
        m_notices->post(
            id, NoticeBar::Kind::Info,
            QStringLiteral("%1 goes on in %2")
                .arg(name, QString::fromStdString(answer.copy.folder.parent_path().string())),
            QStringLiteral("All that was written is copied there. The folder it comes from is left as it was: "
                           "delete it when its room is needed."),
            {{QStringLiteral("Open the old folder"), [experiment] { openInFiles(experiment); }}});
    });
    QThreadPool::globalInstance()->start([promise, experiment, out] {
        Answer answer;
        promise->start();
        try {
            answer.copy = copyExperiment(experiment, out);
        } catch (const std::exception &error) {
            answer.failure = QString::fromUtf8(error.what());
        }
        promise->addResult(std::move(answer));
        promise->finish();
    });
}

} // namespace sparsescope
