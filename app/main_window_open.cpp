#include "app/main_window.h"

#include "app/checkpoint_dialog.h"
#include "app/continuation_dialog.h"
#include "app/csv_import.h"
#include "app/presets.h"
#include "app/run_notices.h"
#include "core/base/bench_document.h"
#include "core/base/csv_series.h"
#include "widgets/panels/config_form.h"
#include "widgets/panels/notice_bar.h"
#include "widgets/state/number_text.h"
#include "widgets/style/dialogs.h"

#include <QDir>
#include <QFuture>
#include <QPromise>
#include <QThreadPool>
#include <QTimer>

#include <limits>
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
    // What a run says of itself stands for the run.
    if ((path.filename() == "run.json" || path.filename() == "run.sqlite") &&
        std::filesystem::exists(path.parent_path() / "run.sqlite", ignored)) {
        path = path.parent_path();
    }
    if (path.extension() == ".json" && looksLikeBench(path)) {
        openMeasurement(path);
        return;
    }
    if (path.extension() == ".csv" && std::filesystem::is_regular_file(path, ignored)) {
        importTable(path);
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
    m_left.erase(path); // asked for by name
    m_runNotices->comeBack(path);
    rememberFolder(path);
    m_reader.open(path);
}

void MainWindow::chooseTable()
{
    const QString file = dialogs::chooseFile(this, QStringLiteral("Import CSV"), QDir::currentPath(),
                                             QStringLiteral("Tables (*.csv *.tsv *.txt);;All files (*)"));
    if (!file.isEmpty()) {
        importTable(file.toStdString());
    }
}

void MainWindow::importTable(const std::filesystem::path &file)
{
    const QString name = QString::fromStdString(file.filename().string());
    const Family families[] = {Family::Classic, Family::Sparse, Family::Mhla, Family::MhlaSparse};
    QStringList buttons;
    for (const Family family : families) {
        buttons << QString::fromStdString(displayName(family));
    }
    const int answer = dialogs::ask(this, QStringLiteral("Import %1").arg(name),
                                    QStringLiteral("Which family do its curves show? They get its colour and marker."),
                                    buttons, dialogs::Question::Choice);
    if (answer >= 0) {
        importLines(file, families[answer], std::numeric_limits<std::size_t>::max());
    }
}

void MainWindow::importLines(const std::filesystem::path &file, Family family, std::size_t lines)
{
    const QString name = QString::fromStdString(file.filename().string());
    struct Answer {
        std::filesystem::path folder;
        QString failure;
        std::size_t good = 0; ///< lines before the fault
    };
    auto promise = std::make_shared<QPromise<Answer>>();
    promise->future().then(this, [this, file, family, name](const Answer &made) {
        if (made.failure.isEmpty()) {
            showMade(made.folder, Page::Train); // there are curves, and nothing else
            return;
        }
        std::vector<NoticeBar::Remedy> remedies;
        QString read;
        if (made.good > 0) {
            const QString count = countText(static_cast<std::int64_t>(made.good));
            read = QStringLiteral(" %1 lines were read.").arg(count);
            remedies.push_back(
                {QStringLiteral("Open the %1 lines").arg(count), [this, file, family, name, good = made.good] {
                     m_notices->remove(name);
                     importLines(file, family, good);
                 }});
        }
        m_notices->post(name, NoticeBar::Kind::Failed, QStringLiteral("Could not import %1").arg(name),
                        made.failure + read, std::move(remedies));
    });
    QThreadPool::globalInstance()->start([promise, file, family, lines, out = m_options.out] {
        Answer made;
        promise->start();
        try {
            made.folder = importCsv(file, family, out, lines);
        } catch (const CsvFailure &failure) {
            made.good = failure.lines();
            made.failure = QString::fromUtf8(failure.what());
        } catch (const std::exception &error) {
            made.failure = QString::fromUtf8(error.what());
        }
        promise->addResult(std::move(made));
        promise->finish();
    });
}

void MainWindow::openCheckpoint(const std::filesystem::path &folder)
{
    auto *dialog = new CheckpointDialog(folder, m_options.out, this);
    connect(dialog, &CheckpointDialog::looked, this,
            [this, folder](const std::filesystem::path &made, const QStringList &notices) {
                showMade(made);
                const QString id = QString::fromStdString(folder.string());
                if (notices.isEmpty()) {
                    m_notices->remove(id);
                } else {
                    m_notices->post(id, NoticeBar::Kind::Check,
                                    QStringLiteral("%1 read the text with a reservation")
                                        .arg(QString::fromStdString(folder.filename().string())),
                                    notices.join(QLatin1Char('\n')));
                }
            });
    QTimer::singleShot(0, dialog, &QDialog::open); // the window itself may still be on its way
}

void MainWindow::continueText()
{
    if (!m_current) {
        return;
    }
    auto *dialog = new ContinuationDialog(m_current->folder(), runTitle(*m_current, m_model.runsBeside(m_current)),
                                          m_options.out, taskPrompt(*m_current), this);
    connect(dialog, &ContinuationDialog::toInspect, this,
            [this](const std::filesystem::path &made) { showMade(made); });
    dialog->show();
}

void MainWindow::showMade(const std::filesystem::path &folder, Page page)
{
    m_lookedPage = page;
    std::error_code ignored;
    m_looked = std::filesystem::absolute(folder, ignored).lexically_normal();
    openPath(m_looked);
}

void MainWindow::chooseFile()
{
    const QString file = dialogs::chooseFile(
        this, QStringLiteral("Open a file"), QString::fromStdString(m_options.out.string()),
        QStringLiteral("Experiments, measurements, tables, weights (*.json *.csv *.safetensors);;All files (*)"));
    if (!file.isEmpty()) {
        openPath(file.toStdString());
    }
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
