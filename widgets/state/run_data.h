#pragma once

#include "core/base/config.h"
#include "core/base/records.h"
#include "core/base/series.h"
#include "core/base/snapshot.h"

#include <QObject>
#include <QString>

#include <cstdint>
#include <filesystem>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sparsescope {

/// What a reader of a run folder found since its last look. Plain values: they cross from the reading thread.
struct RunUpdate {
    std::map<std::string, Series> series;      ///< new points only, ascending
    std::vector<std::int64_t> snapshotSteps;   ///< all of them
    std::vector<LogRecord> log;                ///< new lines only
    std::map<std::string, std::string> values; ///< "device", "parameters", ...
    std::vector<CheckResult> checks;           ///< all that are stored
    StateChange state;
};

/// One run as the views see it; live and stored runs arrive alike. Lives on the GUI thread.
class RunData : public QObject {
    Q_OBJECT

public:
    /// Loaded snapshots that are kept; the least recently used go first.
    static constexpr std::size_t kCacheBytes = std::size_t{64} << 20;

    /// `experimentFolder`: where the run folder lies or will lie; may be empty for a run that is nowhere on disk.
    /// `folder`: the run folder itself, where it was moved away from its place in the experiment.
    RunData(RunConfig config, std::filesystem::path experimentFolder, std::filesystem::path folder = {},
            QObject *parent = nullptr);

    QString id() const { return m_id; } ///< folder relative to the experiment: "seq_64/sparse/seed_0"
    QString experiment() const;         ///< name of the experiment
    const std::filesystem::path &experimentFolder() const { return m_experimentFolder; }
    const std::filesystem::path &folder() const { return m_folder; }
    const RunConfig &config() const { return m_config; }
    RunState state() const { return m_state; }
    QString reason() const { return m_reason; }            ///< why it failed or stopped; empty otherwise
    std::int64_t step() const { return m_step; }           ///< main-model steps done
    std::int64_t steps() const { return m_steps; }         ///< of
    const Series &series(const std::string &metric) const; ///< empty when unknown
    std::vector<std::string> metrics() const;
    std::optional<double> last(const std::string &metric) const;
    std::optional<double> best(const std::string &metric) const; ///< minimum
    std::optional<std::string> value(const std::string &key) const;
    const std::vector<StageChange> &stages() const { return m_stages; }
    const std::vector<LogRecord> &log() const { return m_log; }
    /// What the gates found so far, in their order; those that apply and were not made are "not run".
    std::vector<CheckResult> checks() const;
    /// A gate failed: what the run measured may not be compared.
    bool unsound() const;
    /// Whether plots show its curves; a choice of the person, nothing of the run itself.
    bool curvesShown() const { return m_curvesShown; }
    void showCurves(bool shown);

    const std::vector<std::int64_t> &snapshotSteps() const { return m_snapshotSteps; } ///< ascending
    std::shared_ptr<const Snapshot> cachedSnapshot(std::int64_t step) const;           ///< null when not loaded
    /// Loads off the GUI thread, the newest request wins; then snapshotLoaded or snapshotFailed. What is asked for again while
    /// it is being read is read once.
    void requestSnapshot(std::int64_t step);

    /// Live records. Series are kept sorted by step; a repeated step replaces its value (a resumed run repeats some).
    void apply(const StepRecord &record);
    void apply(const EvalRecord &record);
    void apply(const StageChange &change);
    void apply(const StateChange &change);
    void apply(const LogRecord &record);
    void apply(const CheckResult &result);
    void addSnapshot(std::shared_ptr<const Snapshot> snapshot);
    /// One that is on disk, not in memory.
    void addSnapshotStep(std::int64_t step);
    /// Records of a run folder.
    void apply(const RunUpdate &update);
    /// Signals what the calls of apply() changed since the last flush, each kind at most once: one repaint a frame.
    void flush();

Q_SIGNALS:
    void seriesChanged();
    void snapshotsChanged();
    void stateChanged();
    void logChanged();
    void checksChanged();
    void curvesShownChanged();
    void snapshotLoaded(std::int64_t step);
    void snapshotFailed(std::int64_t step, QString reason);

private:
    void addScalars(std::int64_t step, const std::vector<Scalar> &scalars);
    void addPoint(const std::string &metric, Point point);
    void keep(std::shared_ptr<const Snapshot> snapshot) const;
    void load(std::int64_t step);
    void loadFinished(std::int64_t step, std::shared_ptr<const Snapshot> snapshot, const QString &reason);

    RunConfig m_config;
    std::filesystem::path m_experimentFolder;
    QString m_id;
    std::filesystem::path m_folder;
    RunState m_state = RunState::Queued;
    QString m_reason;
    std::int64_t m_step = 0, m_steps = 0;
    std::map<std::string, Series> m_series;
    std::map<std::string, std::string> m_values;
    std::vector<StageChange> m_stages;
    std::vector<LogRecord> m_log;
    std::vector<CheckResult> m_checks;
    std::vector<std::int64_t> m_snapshotSteps;
    mutable std::list<std::shared_ptr<const Snapshot>> m_cache; ///< most recently used first
    std::optional<std::int64_t> m_wanted;                       ///< requested while another is being read
    std::optional<std::int64_t> m_loading;                      ///< the one that is being read
    bool m_curvesShown = true;
    bool m_seriesDirty = false, m_snapshotsDirty = false, m_stateDirty = false, m_logDirty = false,
         m_checksDirty = false;
};

/// <folder>/snapshots/<step, 8 digits>.safetensors
std::filesystem::path snapshotFile(const std::filesystem::path &runFolder, std::int64_t step);

} // namespace sparsescope
