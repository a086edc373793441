#include "core/base/run_store.h"

#include "core/base/error.h"
#include "core/base/run_folder.h"
#include "core/base/run_lock.h"
#include "core/base/sqlite.h"
#include "core/base/stored_json.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <thread>

namespace fs = std::filesystem;

namespace sparsescope {

namespace {

constexpr const char *kRestoreRun = "Restore it from a copy, or remove the run's folder and train the run again; until "
                                    "then its checkpoints open one by "
                                    "one, by their own folders.";
constexpr int kPatienceMs = 5'000; // a commit of the writer takes milliseconds

RunConfig readConfig(const fs::path &folder)
{
    const fs::path file = runFile(folder);
    std::error_code code;
    if (!fs::is_regular_file(file, code)) {
        if (fs::is_regular_file(databaseFile(folder), code))
            throw Failure({"run's description is missing",
                           file.string(),
                           {},
                           {},
                           "Restore the file, or remove the folder and train the run again."});
        throw Failure({"no run here", folder.string(), {}, {}, "A run folder holds run.json."});
    }
    const nlohmann::ordered_json document = readStoredJson(file, kRestoreRun);
    if (!document.is_object() || !document.contains("schema") || !document["schema"].is_number_integer())
        throw Failure({"run's description is damaged", file.string(), {}, "an object with schema", kRestoreRun});
    const auto schema = document["schema"].get<std::int64_t>();
    if (schema > kRunSchema)
        throw Failure({"run was written by a newer version", file.string(), fmt::format("schema {}", schema),
                       fmt::format("up to {}", kRunSchema), "Open it with that version."});
    try {
        return runConfigFromJson(document, file.string());
    } catch (const ConfigFailure &failure) {
        throw Failure(failure.errors().front());
    }
}

/// Files and folders of a run lie below it; a row that says otherwise was made by somebody else.
fs::path insideOf(const fs::path &folder, const std::string &relative)
{
    std::error_code code;
    const fs::path root = fs::weakly_canonical(folder, code);
    const fs::path target = fs::weakly_canonical(folder / relative, code);
    const auto [rootEnd, rest] = std::mismatch(root.begin(), root.end(), target.begin(), target.end());
    if (relative.empty() || relative.find('\0') != std::string::npos || fs::path(relative).is_absolute() ||
        rootEnd != root.end() || rest == target.end())
        throw Failure({"path points outside of the run's folder", databaseFile(folder).string(), relative,
                       "a path below " + folder.string(), "Do not trust this run folder."});
    return folder / relative;
}

} // namespace

std::string stepName(std::int64_t step) { return fmt::format("{:08}", step); }

bool isStepName(const std::string &name)
{
    return name.size() >= 8 && name.size() <= 18 && name.find_first_not_of("0123456789") == std::string::npos;
}

struct RunReader::Impl {
    fs::path folder;
    RunConfig config;

    std::weak_ptr<Database> sitting; ///< of the calls that share one connection

    /// Opened for each call: between calls nothing is held, neither a lock nor a file, so thousands of runs may be open.
    std::shared_ptr<Database> connect() const
    {
        std::shared_ptr<Database> shared = sitting.lock();
        return shared ? shared : std::make_shared<Database>(databaseFile(folder), Database::Mode::Read, kPatienceMs);
    }

