#include "core/base/run_store.h"

#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/base/run_folder.h"
#include "core/base/run_lock.h"
#include "core/base/safetensors.h"
#include "core/base/sqlite.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <map>
#include <set>

#include <sys/stat.h>

namespace fs = std::filesystem;

namespace sparsescope {

namespace {

std::string snapshotName(std::int64_t step) { return "snapshots/" + stepName(step) + ".safetensors"; }

constexpr std::chrono::seconds kFlushEvery{1};
constexpr int kPatienceMs = 10'000; // readers hold their lock for milliseconds; a slow network file system for longer
constexpr const char *kPartial = ".partial";
constexpr const char *kReplaced = ".replaced";

constexpr const char *kTables = R"(
CREATE TABLE IF NOT EXISTS scalar(step INTEGER, metric TEXT, value REAL, wall REAL, PRIMARY KEY(metric, step)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS event(id INTEGER PRIMARY KEY, wall REAL, step INTEGER, level TEXT, text TEXT);
CREATE TABLE IF NOT EXISTS snapshot(step INTEGER PRIMARY KEY, file TEXT, layers INTEGER, length INTEGER);
CREATE TABLE IF NOT EXISTS checkpoint(step INTEGER PRIMARY KEY, folder TEXT, complete INTEGER);
CREATE TABLE IF NOT EXISTS state(key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
)";

struct PendingScalar {
    std::int64_t step;
    std::string metric;
    double value, wall;
};
struct PendingEvent {
    std::int64_t step;
    LogLevel level;
    std::string text;
    double wall;
};
struct PendingSnapshot {
    std::int64_t step;
    std::string file;
    std::int64_t layers, length;
};

ino_t inodeOf(const fs::path &file)
{
    struct stat status = {};
    return ::stat(file.c_str(), &status) == 0 ? status.st_ino : 0;
}

/// The library's own exceptions name no remedy and would not pass for a full disk or a gone folder.
template <class Action>
void onDisk(Action action)
{
    try {
        action();
    } catch (const fs::filesystem_error &error) {
        throwFileFailure("cannot read the folder", error.path1(), error.code().value());
    }
}

void syncTree(const fs::path &folder)
{
    onDisk([&] {
        for (const auto &entry : fs::recursive_directory_iterator(folder)) {
            if (entry.is_directory())
                syncFolder(entry.path());
            else if (entry.is_regular_file())
                syncFile(entry.path());
        }
    });
    syncFolder(folder);
}

void renamePath(const fs::path &from, const fs::path &to)
{
    std::error_code code;
    fs::rename(from, to, code);
    if (code)
        throwFileFailure("cannot rename to", to, code.value());
}

/// Best effort: what cannot be removed now is removed at the next opening.
void removeQuietly(const fs::path &path)
{
    std::error_code code;
    fs::remove_all(path, code);
}

/// What a killed process left half-done: temporary files go, a checkpoint that was about to be replaced comes back.
void tidy(const fs::path &folder)
{
    for (const fs::path &place : {folder, folder / "snapshots", folder / "checkpoints"}) {
        std::error_code code;
        std::vector<fs::path> entries;
        for (auto it = fs::directory_iterator(place, code); !code && it != fs::directory_iterator(); it.increment(code))
            entries.push_back(it->path());
        for (const fs::path &entry : entries) {
            const bool isLock =
                entry.filename().string().rfind(".run.lock.", 0) == 0; // of a process that tries for the lock now
            if (isTemporaryName(entry) && !isLock)
                removeQuietly(entry);
            if (place.filename() != "checkpoints")
                continue;
            if (entry.extension() == kPartial)
                removeQuietly(entry);
            if (entry.extension() == kReplaced) {
                fs::path final = entry;
                final.replace_extension();
                if (fs::exists(final, code))
                    removeQuietly(entry);
                else
                    renamePath(entry, final);
            }
        }
    }
}

} // namespace

struct RunWriter::Impl {
    explicit Impl(const fs::path &runFolder)
        : folder(runFolder)
        , lock(runFolder)
    {}

    void connect(Database::Mode mode)
    {
        database.emplace(databaseFile(folder), mode, kPatienceMs);
        // The journal is a file beside the database that is deleted at the commit: it works on network file systems, where
        // shared memory does not. FULL: one more fsync in a commit a second, and a power loss cannot damage the file.
        database->execute("PRAGMA journal_mode=DELETE");
        database->execute("PRAGMA synchronous=FULL");
        inode = inodeOf(databaseFile(folder));
    }

    bool hasPending() const { return !scalars.empty() || !events.empty() || !snapshots.empty() || !values.empty(); }

