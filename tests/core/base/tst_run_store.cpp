// Longer than 400 lines: all that one source promises is tested by one program.

#include "core/base/error.h"
#include "core/base/run_store.h"
#include "core/base/safetensors.h"
#include "core/base/sqlite.h"
#include "tests/core/base/sample_snapshot.h"

#include <nlohmann/json.hpp>

#include <QTemporaryDir>
#include <QTest>

#include <atomic>
#include <csignal>
#include <fstream>
#include <thread>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace sparsescope;
namespace fs = std::filesystem;

namespace {

RunConfig config()
{
    return expand(parseExperiment(nlohmann::ordered_json{{"schema", 1}, {"name", "store"}}, "test")).front();
}

Snapshot snapshotAt(std::int64_t step)
{
    sample::Sizes sizes;
    sizes.length = 20;
    Snapshot snapshot = sample::snapshot(sizes);
    snapshot.step = step;
    return snapshot;
}

void fill(const fs::path &folder)
{
    std::ofstream(folder / "model.safetensors") << std::string(3000, 'm');
    std::ofstream(folder / "trainer.json") << "{}";
}

std::string messageOf(const auto &call)
{
    try {
        call();
    } catch (const Failure &failure) {
        return failure.error().text();
    }
    return {};
}

bool contains(const std::string &text, const char *part) { return text.find(part) != std::string::npos; }

} // namespace

class tst_RunStore : public QObject {
    Q_OBJECT
private slots:
    void whatIsWrittenIsReadBack();
    void theTablesAreTheContracts();
    void rowsReachOthersAboutOnceASecond();
    void aRunIsMadeOnlyOnce();
    void aSecondWriterIsRefused();
    void statesAndTheirLock();
    void truncationRemovesRowsAndFiles();
    void checkpointsAppearWholeOrNotAtAll();
    void oldCheckpointsGoButNeverTheNewest();
    void aCheckpointOfTheSameStepReplacesTheOld();
    void halfDoneWorkIsTidiedAtOpening();
    void aKilledWriterLeavesAReadableRun();
    void readersAndTheWriterDoNotHinderOneAnother();
    void callsOfOneSittingSeeWhatWasWrittenMeanwhile();
    void aFullDiskKeepsTheRows();
    void aGoneFolderKeepsTheRows();
    void everyDamagedPageIsFound();
    void damagedAndHostileFolders();
    void newerSchemasAreRefused();
    void runsAreFound();

private:
    fs::path fresh() { return fs::path(m_folder.path().toStdString()) / ("run" + std::to_string(m_count++)); }
    QTemporaryDir m_folder;
    int m_count = 0;
};

void tst_RunStore::whatIsWrittenIsReadBack()
{
    const fs::path folder = fresh();
    auto writer = RunWriter::create(folder, config());
    writer->state(RunState::Running);
    writer->scalars(1, 100.5, {{"train.loss", 5.5}, {"grad.norm", 1.0}});
    writer->scalars(2, 101.5, {{"train.loss", 4.5}});
    writer->scalars(3, 102.5, {{"train.loss", std::nan("")}, {"val.loss", 0.1}});
    writer->scalars(2, 103.5, {{"train.loss", 4.25}}); // replaces
    writer->event(2, LogLevel::Saved, "Checkpoint at step 2, \"quoted\" ä", 102.0);
    writer->value("device", "cpu");
    writer->snapshot(snapshotAt(2));
    writer->flush();
    const RunReader reader(folder);
    QVERIFY(toJson(reader.config()) == toJson(config()));
    QVERIFY(reader.state() == RunState::Running);
    QCOMPARE(reader.value("device"), std::optional<std::string>("cpu"));
    QVERIFY(!reader.value("nothing"));
    QCOMPARE(reader.metrics(), (std::vector<std::string>{"grad.norm", "train.loss", "val.loss"}));
    const Series loss = reader.series("train.loss");
    QCOMPARE(loss.size(), std::size_t{3});
    QCOMPARE(loss[1].x, 2.0);
    QCOMPARE(loss[1].y, 4.25);
    QVERIFY(std::isnan(loss[2].y));
    QCOMPARE(reader.series("train.loss", 2).size(), std::size_t{1});
    QVERIFY(reader.series("unknown").empty());
    QCOMPARE(reader.last("val.loss"), std::optional(0.1)); // every bit
    QVERIFY(std::isnan(*reader.last("train.loss")));
    QVERIFY(!reader.last("unknown"));
    QCOMPARE(reader.best("train.loss"), std::optional(4.25));
    QVERIFY(!reader.best("unknown"));
    QCOMPARE(reader.lastStep(), std::int64_t{3});
    QCOMPARE(reader.lastWall(), 102.5);
    const auto events = reader.events();
    QCOMPARE(events.size(), std::size_t{1});
    QCOMPARE(events[0].text, std::string("Checkpoint at step 2, \"quoted\" ä"));
    QVERIFY(events[0].level == LogLevel::Saved);
    QVERIFY(reader.events(events[0].id).empty());
    const auto snapshots = reader.snapshots();
    QCOMPARE(snapshots.size(), std::size_t{1});
    QCOMPARE(snapshots[0].file, folder / "snapshots/00000002.safetensors");
    QCOMPARE(snapshots[0].length, 20);
    QCOMPARE(readSnapshot(snapshots[0].file).step, std::int64_t{2});
}