    std::optional<std::string> value(const std::string &key) const
    {
        const std::shared_ptr<Database> database = connect();
        Statement statement(*database, "SELECT value FROM state WHERE key = ?");
        statement.bind(key);
        return statement.next() ? std::optional(statement.text(0)) : std::nullopt;
    }
    /// First column of the first row; absent without a row.
    std::optional<double> number(const char *sql, const std::string &metric) const
    {
        const std::shared_ptr<Database> database = connect();
        Statement statement(*database, sql);
        statement.bind(metric);
        return statement.next() ? std::optional(statement.number(0)) : std::nullopt;
    }
};

RunReader::RunReader(const fs::path &folder)
    : m_impl(std::make_shared<Impl>())
{
    m_impl->folder = folder;
    m_impl->config = readConfig(folder);
    std::error_code code;
    if (!fs::is_regular_file(databaseFile(folder), code))
        throw Failure({"run's database is missing",
                       databaseFile(folder).string(),
                       {},
                       {},
                       "Restore the file, or train the run again."});
    const Sitting sitting = sit();
    const std::shared_ptr<Database> database = m_impl->connect();
    const std::int64_t version = database->integer("PRAGMA user_version");
    if (version > kRunSchema)
        throw Failure({"run was written by a newer version", databaseFile(folder).string(),
                       fmt::format("schema {}", version), fmt::format("up to {}", kRunSchema),
                       "Open it with that version."});
    const std::int64_t tables = database->integer("SELECT count(*) FROM sqlite_schema WHERE type='table' AND name IN "
                                                  "('scalar','event','snapshot','checkpoint','state')");
    if (version != kRunSchema || tables != 5)
        throw Failure({"run's database is damaged",
                       databaseFile(folder).string(),
                       fmt::format("schema {} with {} of 5 tables", version, tables),
                       {},
                       "Restore the file from a copy, or train the run again."});
    const std::string own = m_impl->config.folder();
    if (const std::string of = m_impl->value(kRunKey).value_or(own); of != own)
        throw Failure({"run's database and its run.json are of different runs", databaseFile(folder).string(), of, own,
                       "Restore the file that does not belong here."});
}

RunReader RunReader::verified(const fs::path &folder)
{
    RunReader reader(folder);
    reader.m_impl->connect()->verify();
    return reader;
}

RunReader::Sitting RunReader::sit() const
{
    std::shared_ptr<Database> database = m_impl->connect();
    m_impl->sitting = database;
    return database;
}

void RunReader::demandName(const std::string &name) const
{
    if (const std::string own = config().folder(); own != name)
        throw Failure({"is the description of another run", runFile(folder()).string(), own, name,
                       "Restore the file that belongs here."});
}

const fs::path &RunReader::folder() const { return m_impl->folder; }

const RunConfig &RunReader::config() const { return m_impl->config; }

RunState RunReader::state() const
{
    const auto stored = [this] { return runStateFrom(m_impl->value("state").value_or("queued")); };
    const auto isActive = [](RunState state) { return state == RunState::Running || state == RunState::Paused; };
    const RunState first = stored();
    if (!isActive(first) || lockHolder(m_impl->folder))
        return first;
    // The writer may have ended between the two looks.
    const RunState second = stored();
    return isActive(second) ? RunState::Interrupted : second;
}

std::string RunReader::stateReason() const { return m_impl->value("reason").value_or(""); }

std::optional<std::string> RunReader::value(const std::string &key) const { return m_impl->value(key); }

std::vector<std::string> RunReader::metrics() const
{
    // From one name to the next through the index: DISTINCT would read every row.
    const std::shared_ptr<Database> database = m_impl->connect();
    Statement next(*database, "SELECT metric FROM scalar WHERE metric > ? ORDER BY metric LIMIT 1");
    std::vector<std::string> names;
    std::string name;
    while (next.bind(name).next()) {
        name = next.text(0);
        names.push_back(name);
        while (next.next()) {
        }
    }
    return names;
}

Series RunReader::series(const std::string &metric, std::int64_t afterStep) const
{
    const std::shared_ptr<Database> database = m_impl->connect();
    Statement statement(*database, "SELECT step, value FROM scalar WHERE metric = ? AND step > ? ORDER BY step");
    statement.bind(metric).bind(afterStep);
    Series series;
    while (statement.next())
        series.push_back({static_cast<double>(statement.integer(0)), statement.number(1)});
    return series;
}

std::optional<double> RunReader::last(const std::string &metric) const
{
    return m_impl->number("SELECT value FROM scalar WHERE metric = ? ORDER BY step DESC LIMIT 1", metric);
}

std::optional<double> RunReader::best(const std::string &metric) const
{
    const std::optional<double> lowest = m_impl->number("SELECT min(value) FROM scalar WHERE metric = ?", metric);
    return lowest && !std::isnan(*lowest) ? lowest : std::nullopt; // min() over no rows is NULL
}

std::int64_t RunReader::lastStep() const
{
    const std::shared_ptr<Database> database = m_impl->connect();
    Statement statement(*database, "SELECT max(step) FROM scalar WHERE metric = 'train.loss'");
    return statement.next() && !statement.isNull(0) ? statement.integer(0) : -1;
}

std::vector<EventRow> RunReader::events(std::int64_t afterId, int limit) const
{
    const std::shared_ptr<Database> database = m_impl->connect();
    Statement statement(*database, "SELECT id, wall, step, level, text FROM event WHERE id > ? ORDER BY id LIMIT ?");
    statement.bind(afterId).bind(std::int64_t{limit});
    std::vector<EventRow> rows;
    while (statement.next()) {
        EventRow row{statement.integer(0), statement.number(1), statement.integer(2), LogLevel::Info,
                     statement.text(4)};
        const std::string level = statement.text(3);
        for (const LogLevel known : {LogLevel::Check, LogLevel::Saved, LogLevel::Error}) {
            if (level == toString(known))
                row.level = known;
        }
        rows.push_back(std::move(row));
    }
    return rows;
}

std::vector<SnapshotInfo> RunReader::snapshots() const
{
    const std::shared_ptr<Database> database = m_impl->connect();
    Statement statement(*database, "SELECT step, file, layers, length FROM snapshot ORDER BY step");
    std::vector<SnapshotInfo> rows;
    while (statement.next())
        rows.push_back({statement.integer(0), insideOf(m_impl->folder, statement.text(1)),
                        static_cast<int>(statement.integer(2)), static_cast<int>(statement.integer(3))});
    return rows;
}

std::vector<CheckpointInfo> RunReader::checkpoints() const
{
    std::vector<CheckpointInfo> rows = recordedCheckpoints();
    std::erase_if(rows, [](const CheckpointInfo &row) {
        std::error_code code;
        return !fs::is_directory(row.folder, code);
    });
    return rows;
}

std::vector<CheckpointInfo> RunReader::recordedCheckpoints() const
{
    const std::shared_ptr<Database> database = m_impl->connect();
    Statement statement(*database, "SELECT step, folder FROM checkpoint WHERE complete = 1 ORDER BY step");
    std::vector<CheckpointInfo> rows;
    while (statement.next())
        rows.push_back({statement.integer(0), insideOf(m_impl->folder, statement.text(1))});
    return rows;
}

double RunReader::lastWall() const
{
    const std::shared_ptr<Database> database = m_impl->connect();
    Statement statement(
        *database, "SELECT max((SELECT coalesce(max(wall), 0) FROM (SELECT wall FROM event ORDER BY id DESC LIMIT 1)),"
                   " (SELECT coalesce(max(wall), 0) FROM (SELECT wall FROM scalar WHERE metric = 'train.loss' ORDER BY "
                   "step DESC LIMIT 1)))");
    return statement.next() ? statement.number(0) : 0;
}

namespace {

/// Whether a database without a run.json beside it is a run that lost it, rather than one that is being made: the writer puts
/// run.json last, before it measures anything.
bool holdsMeasurements(const fs::path &file)
{
    std::error_code code;
    if (!fs::exists(file, code))
        return false;
    try {
        Database database(file, Database::Mode::Read, kPatienceMs);
        return database.integer("SELECT count(*) FROM sqlite_schema WHERE type='table' AND name='scalar'") > 0 &&
               database.integer("SELECT EXISTS(SELECT 1 FROM scalar)") > 0;
    } catch (const std::exception &) {
        return true; // its reader says what is wrong with it
    }
}

} // namespace

std::vector<fs::path> findRuns(const fs::path &folder)
{
    std::vector<fs::path> runs;
    std::error_code code;
    // A database alone with something in it is a run whose description is missing: its reader says so.
    const auto isRun = [](const fs::path &place) {
        std::error_code ignored;
        return fs::exists(runFile(place), ignored) || holdsMeasurements(databaseFile(place));
    };
    if (isRun(folder))
        return {folder};
    auto it = fs::recursive_directory_iterator(folder, fs::directory_options::skip_permission_denied, code);
    for (; !code && it != fs::recursive_directory_iterator(); it.increment(code)) {
        std::error_code ignored;
        if (it->is_symlink(ignored) || !it->is_directory(ignored))
            continue;
        if (isRun(it->path())) {
            runs.push_back(it->path());
            it.disable_recursion_pending();
        }
    }
    std::sort(runs.begin(), runs.end());
    return runs;
}

} // namespace sparsescope
