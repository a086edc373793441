#include "app/main_window.h"

#include "app/run_actions.h"
#include "app/train_page.h"
#include "core/base/error.h"
#include "widgets/panels/config_form.h"
#include "widgets/panels/notice_bar.h"
#include "widgets/panels/run_table.h"

#include <QApplication>

#include <algorithm>

/// The window as it was left: what of it is kept, when, and how it comes back.
namespace sparsescope {

namespace {

constexpr int kSaveMilliseconds = 10000;
constexpr std::size_t kRecent = 8;

} // namespace

Session MainWindow::session() const
{
    Session session;
    session.page = m_page == Page::Inspect   ? "inspect"
                   : m_page == Page::Compare ? "compare"
                   : m_page == Page::Speed   ? "speed"
                                             : "train";
    session.geometry = saveGeometry();
    session.layouts = m_layouts;
    if (m_layout && !m_layout->empty()) {
        session.layouts[*m_layout] = saveState(kDockLayout);
    }
    session.view = m_view.view();
    session.folders = m_folders;
    session.recent = m_recent;
    if (m_current) {
        session.experiment = m_current->experimentFolder();
    }
    for (const RunData *run : m_runs.all()) {
        if (!run->curvesShown()) {
            session.hidden.push_back(run->folder());
        }
    }
    if (m_queue
            .current()) { // after a crash its folder is there and is gone on with by hand; here it only has to be found
        session.folders.push_back(m_queue.current()->folder);
    }
    for (const QueuedExperiment &entry : m_queue.waiting()) {
        session.queue.push_back({entry.config.document, entry.folder, entry.resume, entry.runs});
    }
    session.continueOnError = m_queue.continueOnError();
    session.preset = m_form->presetName();
    session.draft = m_form->document();
    session.plots = m_trainPage->state();
    session.filter = m_runTable->filterText();
    return session;
}

void MainWindow::saveSession(bool now)
{
    if (m_sessionFile && !m_restored) { // half restored is no state to keep
        m_sessionFile->save(session(), now);
    }
}

void MainWindow::restoreSession(bool folders)
{
    if (m_options.session.empty()) {
        return;
    }
    m_sessionFile = std::make_unique<SessionFile>(m_options.session);
    m_sessionTimer.setInterval(kSaveMilliseconds);
    connect(&m_sessionTimer, &QTimer::timeout, this, [this] { saveSession(false); });
    m_sessionTimer.start();
    QString fault;
    std::optional<Session> session = m_sessionFile->load(fault);
    if (!fault.isEmpty()) {
        m_notices->post(QStringLiteral("session"), NoticeBar::Kind::Check,
                        QStringLiteral("The last session could not be restored"), fault);
    }
    if (!session) {
        return;
    }
    restoreGeometry(session->geometry);
    m_layouts = session->layouts;
    m_recent = session->recent;
    m_runTable->setFilterText(session->filter);
    try {
        m_trainPage->restoreState(session->plots);
        if (session->draft.is_object()) {
            m_form->restoreDraft(session->preset, session->draft);
        }
    } catch (const std::exception &error) {
        m_notices->post(QStringLiteral("session"), NoticeBar::Kind::Check,
                        QStringLiteral("A part of the last session could not be restored"),
                        QString::fromUtf8(error.what()));
    }
    m_queue.setContinueOnError(session->continueOnError);
    for (const Session::Entry &entry : session->queue) {
        try {
            if (entry.resume) {
                m_queue.addResume(entry.folder, entry.runs);
            } else {
                m_queue.add(parseExperiment(entry.document, entry.folder.filename().string()), entry.runs);
            }
        } catch (const std::exception &error) {
            m_notices->post(QString::fromStdString(entry.folder.string()), NoticeBar::Kind::Check,
                            QStringLiteral("%1 did not come back into the queue")
                                .arg(QString::fromStdString(entry.folder.filename().string())),
                            QString::fromUtf8(error.what()));
        }
    }
    showPage(session->page == "inspect"   ? Page::Inspect
             : session->page == "compare" ? Page::Compare
             : session->page == "speed"   ? Page::Speed
                                          : Page::Train);
    if (folders) {
        m_restored = std::move(session);
        std::error_code ignored;
        for (const std::filesystem::path &folder : m_restored->folders) {
            if (std::filesystem::exists(folder, ignored)) {
                openPath(folder);
            }
        }
        if (m_opening == 0) {
            restoreRun();
        }
    }
}

void MainWindow::restoreRun()
{
    const Session session = std::move(*m_restored);
    m_restored.reset();
    for (RunData *run : m_runs.all()) {
        if (std::find(session.hidden.begin(), session.hidden.end(), run->folder()) != session.hidden.end()) {
            run->showCurves(false);
        }
    }
    if (RunData *run = m_runs.find(session.experiment, session.view.run.toStdString())) {
        setCurrentRun(run);
        m_view.set(session.view);
        if (session.view.followLive) {
            m_view.followStep(run->step());
        }
    }
}

void MainWindow::saveAndQuit(int exitCode)
{
    m_exitCode = exitCode;
    if (m_queue.training()) {
        m_closing = true;
        m_queue.stop(); // experimentFinished() closes the window
        return;
    }
    saveSession(true);
    QApplication::exit(exitCode);
}

void MainWindow::rememberFolder(const std::filesystem::path &folder)
{
    m_recent.erase(std::remove(m_recent.begin(), m_recent.end(), folder), m_recent.end());
    m_recent.insert(m_recent.begin(), folder);
    m_recent.resize(std::min(m_recent.size(), kRecent));
    if (std::find(m_folders.begin(), m_folders.end(), folder) == m_folders.end()) {
        m_folders.push_back(folder);
    }
}

} // namespace sparsescope