void tst_RunStore::theTablesAreTheContracts()
{
    const fs::path folder = fresh();
    auto writer = RunWriter::create(folder, config());
    Database database(folder / "run.sqlite", Database::Mode::Read, 1000);
    QCOMPARE(database.integer("PRAGMA user_version"), std::int64_t{1});
    const auto columns = [&](const std::string &table) {
        std::string names;
        Statement statement(database, ("SELECT name FROM pragma_table_info('" + table + "')").c_str());
        while (statement.next())
            names += (names.empty() ? "" : " ") + statement.text(0);
        return names;
    };
    QCOMPARE(columns("scalar"), std::string("step metric value wall"));
    QCOMPARE(columns("event"), std::string("id wall step level text"));
    QCOMPARE(columns("snapshot"), std::string("step file layers length"));
    QCOMPARE(columns("checkpoint"), std::string("step folder complete"));
    QCOMPARE(columns("state"), std::string("key value"));
    Statement mode(database, "PRAGMA journal_mode");
    QVERIFY(mode.next());
    QCOMPARE(mode.text(0), std::string("delete"));
    std::ifstream lock(folder / "run.lock");
    const auto holder = nlohmann::json::parse(lock);
    QCOMPARE(holder["process"].get<long>(), static_cast<long>(getpid()));
    QVERIFY(!holder["host"].get<std::string>().empty());
    QVERIFY(!holder["token"].get<std::string>().empty());
    std::ifstream run(folder / "run.json");
    QCOMPARE(nlohmann::json::parse(run)["schema"].get<int>(), 1);
}

void tst_RunStore::rowsReachOthersAboutOnceASecond()
{
    const fs::path folder = fresh();
    auto writer = RunWriter::create(folder, config());
    writer->scalars(1, 1, {{"train.loss", 1}});
    writer->tick();
    const RunReader reader(folder);
    QVERIFY(reader.series("train.loss").empty());
    QTest::qWait(1100);
    writer->tick();
    QCOMPARE(reader.series("train.loss").size(), std::size_t{1});
    writer->scalars(2, 2, {{"train.loss", 1}});
    writer.reset(); // flushes
    QCOMPARE(reader.series("train.loss").size(), std::size_t{2});
    QVERIFY(!fs::exists(folder / "run.lock"));
}

void tst_RunStore::aRunIsMadeOnlyOnce()
{
    const fs::path folder = fresh();
    RunWriter::create(folder, config())->scalars(1, 1, {{"train.loss", 1}});
    QVERIFY(contains(messageOf([&] { RunWriter::create(folder, config()); }), "there is a run already"));
    fs::remove(folder / "run.json"); // the numbers are still there: they must not be overwritten
    QCOMPARE(findRuns(folder).size(), std::size_t{1});
    QVERIFY(contains(messageOf([&] { RunWriter::create(folder, config()); }), "run.json is missing"));
    QVERIFY(contains(messageOf([&] { RunWriter::open(folder); }), "run's description is missing"));
    const fs::path empty = fresh();
    RunWriter::create(empty, config());
    fs::remove(empty / "run.json"); // killed before anything was recorded: may begin anew
    QVERIFY(findRuns(empty).empty()); // as while it is being made: whoever watches the folder waits
    RunWriter::create(empty, config());
    QVERIFY(RunReader(empty).state() == RunState::Queued);
}

