#include "app/run_folder_reader.h"

#include "core/base/counterfactual_table.h"
#include "core/base/error.h"
#include "core/base/stored_checks.h"

#include <QElapsedTimer>

#include <utility>

namespace sparsescope {

namespace {

constexpr int kPollMilliseconds = 1000;
constexpr int kPatience = 3;              ///< looks
constexpr int kTogetherMilliseconds = 40; ///< the window shows what came meanwhile at once, not one by one

bool mayGrow(RunState state)
{
    return state == RunState::Queued || state == RunState::Running || state == RunState::Paused;
}

} // namespace

std::filesystem::path experimentFolderOf(const std::filesystem::path &runFolder, const RunConfig &config)
{
    const std::filesystem::path id = config.folder();
    std::filesystem::path left = runFolder, part = id;
    while (!part.empty()) {
        if (left.filename() != part.filename()) {
            return runFolder.parent_path(); // moved: it stands alone
        }
        left = left.parent_path();
        part = part.parent_path();
    }
    return left;
}

std::string runName(const std::filesystem::path &runFolder)
{
    std::filesystem::path name;
    for (const std::filesystem::path &part : runFolder) {
        const bool begins = part.string().starts_with("seq_");
        name = begins || name.empty() || !name.begin()->string().starts_with("seq_") ? part : name / part;
    }
    return name.string();
}

namespace {

/// A run with what of it was handed out already.
struct Known {
    RunReader reader;
    std::map<std::string, std::int64_t> lastStep;
    std::int64_t lastEvent = 0;
    RunState state = RunState::Queued;
    int failures = 0; ///< looks in a row that found it unreadable
};

/// An open database outlives its folder.
void demandThere(const std::filesystem::path &folder)
{
    if (!std::filesystem::exists(folder / "run.json")) {
        throw Failure(
            {"the run's folder is gone", folder.string(), "", "", "Put it back where it was to watch it on."});
    }
}

RunUpdate read(Known &known)
{
    RunUpdate update;
    const RunReader::Sitting sitting = known.reader.sit();
    for (const std::string &metric : known.reader.metrics()) {
        const auto seen = known.lastStep.find(metric);
        Series points = known.reader.series(metric, seen == known.lastStep.end() ? -1 : seen->second);
        if (!points.empty()) {
            known.lastStep[metric] = static_cast<std::int64_t>(points.back().x);
            update.series[metric] = std::move(points);
        }
    }
    for (const SnapshotInfo &snapshot : known.reader.snapshots()) {
        update.snapshotSteps.push_back(snapshot.step);
    }
    for (const EventRow &event : known.reader.events(known.lastEvent)) {
        known.lastEvent = event.id;
        update.log.push_back({known.reader.config().folder(), event.wall, event.step, event.level, event.text});
    }
    for (const char *key : {"device", "parameters", "source", "task", kFingerprintKey, kCounterfactualKey}) {
        if (const auto value = known.reader.value(key)) {
            update.values[key] = *value;
        }
    }
    known.state = known.reader.state();
    update.checks = readChecks(known.reader); // after the state: a finished run has written them all
    if (known.state == RunState::Interrupted) {
        const std::vector<CheckpointInfo> checkpoints = known.reader.checkpoints();
        update.values["checkpoint"] = std::to_string(checkpoints.empty() ? -1 : checkpoints.back().step);
    }
    update.state = {known.reader.config().folder(), known.state, known.reader.stateReason(),
                    std::max<std::int64_t>(0, known.reader.lastStep()), known.reader.config().training.steps};
    return update;
}

} // namespace

FoundRun readRun(const std::filesystem::path &folder)
{
    Known known{RunReader::verified(folder), {}, 0, RunState::Queued};
    RunUpdate update = read(known);
    return {folder, known.reader.config(), std::move(update)};
}

std::vector<FoundRun> readRuns(const std::filesystem::path &folder, std::vector<std::string> &damaged)
{
    std::vector<FoundRun> runs;
    for (const auto &path : findRuns(folder)) {
        try {
            runs.push_back(readRun(path));
        } catch (const std::exception &error) {
            damaged.emplace_back(error.what());
        }
    }
    if (runs.empty() && !damaged.empty()) {
        throw Failure({"no run here can be read: " + damaged.front(), folder.string(), "", "", ""});
    }
    if (runs.empty()) {
        throw Failure({"no runs here", "--runs", folder.string(), "the folder of an experiment or of a run", ""});
    }
    return runs;
}

class RunFolderReader::Worker : public QObject {
public:
    explicit Worker(RunFolderReader *owner)
        : m_owner(owner)
        , m_timer(this)
    {
        m_timer.setInterval(kPollMilliseconds);
        QObject::connect(&m_timer, &QTimer::timeout, this, [this] { poll(); });
    }

