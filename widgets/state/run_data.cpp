#include "widgets/state/run_data.h"

#include "core/base/error.h"
#include "core/base/gates.h"

#include <QFuture>
#include <QPromise>
#include <QThreadPool>

#include <algorithm>
#include <cmath>

namespace sparsescope {

namespace {

/// What reading one snapshot gave: the snapshot, or why there is none.
struct LoadResult {
    std::shared_ptr<const Snapshot> snapshot;
    QString reason;
};

/// Copied from a run of another model it would be shown as what this one did. Throws Failure.
void demandOf(const RunConfig &config, const Snapshot &snapshot, const std::filesystem::path &file)
{
    if (!snapshot.run.empty() && snapshot.run != config.folder()) {
        throw Failure({"the snapshot is of another run", file.string(), snapshot.run, config.folder(),
                       "Put the run's own file back, or remove this one: the others can still be shown."});
    }
}

std::size_t bytesOf(const Snapshot &snapshot)
{
    std::size_t bytes = snapshot.tokens.size() * 36;
    for (const LayerSnapshot &layer : snapshot.layers) {
        bytes += 4 * (layer.indexQ.size() + layer.indexK.size() + layer.indexW.size() + layer.lse.size() +
                      layer.lseDense.size() + layer.threshold.size());
        bytes += 2 * (layer.q.size() + layer.k.size()) + 8 * layer.selected.size();
    }
    return bytes;
}

/// One reader at a time is enough: the newest request wins, and the disk is the limit.
QThreadPool &readers()
{
    static QThreadPool pool;
    static const bool once = [] {
        pool.setMaxThreadCount(1);
        return true;
    }();
    Q_UNUSED(once)
    return pool;
}

/// The stages that a configuration says a run will go through, on the axis of main-model steps.
std::vector<StageChange> plannedStages(const RunConfig &config)
{
    std::vector<StageChange> stages;
    std::int64_t step = 0;
    for (const StageConfig &stage : stagesOf(config)) {
        const std::int64_t length = countsOnAxis(stage) ? stage.steps : 0;
        stages.push_back({config.folder(), step, step + length, static_cast<int>(stages.size()), stage.name, {}});
        step += length;
    }
    return stages;
}

} // namespace

std::filesystem::path snapshotFile(const std::filesystem::path &folder, std::int64_t step)
{
    const QString name = QStringLiteral("%1.safetensors").arg(step, 8, 10, QLatin1Char('0'));
    return folder / "snapshots" / name.toStdString();
}

RunData::RunData(RunConfig config, std::filesystem::path experimentFolder, std::filesystem::path folder,
                 QObject *parent)
    : QObject(parent)
    , m_config(std::move(config))
    , m_experimentFolder(std::move(experimentFolder))
    , m_id(QString::fromStdString(m_config.folder()))
    , m_folder(folder.empty() ? m_experimentFolder / m_config.folder() : std::move(folder))
    , m_steps(m_config.training.steps)
    , m_stages(plannedStages(m_config))
{}

QString RunData::experiment() const { return QString::fromStdString(m_config.experiment); }

const Series &RunData::series(const std::string &metric) const
{
    static const Series empty;
    const auto found = m_series.find(metric);
    return found == m_series.end() ? empty : found->second;
}

std::vector<std::string> RunData::metrics() const
{
    std::vector<std::string> names;
    names.reserve(m_series.size());
    for (const auto &[name, series] : m_series) {
        names.push_back(name);
    }
    return names;
}

std::optional<double> RunData::last(const std::string &metric) const
{
    const Series &points = series(metric);
    return points.empty() ? std::nullopt : std::optional(points.back().y);
}

std::optional<double> RunData::best(const std::string &metric) const
{
    std::optional<double> best;
    for (const Point &point : series(metric)) {
        if (std::isfinite(point.y) && (!best || point.y < *best)) {
            best = point.y;
        }
    }
    return best;
}

std::optional<std::string> RunData::value(const std::string &key) const
{
    const auto found = m_values.find(key);
    return found == m_values.end() ? std::nullopt : std::optional(found->second);
}

std::vector<CheckResult> RunData::checks() const { return completed(m_config, m_checks); }

bool RunData::unsound() const { return anyFailed(m_checks); }

void RunData::showCurves(bool shown)
{
    if (m_curvesShown != shown) {
        m_curvesShown = shown;
        Q_EMIT curvesShownChanged();
    }
}

std::shared_ptr<const Snapshot> RunData::cachedSnapshot(std::int64_t step) const
{
    const auto found =
        std::find_if(m_cache.begin(), m_cache.end(), [step](const auto &entry) { return entry->step == step; });
    if (found == m_cache.end()) {
        return nullptr;
    }
    m_cache.splice(m_cache.begin(), m_cache, found);
    return m_cache.front();
}

void RunData::requestSnapshot(std::int64_t step)
{
    if (cachedSnapshot(step)) {
        QMetaObject::invokeMethod(
            this, [this, step] { Q_EMIT snapshotLoaded(step); }, Qt::QueuedConnection);
        return;
    }
    if (m_loading == step) { // it is on its way: its end is the answer, also where it fails
        m_wanted.reset();
        return;
    }
    m_wanted = step;
    if (!m_loading) {
        load(step);
    }
}

void RunData::load(std::int64_t step)
{
    m_wanted.reset();
    m_loading = step;
    auto promise = std::make_shared<QPromise<LoadResult>>();
    // The continuation belongs to this object: it is dropped when the run is closed before the file was read.
    promise->future().then(
        this, [this, step](const LoadResult &result) { loadFinished(step, result.snapshot, result.reason); });
    readers().start([promise, file = snapshotFile(folder(), step), config = m_config] {
        LoadResult result;
        promise->start();
        try {
            auto snapshot = std::make_shared<const Snapshot>(readSnapshot(file));
            demandOf(config, *snapshot, file);
            result.snapshot = std::move(snapshot);
        } catch (const std::exception &error) {
            result.reason = QString::fromUtf8(error.what());
        }
        promise->addResult(std::move(result));
        promise->finish();
    });
}

void RunData::loadFinished(std::int64_t step, std::shared_ptr<const Snapshot> snapshot, const QString &reason)
{
    m_loading.reset();
    if (snapshot) {
        keep(std::move(snapshot));
        Q_EMIT snapshotLoaded(step);
    } else {
        Q_EMIT snapshotFailed(step, reason);
    }
    if (m_wanted && !m_loading) {
        const std::int64_t next = *m_wanted;
        m_wanted.reset();
        requestSnapshot(next);
    }
}

void RunData::keep(std::shared_ptr<const Snapshot> snapshot) const
{
    m_cache.remove_if([&](const auto &entry) { return entry->step == snapshot->step; });
    m_cache.push_front(std::move(snapshot));
    std::size_t bytes = 0;
    for (auto entry = m_cache.begin(); entry != m_cache.end(); ++entry) {
        bytes += bytesOf(**entry);
        if (bytes > kCacheBytes && entry != m_cache.begin()) { // the newest stays, however large
            m_cache.erase(entry, m_cache.end());
            break;
        }
    }
}

void RunData::addPoint(const std::string &metric, Point point)
{
    Series &series = m_series[metric];
    if (series.empty() || point.x > series.back().x) {
        series.push_back(point);
        return;
    }
    const auto at =
        std::lower_bound(series.begin(), series.end(), point.x, [](const Point &p, double x) { return p.x < x; });
    if (at != series.end() && at->x == point.x) {
        at->y = point.y;
    } else {
        series.insert(at, point);
    }
}

void RunData::addScalars(std::int64_t step, const std::vector<Scalar> &scalars)
{
    for (const Scalar &scalar : scalars) {
        addPoint(scalar.metric, {static_cast<double>(step), scalar.value});
    }
    m_seriesDirty = true;
    if (step > m_step) {
        m_step = step;
        m_stateDirty = true;
    }
}

void RunData::apply(const StepRecord &record) { addScalars(record.step, record.scalars); }

void RunData::apply(const EvalRecord &record) { addScalars(record.step, record.scalars); }

void RunData::apply(const StageChange &change)
{
    // What runs replaces the plan stage by stage; stages to come stay as planned.
    const auto planned =
        std::find_if(m_stages.begin(), m_stages.end(), [&](const StageChange &s) { return s.index == change.index; });
    if (planned != m_stages.end()) {
        *planned = change;
    } else {
        m_stages.push_back(change);
    }
    m_seriesDirty = true;
}

void RunData::apply(const StateChange &change)
{
    m_state = change.state;
    m_reason = QString::fromStdString(change.reason);
    m_step = std::max(m_step, change.step);
    if (change.steps > 0) {
        m_steps = change.steps;
    }
    m_stateDirty = true;
}

void RunData::apply(const LogRecord &record)
{
    constexpr std::size_t kLines = 10000; // all of them stay in the run folder
    if (m_log.size() >= kLines) {
        m_log.erase(m_log.begin(), m_log.begin() + kLines / 10);
    }
    m_log.push_back(record);
    m_logDirty = true;
}

void RunData::apply(const CheckResult &result)
{
    const auto known = std::find_if(m_checks.begin(), m_checks.end(),
                                    [&](const CheckResult &check) { return check.gate == result.gate; });
    if (known == m_checks.end()) {
        m_checks.push_back(result);
    } else if (equal(*known, result)) {
        return;
    } else {
        *known = result;
    }
    m_checksDirty = true;
}

void RunData::addSnapshotStep(std::int64_t step)
{
    const auto at = std::lower_bound(m_snapshotSteps.begin(), m_snapshotSteps.end(), step);
    if (at == m_snapshotSteps.end() || *at != step) {
        m_snapshotSteps.insert(at, step);
        m_snapshotsDirty = true;
    }
}

void RunData::addSnapshot(std::shared_ptr<const Snapshot> snapshot)
{
    addSnapshotStep(snapshot->step);
    m_snapshotsDirty = true;
    keep(std::move(snapshot));
}

void RunData::apply(const RunUpdate &update)
{
    for (const auto &[metric, points] : update.series) {
        for (const Point &point : points) {
            addPoint(metric, point);
        }
        m_seriesDirty = m_seriesDirty || !points.empty();
    }
    for (const std::int64_t step : update.snapshotSteps) {
        addSnapshotStep(step);
    }
    for (const LogRecord &record : update.log) {
        apply(record);
    }
    for (const CheckResult &result : update.checks) {
        apply(result);
    }
    for (const auto &[key, value] : update.values) {
        m_values[key] = value;
    }
    if (update.state.state != m_state || QString::fromStdString(update.state.reason) != m_reason ||
        update.state.step > m_step) {
        apply(update.state);
    }
}

void RunData::flush()
{
    if (std::exchange(m_seriesDirty, false)) {
        Q_EMIT seriesChanged();
    }
    if (std::exchange(m_snapshotsDirty, false)) {
        Q_EMIT snapshotsChanged();
    }
    if (std::exchange(m_stateDirty, false)) {
        Q_EMIT stateChanged();
    }
    if (std::exchange(m_logDirty, false)) {
        Q_EMIT logChanged();
    }
    if (std::exchange(m_checksDirty, false)) {
        Q_EMIT checksChanged();
    }
}

} // namespace sparsescope