void tst_RunStore::aSecondWriterIsRefused()
{
    const fs::path folder = fresh();
    auto writer = RunWriter::create(folder, config());
    const std::string text = messageOf([&] { RunWriter::open(folder); });
    QVERIFY2(contains(text, ("process " + std::to_string(getpid())).c_str()), text.c_str());
    QVERIFY(contains(text, "host"));
    writer.reset();
    QVERIFY(RunWriter::open(folder));
}

void tst_RunStore::statesAndTheirLock()
{
    const fs::path folder = fresh();
    auto writer = RunWriter::create(folder, config());
    const RunReader reader(folder);
    QVERIFY(reader.state() == RunState::Queued);
    for (const RunState state : {RunState::Running, RunState::Paused}) {
        writer->state(state);
        QVERIFY(reader.state() == state);
        // Thirty seconds without a sign of life.
        fs::last_write_time(folder / "run.lock", fs::file_time_type::clock::now() - std::chrono::seconds(31));
        QVERIFY(reader.state() == RunState::Interrupted);
        fs::last_write_time(folder / "run.lock", fs::file_time_type::clock::now());
        QVERIFY(reader.state() == state);
    }
    writer.reset();
    QVERIFY(reader.state() == RunState::Interrupted);
    for (const RunState state : {RunState::Finished, RunState::Stopped, RunState::Failed}) {
        RunWriter::open(folder)->state(state, "because");
        QVERIFY(reader.state() == state);
        QCOMPARE(reader.stateReason(), std::string("because"));
    }
}

void tst_RunStore::truncationRemovesRowsAndFiles()
{
    const fs::path folder = fresh();
    auto writer = RunWriter::create(folder, config());
    for (std::int64_t step = 1; step <= 10; ++step) {
        writer->scalars(step, 1, {{"train.loss", 1}, {"grad.norm", 2}});
        writer->event(step, LogLevel::Info, "step", 1);
    }
    for (const std::int64_t step : {2, 6, 8})
        writer->snapshot(snapshotAt(step));
    for (const std::int64_t step : {3, 5, 9})
        writer->checkpoint(step, 5, fill);
    writer->truncateAfter(5);
    const RunReader reader(folder);
    QCOMPARE(reader.lastStep(), std::int64_t{5});
    QCOMPARE(reader.series("grad.norm").size(), std::size_t{5});
    QCOMPARE(reader.events().size(), std::size_t{5});
    QCOMPARE(reader.snapshots().size(), std::size_t{1});
    QCOMPARE(reader.checkpoints().size(), std::size_t{2});
    QVERIFY(fs::exists(folder / "snapshots/00000002.safetensors"));
    QVERIFY(!fs::exists(folder / "snapshots/00000006.safetensors"));
    QVERIFY(!fs::exists(folder / "checkpoints/00000009"));
    QVERIFY(fs::exists(folder / "checkpoints/00000005"));
    writer->truncateAfter(-1);
    QCOMPARE(reader.lastStep(), std::int64_t{-1});
    QVERIFY(reader.checkpoints().empty());
}

