#include "app/run_notices.h"

#include "app/run_collection.h"
#include "widgets/state/number_text.h"
#include "widgets/state/run_table_model.h"

#include <algorithm>
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
    if (reason.contains(QLatin1String("became NaN")) || reason.contains(QLatin1String("became infinite"))) {
        Changes changes{{"training.learning_rate", training.learningRate / 2}};
        if (isSparse(run.config().model.family)) {
            changes["training.indexer_learning_rate"] = training.indexerLearningRate / 2;
        }
        remedies.push_back({QStringLiteral("Halve the learning rate"),
                            [this, folder, changes] { Q_EMIT changeRequested(folder, changes); }});
    } else if (reason.contains(QLatin1String("not enough ")) && reason.contains(QLatin1String(" memory")) &&
               training.batchSize > 1) {
        const int half = training.batchSize / 2;
        const Changes changes{{"training.batch_size", half}};
        remedies.push_back({QStringLiteral("Use batch %1").arg(half),
                            [this, folder, changes] { Q_EMIT changeRequested(folder, changes); }});
    }
    remedies.push_back({QStringLiteral("Show in the log"), [this, folder, id = run.id().toStdString()] {
                            if (const RunData *known = m_runs->find(folder, id)) {
                                Q_EMIT logRequested(known);
                            }
                        }});
    m_bar->post(
        keyOf(run), NoticeBar::Kind::Failed,
        QStringLiteral("%1 failed at step %2").arg(runTitle(run, m_model->runsBeside(&run)), countText(run.step())),
        reason.left(1).toUpper() + reason.mid(1), std::move(remedies));
}

void RunNotices::tellWaiting(const RunData &run)
{
    m_bar->post(keyOf(run), NoticeBar::Kind::Failed,
                QStringLiteral("%1 is paused at step %2: it cannot be written")
                    .arg(runTitle(run, m_model->runsBeside(&run)), countText(run.step())),
                QStringLiteral("%1 Nothing is lost; it goes on by itself once that is mended.").arg(run.reason()));
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