    /// One transaction. On failure everything stays buffered.
    void flush()
    {
        lastFlush = std::chrono::steady_clock::now();
        if (!hasPending())
            return;
        confirm();
        Transaction transaction(*database);
        Statement scalar(*database, "INSERT OR REPLACE INTO scalar(step, metric, value, wall) VALUES(?,?,?,?)");
        for (const PendingScalar &row : scalars)
            scalar.bind(row.step).bind(row.metric).bind(row.value).bind(row.wall).run();
        Statement event(*database, "INSERT INTO event(wall, step, level, text) VALUES(?,?,?,?)");
        for (const PendingEvent &row : events)
            event.bind(row.wall).bind(row.step).bind(toString(row.level)).bind(row.text).run();
        Statement snapshot(*database, "INSERT OR REPLACE INTO snapshot(step, file, layers, length) VALUES(?,?,?,?)");
        for (const PendingSnapshot &row : snapshots)
            snapshot.bind(row.step).bind(row.file).bind(row.layers).bind(row.length).run();
        Statement value(*database, "INSERT OR REPLACE INTO state(key, value) VALUES(?,?)");
        for (const auto &[key, text] : values)
            value.bind(key).bind(text).run();
        transaction.commit();
        scalars.clear();
        events.clear();
        snapshots.clear();
        values.clear();
    }

    /// Still our run, still the same file? SQLite itself would go on writing into a deleted file.
    void confirm()
    {
        lock.confirm();
        const ino_t now = inodeOf(databaseFile(folder));
        if (now == 0)
            throwFileFailure("cannot write the run's database", databaseFile(folder), ENOENT);
        if (now != inode)
            throw Failure({"run's database was replaced while the run was being written",
                           databaseFile(folder).string(),
                           {},
                           {},
                           "Stop the run and resume it."});
    }

