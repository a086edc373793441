#include "app/run_notices.h"

#include "app/run_collection.h"
#include "widgets/state/number_text.h"
#include "widgets/state/run_table_model.h"

#include <QRegularExpression>

#include <algorithm>
#include <string>
#include <utility>

namespace sparsescope {

namespace {

constexpr int kGatherMilliseconds = 150; ///< the runs of a folder come one by one

QString keyOf(const RunData &run)
{
    return QString::fromStdString((run.experimentFolder() / run.id().toStdString()).string());
}

QString keyOf(const std::filesystem::path &experimentFolder)
{
    return QString::fromStdString(experimentFolder.string());
}

} // namespace

RunNotices::RunNotices(NoticeBar *bar, const RunTableModel *model, const RunCollection *runs, QObject *parent)
    : QObject(parent)
    , m_bar(bar)
    , m_model(model)
    , m_runs(runs)
{
    m_gather.setSingleShot(true);
    m_gather.setInterval(kGatherMilliseconds);
    connect(&m_gather, &QTimer::timeout, this, &RunNotices::tellCutOff);
}

void RunNotices::look(const RunData &run)
{
    if (m_left.contains(run.experimentFolder())) {
        return;
    }
    const QString key = keyOf(run);
    const bool waits = run.state() == RunState::Paused && !run.reason().isEmpty();
    if (run.state() != RunState::Failed && run.state() != RunState::Interrupted && !waits) {
        if (m_told.erase(key) > 0) {
            m_bar->remove(key);
        }
        return;
    }
    if (!m_told.insert(key).second) {
        return; // steps and values of a run change its state, too
    }
    if (run.state() == RunState::Failed) {
        tellFailed(run);
    } else if (waits) {
        tellWaiting(run);
    } else {
        m_cutOff.insert(run.experimentFolder());
        m_gather.start();
    }
}

void RunNotices::experimentStarted(const std::filesystem::path &folder)
{
    m_trains = folder;
    forget(folder);
}

void RunNotices::leave(const std::filesystem::path &folder)
{
    m_left.insert(folder);
    forget(folder);
}

void RunNotices::forget(const std::filesystem::path &folder)
{
    m_bar->remove(keyOf(folder));
    for (const RunData *run : m_runs->of(folder)) {
        m_told.erase(keyOf(*run));
        m_bar->remove(keyOf(*run));
    }
}

void RunNotices::tellFailed(const RunData &run)
{
    const std::filesystem::path folder = run.experimentFolder();
    const TrainingConfig &training = run.config().training;
    const QString reason = run.reason();
    std::vector<NoticeBar::Remedy> remedies;
    // What became of it and when is the heading; where, and what was saved, stands below.
    static const QRegularExpression kFirst(QStringLiteral("^(.+?) at step (\\d+)[,.:]? *"));
    const QRegularExpressionMatch first = kFirst.match(reason);
    const auto withRun = [this, folder, id = run.id().toStdString()](const auto &act) {
        return [this, folder, id, act] {
            if (RunData *known = m_runs->find(folder, id)) {
                act(known);
            }
        };
    };
    if (reason.contains(QLatin1String("became NaN")) || reason.contains(QLatin1String("became infinite"))) {
        Changes changes{{"training.learning_rate", training.learningRate / 2}};
        if (isSparse(run.config().model.family)) {
            changes["training.indexer_learning_rate"] = training.indexerLearningRate / 2;
        }
        const qint64 step = first.hasMatch() ? first.captured(2).toLongLong() : run.step();
        remedies.push_back({QStringLiteral("Go to step %1").arg(countText(step)),
                            withRun([this, step](RunData *known) { Q_EMIT stepRequested(known, step); })});
        remedies.push_back({QStringLiteral("Halve the learning rate"),
                            [this, folder, changes] { Q_EMIT changeRequested(folder, changes); }});
    } else if (reason.contains(QLatin1String("not enough ")) && reason.contains(QLatin1String(" memory"))) {
        if (training.batchSize > 1) {
            const int half = training.batchSize / 2;
            const Changes changes{{"training.batch_size", half}};
            remedies.push_back({QStringLiteral("Use batch %1").arg(countText(half)),
                                [this, folder, changes] { Q_EMIT changeRequested(folder, changes); }});
        }
        if (reason.contains(QLatin1String("GPU"))) {
            remedies.push_back({QStringLiteral("Use the CPU"), [this, folder] { Q_EMIT cpuRequested(folder); }});
        }
    }
    remedies.push_back(
        {QStringLiteral("Show in the log"), withRun([this](const RunData *known) { Q_EMIT logRequested(known); })});
    const QString who = runTitle(run, m_model->runsBeside(&run)), rest = reason.mid(first.capturedLength());
    const std::string saved = run.value("checkpoint").value_or("");
    m_bar->post(
        keyOf(run), NoticeBar::Kind::Failed,
        first.hasMatch()
            ? QStringLiteral("%1: %2 at step %3").arg(who, first.captured(1), countText(first.captured(2).toLongLong()))
            : QStringLiteral("%1 failed at step %2").arg(who, countText(run.step())),
        rest.left(1).toUpper() + rest.mid(1) +
            (saved.empty() || saved == "-1"
                 ? QString()
                 : QStringLiteral(" The checkpoint at step %1 is complete.").arg(countText(std::stoll(saved)))),
        std::move(remedies));
}

void RunNotices::tellWaiting(const RunData &run)
{
    const QString who = runTitle(run, m_model->runsBeside(&run)), step = countText(run.step());
    QString reason = run.reason();
    if (const qsizetype file = reason.indexOf(run.id() + QLatin1Char('/')); file >= 0) {
        reason.remove(0, file + run.id().size() + 1); // the way to it is long, and the heading says whose file it is
    }
    // A file says "cannot write the file. The disk is full: ...", the database "disk is full, got ...".
    static const QRegularExpression kFull(QStringLiteral("(?:(:)| The) disk is full"));
    if (const QRegularExpressionMatch full = kFull.match(reason); full.hasMatch()) {
        const std::filesystem::path folder = run.experimentFolder();
        std::vector<NoticeBar::Remedy> remedies{
            {QStringLiteral("Open the folder"), [this, folder, id = run.id().toStdString()] {
                 if (const RunData *known = m_runs->find(folder, id)) {
                     Q_EMIT folderRequested(known);
                 }
             }}};
        const bool ours = folder == m_trains; // a run of another process cannot be taken elsewhere
        if (ours) {
            remedies.push_back(
                {QStringLiteral("Choose another folder…"), [this, folder] { Q_EMIT otherFolderRequested(folder); }});
        }
        m_bar->post(
            keyOf(run), NoticeBar::Kind::Failed, QStringLiteral("Disk full: %1 is paused at step %2").arg(who, step),
            QStringLiteral("Nothing is lost: make room, and it goes on by itself%1. ")
                    .arg(ours ? QStringLiteral("; in another folder it goes on from its last checkpoint") : QString()) +
                reason.left(full.capturedStart()) +
                (full.captured(1).isEmpty() ? QString() : QStringLiteral(" cannot be written.")),
            std::move(remedies));
        return;
    }
    m_bar->post(keyOf(run), NoticeBar::Kind::Failed,
                QStringLiteral("%1 is paused at step %2: it cannot be written").arg(who, step),
                QStringLiteral("%1 Nothing is lost; it goes on by itself once that is mended.").arg(reason));
}

void RunNotices::tellCutOff()
{
    for (const std::filesystem::path &folder : std::exchange(m_cutOff, {})) {
        QStringList titles;
        std::int64_t step = 0, checkpoint = -1;
        QString experiment;
        for (const RunData *run : m_runs->of(folder)) {
            if (run->state() == RunState::Interrupted) {
                titles << runTitle(*run, m_model->runsBeside(run));
                step = std::max(step, run->step());
                checkpoint = std::max(checkpoint, std::int64_t{std::stoll(run->value("checkpoint").value_or("-1"))});
                experiment = run->experiment();
            }
        }
        if (titles.empty()) {
            continue; // resumed meanwhile
        }
        const bool one = titles.size() == 1;
        const QString last = titles.takeLast();
        const QString names =
            titles.empty() ? last : titles.join(QStringLiteral(", ")) + QStringLiteral(" and ") + last;
        const QString saved = checkpoint < 0
                                  ? QStringLiteral("No checkpoint was written yet: it starts anew.")
                                  : QStringLiteral("The checkpoint at step %1 is complete.").arg(countText(checkpoint));
        m_bar->post(keyOf(folder), NoticeBar::Kind::Info,
                    one ? QStringLiteral("A run was cut off")
                        : QStringLiteral("%1 runs were cut off").arg(titles.size() + 1),
                    QStringLiteral("%1 of %2 stopped at step %3 when the program ended. %4")
                        .arg(names, experiment, countText(step), saved),
                    {{checkpoint < 0 ? QStringLiteral("Start again")
                                     : QStringLiteral("Resume from %1").arg(countText(checkpoint)),
                      [this, folder] {
                          m_bar->remove(keyOf(folder));
                          Q_EMIT resumeRequested(folder);
                      }}});
    }
}

} // namespace sparsescope