void tst_RunStore::checkpointsAppearWholeOrNotAtAll()
{
    const fs::path folder = fresh();
    auto writer = RunWriter::create(folder, config());
    const RunReader reader(folder);
    writer->checkpoint(4, 2, [&](const fs::path &partial) {
        QVERIFY(fs::is_directory(partial));
        QCOMPARE(partial.filename().string(), std::string("00000004.partial"));
        fill(partial);
        QVERIFY(!fs::exists(folder / "checkpoints/00000004"));
        QVERIFY(reader.checkpoints().empty());
    });
    QCOMPARE(reader.checkpoints().size(), std::size_t{1});
    QCOMPARE(reader.checkpoints()[0].folder, folder / "checkpoints/00000004");
    QCOMPARE(fs::file_size(folder / "checkpoints/00000004/model.safetensors"), std::uintmax_t{3000});
    // A failure on the way leaves what was there.
    QVERIFY_EXCEPTION_THROWN(writer->checkpoint(5, 1,
                                                [](const fs::path &partial) {
                                                    fill(partial);
                                                    throw std::runtime_error("no memory");
                                                }),
                             std::runtime_error);
    QVERIFY_EXCEPTION_THROWN(writer->checkpoint(4, 1, [](const fs::path &) { throw std::runtime_error("no memory"); }),
                             std::runtime_error);
    QCOMPARE(reader.checkpoints().size(), std::size_t{1});
    QVERIFY(fs::exists(folder / "checkpoints/00000004/trainer.json"));
    QCOMPARE(std::distance(fs::directory_iterator(folder / "checkpoints"), {}), std::ptrdiff_t{1});
}

void tst_RunStore::oldCheckpointsGoButNeverTheNewest()
{
    const fs::path folder = fresh();
    auto writer = RunWriter::create(folder, config());
    const RunReader reader(folder);
    for (const std::int64_t step : {10, 20, 30})
        writer->checkpoint(step, 2, fill);
    QCOMPARE(reader.checkpoints().size(), std::size_t{2});
    QCOMPARE(reader.checkpoints()[0].step, std::int64_t{20});
    QCOMPARE(reader.checkpoints()[1].step, std::int64_t{30});
    QVERIFY(!fs::exists(folder / "checkpoints/00000010"));
    writer->checkpoint(40, 0, fill);
    QCOMPARE(reader.checkpoints().size(), std::size_t{1});
    QCOMPARE(reader.checkpoints()[0].step, std::int64_t{40});
}

void tst_RunStore::aCheckpointOfTheSameStepReplacesTheOld()
{
    // An indexer-only stage does not move the step.
    const fs::path folder = fresh();
    auto writer = RunWriter::create(folder, config());
    writer->checkpoint(7, 2, fill);
    writer->checkpoint(7, 2, [](const fs::path &partial) { std::ofstream(partial / "second") << "2"; });
    const RunReader reader(folder);
    QCOMPARE(reader.checkpoints().size(), std::size_t{1});
    QVERIFY(fs::exists(folder / "checkpoints/00000007/second"));
    QVERIFY(!fs::exists(folder / "checkpoints/00000007/trainer.json"));
    QCOMPARE(std::distance(fs::directory_iterator(folder / "checkpoints"), {}), std::ptrdiff_t{1});
}

void tst_RunStore::halfDoneWorkIsTidiedAtOpening()
{
    const fs::path folder = fresh();
    auto writer = RunWriter::create(folder, config());
    writer->checkpoint(7, 2, fill);
    writer.reset();
    fs::rename(folder / "checkpoints/00000007",
               folder / "checkpoints/00000007.replaced"); // killed between the two renames
    fs::create_directory(folder / "checkpoints/00000008.partial");
    std::ofstream(folder / "snapshots/.00000009.safetensors.1-2.tmp") << "half";
    QVERIFY(RunReader(folder).checkpoints().empty());
    writer = RunWriter::open(folder);
    QCOMPARE(RunReader(folder).checkpoints().size(), std::size_t{1});
    QCOMPARE(std::distance(fs::directory_iterator(folder / "checkpoints"), {}), std::ptrdiff_t{1});
    QVERIFY(fs::is_empty(folder / "snapshots"));
}