    void open(const std::filesystem::path &folder)
    {
        m_roots.insert(folder);
        const int runs = look(folder);
        Q_EMIT m_owner->opened(QString::fromStdString(folder.string()), runs);
        m_timer.start();
    }

    void setLive(std::set<std::filesystem::path> folders) { m_live = std::move(folders); }

    /// Reads runs that are new below `root`; returns how many runs are there.
    int look(const std::filesystem::path &root)
    {
        int count = 0;
        std::vector<std::filesystem::path> folders;
        try {
            folders = findRuns(root);
        } catch (const std::exception &error) {
            report(root, error.what());
        }
        FoundRuns together;
        QElapsedTimer since;
        for (const auto &folder : folders) {
            ++count;
            if (m_known.count(folder)) {
                continue;
            }
            try {
                Known known{RunReader(folder), {}, 0, RunState::Queued};
                if (m_live.count(experimentFolderOf(folder, known.reader.config()))) {
                    continue;
                }
                auto run = std::make_shared<FoundRun>(FoundRun{folder, known.reader.config(), read(known)});
                m_known.emplace(folder, std::move(known));
                together.push_back(std::move(run));
            } catch (const std::exception &error) {
                report(folder, error.what());
            }
            if (!together.empty() && (!since.isValid() || since.elapsed() >= kTogetherMilliseconds)) {
                Q_EMIT m_owner->found(std::exchange(together, {})); // the first at once
                since.start();
            }
        }
        if (!together.empty()) {
            Q_EMIT m_owner->found(std::move(together));
        }
        return count;
    }

private:
    void poll()
    {
        for (const auto &root : m_roots) {
            look(root);
        }
        for (auto &[folder, known] : m_known) {
            if (!mayGrow(known.state)) {
                continue;
            }
            try {
                demandThere(folder);
                auto run = std::make_shared<FoundRun>(FoundRun{folder, known.reader.config(), read(known)});
                Q_EMIT m_owner->updated(std::move(run));
                if (std::exchange(known.failures, 0) >= kPatience) {
                    Q_EMIT m_owner->readAgain(QString::fromStdString(folder.string()));
                }
            } catch (const std::exception &error) {
                if (++known.failures == kPatience) { // before, its writer may only hold it for a moment
                    Q_EMIT m_owner->lost(QString::fromStdString(folder.string()), QString::fromUtf8(error.what()));
                }
            }
        }
    }

    /// Each fault is told once, not every second.
    void report(const std::filesystem::path &folder, const char *reason)
    {
        if (m_reported.insert(folder).second) {
            Q_EMIT m_owner->failed(QString::fromStdString(folder.string()), QString::fromUtf8(reason));
        }
    }

    RunFolderReader *m_owner;
    QTimer m_timer;
    std::set<std::filesystem::path> m_roots, m_live, m_reported;
    std::map<std::filesystem::path, Known> m_known;
};

RunFolderReader::RunFolderReader(QObject *parent)
    : QObject(parent)
    , m_worker(new Worker(this))
{
    qRegisterMetaType<std::shared_ptr<const FoundRun>>();
    qRegisterMetaType<FoundRuns>();
    m_worker->moveToThread(&m_thread);
    connect(&m_thread, &QThread::finished, m_worker, &QObject::deleteLater);
    m_thread.start();
}

RunFolderReader::~RunFolderReader()
{
    m_thread.quit();
    m_thread.wait();
}

void RunFolderReader::open(const std::filesystem::path &folder)
{
    QMetaObject::invokeMethod(
        m_worker, [worker = m_worker, folder] { worker->open(folder); }, Qt::QueuedConnection);
}

void RunFolderReader::readOnce(const std::filesystem::path &folder)
{
    QMetaObject::invokeMethod(
        m_worker, [worker = m_worker, folder] { worker->look(folder); }, Qt::QueuedConnection);
}

void RunFolderReader::setLive(const std::set<std::filesystem::path> &experimentFolders)
{
    QMetaObject::invokeMethod(
        m_worker, [worker = m_worker, experimentFolders] { worker->setLive(experimentFolders); }, Qt::QueuedConnection);
}

} // namespace sparsescope
