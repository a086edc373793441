#pragma once

#include "core/base/config.h"
#include "core/base/records.h"
#include "core/base/series.h"
#include "core/base/snapshot.h"

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

/// One run folder on disk (CONTRACTS.md 3): run.json, run.sqlite, run.lock, snapshots/, checkpoints/.
/// One writer (holds the lock, batches about once a second, rollback journal), any number of readers in any process.
namespace sparsescope {

/// The only writer of a run. All methods may throw StorageFailure (disk full, folder gone); nothing already written is
/// damaged and the rows that could not be written stay buffered, so that the caller can try again after making room.
/// Other Failures are final: another process has taken the run over, its database was replaced.
class RunWriter {
public:
    /// Makes the folder and its run.json; throws Failure when a run is already there.
    static std::unique_ptr<RunWriter> create(const std::filesystem::path &folder, const RunConfig &config);
    /// Opens an existing run to go on with it; throws Failure naming host and process that hold a live lock.
    static std::unique_ptr<RunWriter> open(const std::filesystem::path &folder);
    ~RunWriter(); ///< flushes what it can, releases the lock; does not change the state

    const std::filesystem::path &folder() const;
    void scalars(std::int64_t step, double wall,
                 const std::vector<Scalar> &values); ///< buffered; replaces (metric, step)
    void event(std::int64_t step, LogLevel level, const std::string &text, double wall);
    void snapshot(const Snapshot &snapshot); ///< file, then row
    /// Where the file of a snapshot belongs, for one who writes it beside other work, and its row once the file is there.
    std::filesystem::path snapshotFile(std::int64_t step);
    void addSnapshot(const Snapshot &snapshot);
    void state(RunState state, const std::string &reason = {}); ///< written through at once
    void value(const std::string &key,
               const std::string &value); ///< table `state`: "device", "parameters", "stage", ...
    /// Flushes when a second has passed since the last flush; renews the heartbeat. Call it between steps.
    void tick();
    void flush();
    /// Deletes scalar, snapshot (rows and files), event and checkpoint rows with step > `step`.
    void truncateAfter(std::int64_t step);
    /// checkpoints/<step, 8 digits>.partial is made and handed to `fill`, fsynced, renamed, entered as complete;
    /// then older ones beyond `keep` are removed. An incomplete one is never visible under its final name.
    void checkpoint(std::int64_t step, int keep, const std::function<void(const std::filesystem::path &)> &fill);

private:
    struct Impl;
    explicit RunWriter(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> m_impl;
};

struct SnapshotInfo {
    std::int64_t step = 0;
    std::filesystem::path file;
    int layers = 0;
    int length = 0;
};
struct CheckpointInfo {
    std::int64_t step = 0;
    std::filesystem::path folder;
};
struct EventRow {
    std::int64_t id = 0;
    double wall = 0;
    std::int64_t step = 0;
    LogLevel level = LogLevel::Info;
    std::string text;
};

/// Read side. Opens read-only, holds no lock between calls.
class RunReader {
public:
    explicit RunReader(const std::filesystem::path &folder); ///< throws Failure: no run here, damaged, or newer schema

    /// Reads every page of the database first; throws Failure when one is damaged. For what judges a run: the constructor
    /// and the queries see only the pages that they need.
    static RunReader verified(const std::filesystem::path &folder);

    /// While it is kept, the calls of this reader share one connection instead of each making its own, which takes longer than
    /// most of them. For a few calls in a row on one thread: it keeps the file open.
    using Sitting = std::shared_ptr<const void>;
    [[nodiscard]] Sitting sit() const;

    const std::filesystem::path &folder() const;
    const RunConfig &config() const;
    /// Throws Failure where run.json describes another run than `name`, its folder below the experiment's.
    void demandName(const std::string &name) const;
    /// A running or paused run whose heartbeat is older than 30 s (or whose process on this host is gone) reads as Interrupted.
    RunState state() const;
    std::string stateReason() const;
    std::optional<std::string> value(const std::string &key) const;
    std::vector<std::string> metrics() const;
    Series series(const std::string &metric, std::int64_t afterStep = -1) const; ///< by step, ascending
    std::optional<double> last(const std::string &metric) const;
    std::optional<double> best(const std::string &metric) const; ///< minimum
    std::int64_t lastStep() const;                               ///< of train.loss; -1: none
    std::vector<EventRow> events(std::int64_t afterId = 0, int limit = 10000) const;
    std::vector<SnapshotInfo> snapshots() const;
    std::vector<CheckpointInfo> checkpoints() const; ///< complete ones that are there, ascending
    /// Those that the database calls complete, whether their folder is there or not; ascending.
    std::vector<CheckpointInfo> recordedCheckpoints() const;
    double lastWall() const;

private:
    struct Impl;
    std::shared_ptr<Impl> m_impl;
};

/// Every run folder below `folder` (or `folder` itself), sorted by path: where run.json lies, or a run.sqlite that holds measurements.
std::vector<std::filesystem::path> findRuns(const std::filesystem::path &folder);

} // namespace sparsescope