void tst_RunStore::aKilledWriterLeavesAReadableRun()
{
    const fs::path folder = fresh();
    RunWriter::create(folder, config());
    std::mt19937 random(1);
    std::int64_t done = 0;
    int progressed = 0;
    for (int round = 0; round < 20; ++round) {
        const pid_t child = fork();
        if (child == 0) {
            try {
                auto writer = RunWriter::open(folder);
                writer->truncateAfter(done);
                writer->state(RunState::Running);
                for (std::int64_t step = done + 1;; ++step) {
                    writer->scalars(step, 1, {{"train.loss", static_cast<double>(step)}, {"grad.norm", 1}});
                    if (step % 3 == 0)
                        writer->snapshot(snapshotAt(step));
                    if (step % 5 == 0)
                        writer->checkpoint(step, 2, fill);
                    writer->flush();
                }
            } catch (...) {
                _exit(1);
            }
        }
        QTest::qSleep(30 + static_cast<int>(random() % 150));
        kill(child, SIGKILL);
        int status = 0;
        waitpid(child, &status, 0);
        QVERIFY2(WIFSIGNALED(status), "the writer ended by itself");

        const RunReader reader(folder);
        const RunState state = reader.state();
        QVERIFY(state == RunState::Interrupted || state == RunState::Queued);
        const Series loss = reader.series("train.loss");
        for (std::size_t i = 0; i < loss.size(); ++i) {
            QCOMPARE(loss[i].x, static_cast<double>(i + 1)); // no hole, nothing half
            QCOMPARE(loss[i].y, static_cast<double>(i + 1));
        }
        QCOMPARE(reader.series("grad.norm").size(), loss.size());
        for (const SnapshotInfo &snapshot : reader.snapshots())
            QCOMPARE(readSnapshot(snapshot.file).step, snapshot.step);
        for (const CheckpointInfo &checkpoint : reader.checkpoints())
            QCOMPARE(fs::file_size(checkpoint.folder / "model.safetensors"), std::uintmax_t{3000});
        progressed += static_cast<std::int64_t>(loss.size()) > done;
        done = reader.checkpoints().empty() ? 0 : reader.checkpoints().back().step;
    }
    QVERIFY(progressed > 0);
    QVERIFY(RunWriter::open(folder));
}

void tst_RunStore::readersAndTheWriterDoNotHinderOneAnother()
{
    const fs::path folder = fresh();
    auto writer = RunWriter::create(folder, config());
    std::atomic<bool> stop{false};
    std::atomic<int> reads{0}, faults{0};
    std::vector<std::jthread> readers;
    for (int i = 0; i < 3; ++i) {
        readers.emplace_back([&] {
            std::size_t before = 0;
            while (!stop) {
                try {
                    const RunReader reader(folder);
                    const std::size_t now = reader.series("train.loss").size();
                    faults += now < before;
                    before = now;
                    reader.metrics();
                    reader.state();
                    ++reads;
                } catch (const std::exception &) {
                    ++faults;
                }
            }
        });
    }
    for (std::int64_t step = 1; step <= 150; ++step) {
        writer->scalars(step, 1, {{"train.loss", 1}});
        writer->flush();
    }
    stop = true;
    readers.clear();
    QCOMPARE(faults.load(), 0);
    QVERIFY(reads > 0);
    QCOMPARE(RunReader(folder).lastStep(), std::int64_t{150});
}

void tst_RunStore::aFullDiskKeepsTheRows()
{
    // A limit on the size of files stands in for a full disk.
    const fs::path folder = fresh();
    auto writer = RunWriter::create(folder, config());
    writer->scalars(1, 1, {{"train.loss", 1}});
    writer->flush();
    rlimit before = {};
    getrlimit(RLIMIT_FSIZE, &before);
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit small = {fs::file_size(folder / "run.sqlite"), before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &small);
    for (std::int64_t step = 2; step <= 5000; ++step)
        writer->scalars(step, 1, {{"train.loss", 1}});
    const std::string first = messageOf([&] { writer->flush(); });
    const std::string second = messageOf([&] { writer->flush(); });
    setrlimit(RLIMIT_FSIZE, &before);
    QVERIFY2(contains(first, "run.sqlite") && contains(second, "run.sqlite"), first.c_str());
    QCOMPARE(RunReader(folder).lastStep(), std::int64_t{1}); // nothing half
    writer->flush();
    QCOMPARE(RunReader(folder).series("train.loss").size(), std::size_t{5000});
}

