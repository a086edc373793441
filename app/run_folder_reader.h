#pragma once

#include "core/base/run_store.h"
#include "widgets/state/run_data.h"

#include <QObject>
#include <QString>
#include <QThread>
#include <QTimer>

#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <vector>

namespace sparsescope {

/// A run found on disk, with everything read so far.
struct FoundRun {
    std::filesystem::path folder;
    RunConfig config;
    RunUpdate update;
};

using FoundRuns = std::vector<std::shared_ptr<const FoundRun>>;

/// Reads run folders on a thread of its own and looks again every second while a run may still grow. Runs that this process
/// trains are left out: their records come from memory.
class RunFolderReader : public QObject {
    Q_OBJECT

public:
    explicit RunFolderReader(QObject *parent = nullptr);
    ~RunFolderReader() override;

    /// Reads every run below `folder`, now and those that appear later.
    void open(const std::filesystem::path &folder);
    /// Once, without watching it: runs below that were trained here and are not read yet come as found().
    void readOnce(const std::filesystem::path &folder);
    void setLive(const std::set<std::filesystem::path> &experimentFolders);

Q_SIGNALS:
    void found(sparsescope::FoundRuns runs);
    /// `run.update` holds only what is new.
    void updated(std::shared_ptr<const sparsescope::FoundRun> run);
    void failed(QString folder, QString reason);
    /// A run that grows cannot be read any longer; readAgain() where it can after all.
    void lost(QString folder, QString reason);
    void readAgain(QString folder);
    /// Everything below an opened folder has been read once.
    void opened(QString folder, int runs);

private:
    class Worker;
    QThread m_thread;
    Worker *m_worker; // lives on m_thread
};

/// What a person calls a run whose run.json cannot be read: "seq_64/sparse/seed_0" by the folder's own names, or the last one.
std::string runName(const std::filesystem::path &runFolder);

/// Reads one run as a whole, now, on the calling thread. Throws Failure.
FoundRun readRun(const std::filesystem::path &folder);

/// Every run below `folder` that can be read; why others cannot goes into `damaged`. Throws Failure where there is none at all.
std::vector<FoundRun> readRuns(const std::filesystem::path &folder, std::vector<std::string> &damaged);

/// The experiment folder of a run folder: the id's parts are cut off where the path ends with them.
std::filesystem::path experimentFolderOf(const std::filesystem::path &runFolder, const RunConfig &config);

} // namespace sparsescope

Q_DECLARE_METATYPE(std::shared_ptr<const sparsescope::FoundRun>)
Q_DECLARE_METATYPE(sparsescope::FoundRuns)