    fs::path folder;
    RunLock lock;
    std::optional<Database> database;
    ino_t inode = 0;
    std::vector<PendingScalar> scalars;
    std::vector<PendingEvent> events;
    std::vector<PendingSnapshot> snapshots;
    std::map<std::string, std::string> values; ///< the newest of each key: trying again adds none
    std::chrono::steady_clock::time_point lastFlush = std::chrono::steady_clock::now();
};

RunWriter::RunWriter(std::unique_ptr<Impl> impl)
    : m_impl(std::move(impl))
{}

RunWriter::~RunWriter()
{
    try {
        m_impl->flush();
    } catch (const std::exception &) {
        // The caller had its chance with flush(); a destructor can only let go.
    }
}

std::unique_ptr<RunWriter> RunWriter::create(const fs::path &folder, const RunConfig &config)
{
    const auto refuse = [&](const std::string &remedy) {
        throw Failure({"there is a run already", folder.string(), {}, {}, remedy});
    };
    if (fs::exists(runFile(folder)))
        refuse("Resume it, or choose another output folder.");
    makeFolder(folder / "snapshots");
    makeFolder(folder / "checkpoints");
    auto impl = std::make_unique<Impl>(folder);
    if (fs::exists(runFile(folder))) // made while we waited for the lock
        refuse("Resume it, or choose another output folder.");
    impl->connect(Database::Mode::Create);
    {
        Transaction transaction(*impl->database);
        impl->database->execute(kTables);
        if (impl->database->integer("SELECT EXISTS(SELECT 1 FROM scalar)"))
            refuse("Its run.json is missing: restore that file, or choose another output folder.");
        Statement(*impl->database, "INSERT OR REPLACE INTO state(key, value) VALUES('state', ?)")
            .bind(toString(RunState::Queued))
            .run();
        Statement(*impl->database, "INSERT OR REPLACE INTO state(key, value) VALUES(?, ?)")
            .bind(std::string(kRunKey))
            .bind(config.folder())
            .run();
        impl->database->execute(fmt::format("PRAGMA user_version={}", kRunSchema).c_str());
        transaction.commit();
    }
    nlohmann::ordered_json document = toJson(config);
    document["schema"] = kRunSchema;
    writeFileAtomically(runFile(folder), document.dump(2) + "\n"); // last: a folder without it is no run
    return std::unique_ptr<RunWriter>(new RunWriter(std::move(impl)));
}

std::unique_ptr<RunWriter> RunWriter::open(const fs::path &folder)
{
    const RunReader reader(folder); // throws for anything that is no run of this version
    auto impl = std::make_unique<Impl>(folder);
    impl->connect(Database::Mode::Write);
    impl->database->verify();
    makeFolder(folder / "snapshots");
    makeFolder(folder / "checkpoints");
    tidy(folder);
    return std::unique_ptr<RunWriter>(new RunWriter(std::move(impl)));
}

const fs::path &RunWriter::folder() const { return m_impl->folder; }

void RunWriter::scalars(std::int64_t step, double wall, const std::vector<Scalar> &values)
{
    for (const Scalar &scalar : values)
        m_impl->scalars.push_back({step, scalar.metric, scalar.value, wall});
}

void RunWriter::event(std::int64_t step, LogLevel level, const std::string &text, double wall)
{
    m_impl->events.push_back({step, level, text, wall});
}

fs::path RunWriter::snapshotFile(std::int64_t step)
{
    m_impl->confirm();
    makeFolder(m_impl->folder / "snapshots"); // it may have been cleared away while the run went on
    return m_impl->folder / snapshotName(step);
}

void RunWriter::addSnapshot(const Snapshot &snapshot)
{
    m_impl->snapshots.push_back({snapshot.step, snapshotName(snapshot.step),
                                 static_cast<std::int64_t>(snapshot.layers.size()), snapshot.length()});
}

void RunWriter::snapshot(const Snapshot &snapshot)
{
    writeSnapshot(snapshot, snapshotFile(snapshot.step));
    addSnapshot(snapshot);
}

void RunWriter::state(RunState state, const std::string &reason)
{
    m_impl->values["state"] = toString(state);
    m_impl->values["reason"] = reason;
    m_impl->flush();
}

void RunWriter::value(const std::string &key, const std::string &value)
{
    m_impl->values[key] = value;
    m_impl->flush();
}

void RunWriter::tick()
{
    if (std::chrono::steady_clock::now() - m_impl->lastFlush >= kFlushEvery)
        m_impl->flush();
}

void RunWriter::flush() { m_impl->flush(); }

void RunWriter::truncateAfter(std::int64_t step)
{
    m_impl->flush();
    m_impl->confirm();
    {
        Transaction transaction(*m_impl->database);
        for (const char *sql : {"DELETE FROM scalar WHERE step > ?", "DELETE FROM event WHERE step > ?",
                                "DELETE FROM snapshot WHERE step > ?", "DELETE FROM checkpoint WHERE step > ?"})
            Statement(*m_impl->database, sql).bind(step).run();
        transaction.commit();
    }
    // By name, not by row: a file whose row was never written goes too.
    for (const char *place : {"snapshots", "checkpoints"}) {
        std::vector<fs::path> stale;
        onDisk([&] {
            for (const auto &entry : fs::directory_iterator(m_impl->folder / place)) {
                const std::string name = entry.path().stem().string();
                if (isStepName(name) && std::stoll(name) > step)
                    stale.push_back(entry.path());
            }
        });
        for (const fs::path &path : stale)
            removeQuietly(path);
    }
}

void RunWriter::checkpoint(std::int64_t step, int keep, const std::function<void(const fs::path &)> &fill)
{
    const fs::path place = m_impl->folder / "checkpoints";
    const fs::path final = place / stepName(step);
    const fs::path partial = place / (stepName(step) + kPartial), replaced = place / (stepName(step) + kReplaced);
    m_impl->flush(); // the scalars up to this step belong to it
    m_impl->confirm();
    removeQuietly(partial);
    makeFolder(partial);
    try {
        fill(partial);
        syncTree(partial);
        if (fs::exists(final)) { // the same step again, further on in an indexer-only stage
            removeQuietly(replaced);
            renamePath(final, replaced);
        }
        renamePath(partial, final);
    } catch (...) {
        removeQuietly(partial);
        throw;
    }
    syncFolder(place);
    removeQuietly(replaced);

    std::set<std::string> kept;
    {
        Transaction transaction(*m_impl->database);
        Statement(*m_impl->database, "INSERT OR REPLACE INTO checkpoint(step, folder, complete) VALUES(?,?,1)")
            .bind(step)
            .bind("checkpoints/" + stepName(step))
            .run();
        Statement(*m_impl->database,
                  "DELETE FROM checkpoint WHERE step NOT IN (SELECT step FROM checkpoint ORDER BY step DESC LIMIT ?)")
            .bind(std::int64_t{std::max(keep, 1)})
            .run();
        Statement rows(*m_impl->database, "SELECT step FROM checkpoint");
        while (rows.next())
            kept.insert(stepName(rows.integer(0)));
        transaction.commit();
    }
    // Rows first, folders after: a folder that is half removed has no row any more.
    std::vector<fs::path> superfluous;
    onDisk([&] {
        for (const auto &entry : fs::directory_iterator(place)) {
            if (const std::string name = entry.path().filename().string(); isStepName(name) && !kept.count(name))
                superfluous.push_back(entry.path());
        }
    });
    for (const fs::path &path : superfluous)
        removeQuietly(path);
}

} // namespace sparsescope