void tst_RunStore::aGoneFolderKeepsTheRows()
{
    const fs::path folder = fresh(), away = folder.string() + "-away";
    auto writer = RunWriter::create(folder, config());
    writer->scalars(1, 1, {{"train.loss", 1}});
    fs::rename(folder, away);
    const std::string text = messageOf([&] { writer->flush(); });
    QVERIFY2(contains(text, "folder is gone"), text.c_str());
    QVERIFY(contains(messageOf([&] { writer->snapshot(snapshotAt(1)); }), "gone"));
    QVERIFY(!messageOf([&] { writer->checkpoint(1, 1, fill); }).empty());
    fs::rename(away, folder);
    writer->flush();
    QCOMPARE(RunReader(folder).lastStep(), std::int64_t{1});
    // Another file under the same name: writing on would go nowhere.
    fs::copy_file(folder / "run.sqlite", folder / "copy");
    fs::rename(folder / "copy", folder / "run.sqlite");
    writer->scalars(2, 1, {{"train.loss", 1}});
    QVERIFY(contains(messageOf([&] { writer->flush(); }), "replaced"));
}

void tst_RunStore::everyDamagedPageIsFound()
{
    const fs::path folder = fresh();
    {
        auto writer = RunWriter::create(folder, config());
        for (std::int64_t step = 1; step <= 300; ++step) {
            writer->scalars(step, 1, {{"train.loss", 1}, {"grad.norm", 1}});
            writer->event(step, LogLevel::Info, std::string(100, 'x'), 1);
        }
        writer->value("long", std::string(9000, 'x')); // goes on in pages of its own
    }
    RunReader::verified(folder);
    std::string whole;
    {
        std::ifstream stream(folder / "run.sqlite", std::ios::binary);
        whole.assign(std::istreambuf_iterator<char>(stream), {});
    }
    constexpr std::size_t kPage = 4096;
    QVERIFY(whole.size() / kPage >= 8);
    for (std::size_t page = 0; page < whole.size() / kPage; ++page) {
        std::string holed = whole;
        std::fill_n(holed.begin() + static_cast<std::ptrdiff_t>(page * kPage), kPage, '\0');
        std::ofstream(folder / "run.sqlite", std::ios::binary) << holed;
        const std::string message = messageOf([&] { RunReader::verified(folder); });
        QVERIFY2(contains(message, "run's database is damaged") && contains(message, "run.sqlite") &&
                     !contains(message, "***"),
                 (std::to_string(page) + ": " + message).c_str());
    }
}

void tst_RunStore::damagedAndHostileFolders()
{
    const fs::path folder = fresh();
    {
        auto writer = RunWriter::create(folder, config());
        for (std::int64_t step = 1; step <= 3000; ++step)
            writer->scalars(step, 1, {{"train.loss", 1}, {"grad.norm", 1}});
    }
    const auto copyOf = [&] {
        const fs::path copy = fresh();
        fs::copy(folder, copy, fs::copy_options::recursive);
        return copy;
    };
    const auto failsWith = [&](const fs::path &run, const char *word) {
        const std::string text = messageOf([&] {
            const RunReader reader(run);
            reader.series("train.loss");
            reader.snapshots();
            reader.checkpoints();
        });
        return contains(text, word) && contains(text, run.filename().c_str());
    };
    fs::path run = copyOf();
    std::ofstream(run / "run.sqlite")
        << "this is no database, but it is longer than a header would be, so it looks like one";
    QVERIFY(failsWith(run, "damaged"));
    QVERIFY(contains(messageOf([&] { RunWriter::open(run); }), "damaged"));
    run = copyOf();
    std::ofstream(run / "run.sqlite").close();
    QVERIFY(failsWith(run, "damaged"));
    run = copyOf();
    fs::resize_file(run / "run.sqlite", fs::file_size(run / "run.sqlite") / 2);
    QVERIFY(failsWith(run, "damaged"));
    QVERIFY(contains(messageOf([&] { RunWriter::open(run); }), "damaged"));
    run = copyOf();
    fs::remove(run / "run.sqlite");
    QVERIFY(failsWith(run, "missing"));
    for (const char *text : {"", "{", "[]", "{}", "{\"schema\": \"one\"}", "\xff\xfe"}) {
        run = copyOf();
        std::ofstream(run / "run.json") << text;
        const std::string message = messageOf([&] { RunReader reader(run); });
        QVERIFY2(contains(message, "run.json"), (std::string(text) + " -> " + message).c_str());
    }
    for (const char *path : {"../secret", "/etc/passwd", "snapshots/../../secret", ""}) {
        run = copyOf();
        {
            Database database(run / "run.sqlite", Database::Mode::Write, 1000);
            Statement(database, "INSERT INTO snapshot VALUES(1, ?, 1, 1)").bind(path).run();
        }
        QVERIFY2(failsWith(run, "outside"), path);
    }
    run = copyOf();
    fs::create_directory_symlink("/etc", run / "checkpoints/00000001");
    Database(run / "run.sqlite", Database::Mode::Write, 1000)
        .execute("INSERT INTO checkpoint VALUES(1, 'checkpoints/00000001', 1)");
    QVERIFY(failsWith(run, "outside"));
    run = copyOf();
    Database(run / "run.sqlite", Database::Mode::Write, 1000)
        .execute("INSERT OR REPLACE INTO state VALUES('state', 'dancing')");
    QVERIFY(!messageOf([&] { RunReader(run).state(); }).empty());
    // The untouched one is still whole.
    QCOMPARE(RunReader(folder).series("train.loss").size(), std::size_t{3000});
}

void tst_RunStore::newerSchemasAreRefused()
{
    const fs::path folder = fresh();
    RunWriter::create(folder, config());
    Database(folder / "run.sqlite", Database::Mode::Write, 1000).execute("PRAGMA user_version=2");
    QVERIFY(contains(messageOf([&] { RunReader reader(folder); }), "newer version"));
    QVERIFY(contains(messageOf([&] { RunWriter::open(folder); }), "newer version"));
    Database(folder / "run.sqlite", Database::Mode::Write, 1000).execute("PRAGMA user_version=1");
    nlohmann::ordered_json document = toJson(config());
    document["schema"] = 2;
    std::ofstream(folder / "run.json") << document;
    QVERIFY(contains(messageOf([&] { RunReader reader(folder); }), "newer version"));
}

void tst_RunStore::runsAreFound()
{
    const fs::path root = fresh();
    QVERIFY(findRuns(root).empty());
    for (const char *name : {"seq_64/sparse/seed_1", "seq_64/classic/seed_0", "seq_64/sparse/seed_0"})
        RunWriter::create(root / name, config());
    fs::create_directories(root / "seq_64/sparse/seed_0/checkpoints/00000001");
    std::ofstream(root / "seq_64/sparse/seed_0/checkpoints/00000001/run.json") << "{}"; // below a run: not looked at
    fs::create_directory_symlink(root, root / "loop");
    const auto runs = findRuns(root);
    QCOMPARE(runs, (std::vector<fs::path>{root / "seq_64/classic/seed_0", root / "seq_64/sparse/seed_0",
                                          root / "seq_64/sparse/seed_1"}));
    QCOMPARE(findRuns(runs[0]), std::vector<fs::path>{runs[0]});
}

void tst_RunStore::callsOfOneSittingSeeWhatWasWrittenMeanwhile()
{
    const fs::path folder = fresh() / "run";
    const auto writer = RunWriter::create(folder, config());
    const RunReader reader(folder);
    const auto openFiles = [&] {
        int count = 0;
        for (const auto &file : fs::directory_iterator("/proc/self/fd")) {
            std::error_code ignored;
            count += fs::read_symlink(file, ignored).filename() == "run.sqlite" ? 1 : 0;
        }
        return count;
    };
    const int before = openFiles(); // the writer's
    {
        const RunReader::Sitting sitting = reader.sit();
        QCOMPARE(openFiles(), before + 1);
        QCOMPARE(reader.lastStep(), std::int64_t{-1});
        writer->scalars(3, 3, {{"train.loss", 2.5}});
        writer->flush(); // is not kept out
        QCOMPARE(reader.lastStep(), std::int64_t{3});
        QCOMPARE(reader.metrics(), std::vector<std::string>{"train.loss"});
        QCOMPARE(openFiles(), before + 1);
    }
    QCOMPARE(openFiles(), before);
    QCOMPARE(reader.last("train.loss").value_or(0), 2.5);
    QCOMPARE(openFiles(), before);
}

QTEST_GUILESS_MAIN(tst_RunStore)
#include "tst_run_store.moc"
