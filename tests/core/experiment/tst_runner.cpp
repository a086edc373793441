// Longer than 400 lines: every way in which a run ends and goes on, each with the runs that show it.
#include "core/base/run_store.h"
#include "core/experiment/runner.h"
#include "tests/core/tiny_experiment.h"

#include <QTemporaryDir>
#include <QTest>

#include <atomic>
#include <cmath>
#include <csignal>
#include <fstream>
#include <functional>
#include <limits>
#include <map>
#include <thread>

#include <sys/resource.h>
#include <unistd.h>

using namespace sparsescope;
namespace fs = std::filesystem;

namespace {

/// Writes down what happened, and may act when a run reaches a step.
class Recorder : public TrainingObserver {
public:
    std::vector<std::pair<std::string, std::int64_t>> order;
    std::map<std::string, std::vector<std::string>> states;
    std::map<std::string, int> snapshots;
    std::function<void(const StepRecord &)> atStep;
    std::function<void(const StateChange &)> atState;

    void onState(const StateChange &change) override
    {
        states[change.run].push_back(toString(change.state));
        if (atState) {
            atState(change);
        }
    }
    void onStep(const StepRecord &record) override
    {
        order.emplace_back(record.run, record.step);
        if (atStep) {
            atStep(record);
        }
    }
    void onSnapshot(std::shared_ptr<const Snapshot> snapshot) override { ++snapshots[snapshot->run]; }
};

RunnerOptions into(const QTemporaryDir &folder, bool resume = false)
{
    return {folder.path().toStdString(), "cpu", resume, 0};
}

/// Every value of every metric but the clocks and the memory, as one comparable text.
std::string contents(const fs::path &run)
{
    const RunReader reader(run);
    std::string text;
    for (const std::string &metric : reader.metrics()) {
        if (metric.rfind("time.", 0) == 0 || metric.rfind("memory.", 0) == 0) {
            continue;
        }
        text += metric + ":";
        for (const Point &point : reader.series(metric)) {
            text += " " + std::to_string(static_cast<long long>(point.x)) + "=" +
                    QByteArray::number(point.y, 'g', 17).toStdString();
        }
        text += "\n";
    }
    return text;
}

const char *const kFamilies[] = {"classic", "sparse", "mhla", "mhla_sparse"};

fs::path runFolder(const QTemporaryDir &folder, const std::string &family)
{
    return fs::path(folder.path().toStdString()) / "tiny" / "seq_24" / family / "seed_0";
}

/// Writes `value` over the last weights of every model file of a run.
void poison(const fs::path &run, float value)
{
    int poisoned = 0;
    for (const auto &entry : fs::recursive_directory_iterator(run)) {
        if (entry.path().filename() == "model.safetensors") {
            const std::vector<float> values(8, value);
            std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
            file.seekp(-static_cast<std::streamoff>(values.size() * sizeof(float)), std::ios::end);
            file.write(reinterpret_cast<const char *>(values.data()),
                       static_cast<std::streamsize>(values.size() * sizeof(float)));
            // A broken update would have summed what it wrote: without the sums the numbers speak for themselves.
            std::string header(4096, ' ');
            file.seekg(0);
            file.read(header.data(), static_cast<std::streamsize>(header.size()));
            file.clear();
            const std::size_t at = header.find("\"checksums\"");
            QVERIFY(at != std::string::npos);
            file.seekp(static_cast<std::streamoff>(at) + 1);
            file.write("left-out_", 9);
            ++poisoned;
        }
    }
    QVERIFY(poisoned > 0);
}

} // namespace

class tst_Runner : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void familiesAdvanceTogether();
    void aStoppedRunGoesOnBitForBit();
    void pauseHoldsEverything();
    void aFailedRunDoesNotStopTheOthers();
    void aFullDiskPausesAndNothingIsLost();
    void skippingEndsTheWaitWithTheReason();
    void aRunKilledJustBeforeItsEndIsEnded();
    void brokenWeightsEndTheirRunOnly_data();
    void brokenWeightsEndTheirRunOnly();
    void nothingStartsInAUsedFolder();
    void resumeRefusesAnotherConfiguration();
    void resumeRefusesWhatAnotherProcessTrains();
};

void tst_Runner::familiesAdvanceTogether()
{
    QTemporaryDir folder;
    RunControl control;
    Recorder recorder;
    const auto outcomes = runExperiment(tiny(), into(folder), control, recorder);
    QCOMPARE(outcomes.size(), std::size_t(4));
    for (const RunOutcome &outcome : outcomes) {
        QCOMPARE(toString(outcome.state), std::string("finished"));
        QCOMPARE(outcome.step, 10);
        QVERIFY(recorder.snapshots[outcome.run] >= 4);
    }
    std::map<std::string, std::int64_t> at;
    for (const auto &[run, step] : recorder.order) {
        at[run] = step;
        std::int64_t low = step, high = step;
        for (const RunOutcome &outcome : outcomes) {
            low = std::min(low, at[outcome.run]);
            high = std::max(high, at[outcome.run]);
        }
        QVERIFY2(high - low <= 1, "a family ran ahead");
    }
    for (const char *family : kFamilies) {
        const RunReader reader(runFolder(folder, family));
        QCOMPARE(toString(reader.state()), std::string("finished"));
        QCOMPARE(reader.series("train.loss").size(), std::size_t(10));
        QCOMPARE(reader.lastStep(), 10);
        QVERIFY(reader.last("val.loss"));
        QCOMPARE(reader.series("val.loss").front().x, 0.0);
        QCOMPARE(reader.snapshots().front().step, 1);
        QCOMPARE(reader.snapshots().back().step, 10);
        QVERIFY(!reader.checkpoints().empty());
        const bool sparse = std::string(family).find("sparse") != std::string::npos;
        QCOMPARE(bool(reader.last("indexer.captured")), sparse);
        QCOMPARE(bool(reader.last("counterfactual.accuracy.random")), sparse);
    }
}

void tst_Runner::aStoppedRunGoesOnBitForBit()
{
    QTemporaryDir whole, cut;
    RunControl control;
    Recorder recorder;
    runExperiment(tiny(), into(whole), control, recorder);
    for (const std::int64_t stopAt :
         {3, 7, 8}) { // in the dense stage, around the indexer's warm-up, in the sparse stage
        RunControl stopping;
        Recorder watcher;
        watcher.atStep = [&](const StepRecord &record) {
            if (record.step >= stopAt) {
                stopping.stop();
            }
        };
        runExperiment(tiny(), into(cut, stopAt > 3), stopping, watcher);
    }
    RunControl rest;
    runExperiment(tiny(), into(cut, true), rest, recorder);
    for (const char *family : kFamilies) {
        QCOMPARE(contents(runFolder(cut, family)), contents(runFolder(whole, family)));
    }
}

void tst_Runner::pauseHoldsEverything()
{
    QTemporaryDir folder;
    RunControl control;
    Recorder recorder;
    std::atomic<int> steps{0};
    recorder.atStep = [&](const StepRecord &record) {
        ++steps;
        if (record.step == 2) {
            control.pause();
        }
    };
    std::jthread training([&] {
        runExperiment(tiny({{"sweep", R"({"family": ["sparse"]})"}}), into(folder), control, recorder);
    });
    QTRY_COMPARE_WITH_TIMEOUT(steps.load(), 2, 20000);
    QTest::qWait(300);
    QCOMPARE(steps.load(), 2);
    QCOMPARE(toString(RunReader(runFolder(folder, "sparse")).state()), std::string("paused"));
    control.resume();
    training.join();
    QCOMPARE(toString(RunReader(runFolder(folder, "sparse")).state()), std::string("finished"));
}

void tst_Runner::aFailedRunDoesNotStopTheOthers()
{
    QTemporaryDir folder;
    RunControl control;
    Recorder recorder;
    fs::path damaged;
    recorder.atStep = [&](const StepRecord &record) { // somebody puts another database in place of the sparse run's
        if (damaged.empty() && record.run.find("/sparse/") != std::string::npos && record.step == 2) {
            damaged = runFolder(folder, "sparse");
            fs::copy_file(damaged / "run.sqlite", damaged / "copy");
            fs::rename(damaged / "copy", damaged / "run.sqlite");
        }
    };
    const auto outcomes =
        runExperiment(tiny({{"sweep", R"({"family": ["classic", "sparse"]})"}}), into(folder), control, recorder);
    QCOMPARE(outcomes.size(), std::size_t(2));
    QCOMPARE(toString(outcomes[0].state), std::string("finished"));
    QCOMPARE(toString(outcomes[1].state), std::string("failed"));
    QVERIFY2(outcomes[1].reason.find("replaced") != std::string::npos, outcomes[1].reason.c_str());
    QVERIFY(outcomes[1].step < 10);
}

/// A limit on the size of files stands in for a full disk.
void tst_Runner::aFullDiskPausesAndNothingIsLost()
{
    QTemporaryDir whole, folder;
    RunControl control;
    Recorder recorder, watcher;
    const auto experiment = tiny({{"sweep", R"({"family": ["classic", "sparse"]})"}});
    runExperiment(experiment, into(whole), control, recorder);
    rlimit before = {};
    getrlimit(RLIMIT_FSIZE, &before);
    std::signal(SIGXFSZ, SIG_IGN);
    std::atomic<bool> full{false};
    watcher.atStep = [&](const StepRecord &record) {
        if (record.step == 4 && !full.exchange(true)) {
            const rlimit small = {1024, before.rlim_max};
            setrlimit(RLIMIT_FSIZE, &small);
        }
    };
    std::atomic<int> paused{0};
    watcher.atState = [&](const StateChange &change) { paused += change.state == RunState::Paused; };
    std::vector<RunOutcome> outcomes;
    std::jthread training([&] { outcomes = runExperiment(experiment, into(folder), control, watcher); });
    QTRY_VERIFY_WITH_TIMEOUT(paused.load() > 0, 20000);
    QTest::qWait(300);
    setrlimit(RLIMIT_FSIZE, &before);
    training.join();
    for (const RunOutcome &outcome : outcomes)
        QVERIFY2(outcome.state == RunState::Finished, outcome.reason.c_str());
    for (const char *family : {"classic", "sparse"}) {
        QCOMPARE(contents(runFolder(folder, family)), contents(runFolder(whole, family)));
        QCOMPARE(RunReader(runFolder(folder, family)).snapshots().size(),
                 RunReader(runFolder(whole, family)).snapshots().size());
    }
}

void tst_Runner::skippingEndsTheWaitWithTheReason()
{
    QTemporaryDir folder;
    RunControl control;
    Recorder recorder;
    recorder.atStep = [&](const StepRecord &record) {
        const fs::path run = runFolder(folder, "sparse");
        if (record.run.find("/sparse/") != std::string::npos && record.step == 2)
            fs::rename(run, run.string() + "-away");
    };
    recorder.atState = [&](const StateChange &change) {
        if (change.state == RunState::Paused)
            control.skip();
    };
    const auto outcomes =
        runExperiment(tiny({{"sweep", R"({"family": ["classic", "sparse"]})"}}), into(folder), control, recorder);
    QCOMPARE(toString(outcomes[0].state), std::string("stopped"));
    QCOMPARE(toString(outcomes[1].state), std::string("failed"));
    QVERIFY2(outcomes[1].reason.find("folder is gone") != std::string::npos, outcomes[1].reason.c_str());
}

/// Killed between the last checkpoint and the end: nothing is left to train, the end is still to be made.
void tst_Runner::aRunKilledJustBeforeItsEndIsEnded()
{
    QTemporaryDir folder;
    RunControl control;
    Recorder recorder;
    const auto experiment = tiny({{"training.steps", "3"}, {"sweep", R"({"family": ["sparse"]})"}});
    runExperiment(experiment, into(folder), control, recorder);
    const std::string before = contents(runFolder(folder, "sparse"));
    RunWriter::open(runFolder(folder, "sparse"))->state(RunState::Running);
    const auto outcomes = runExperiment(experiment, into(folder, true), control, recorder);
    QVERIFY2(outcomes[0].state == RunState::Finished, outcomes[0].reason.c_str());
    const std::string after = contents(runFolder(folder, "sparse"));
    QVERIFY2(after == before, (before + "\nbecame\n" + after).c_str());
}

void tst_Runner::brokenWeightsEndTheirRunOnly_data()
{
    QTest::addColumn<float>("weight");
    QTest::addColumn<QStringList>("reason");
    QTest::newRow("no number: refused before the first step")
        << std::numeric_limits<float>::quiet_NaN()
        << QStringList{"model.safetensors: model.norm.weight", "not finite", "use an earlier checkpoint"};
    QTest::newRow("so large that the next step overflows") << 3e38f << QStringList{"became", "at step"};
}

/// The last weights of the sparse run's checkpoint are overwritten, as a broken update would leave them.
void tst_Runner::brokenWeightsEndTheirRunOnly()
{
    QFETCH(float, weight);
    QFETCH(QStringList, reason);
    QTemporaryDir folder;
    RunControl stopping, control;
    Recorder watcher, recorder;
    watcher.atStep = [&](const StepRecord &record) {
        if (record.step >= 3) {
            stopping.stop();
        }
    };
    const auto experiment = tiny({{"sweep", R"({"family": ["classic", "sparse"]})"}});
    runExperiment(experiment, into(folder), stopping, watcher);
    poison(runFolder(folder, "sparse"), weight);
    const auto outcomes = runExperiment(experiment, into(folder, true), control, recorder);
    QCOMPARE(outcomes.size(), std::size_t(2));
    QCOMPARE(toString(outcomes[0].state), std::string("finished"));
    QCOMPARE(toString(outcomes[1].state), std::string("failed"));
    for (const QString &part : reason)
        QVERIFY2(outcomes[1].reason.find(part.toStdString()) != std::string::npos, outcomes[1].reason.c_str());
    const RunReader reader(runFolder(folder, "sparse"));
    QCOMPARE(toString(reader.state()), std::string("failed"));
    QVERIFY(!reader.checkpoints().empty()); // the good state stays
    for (const Point &point : reader.series("train.loss")) {
        QVERIFY(std::isfinite(point.y));
    }
}

void tst_Runner::nothingStartsInAUsedFolder()
{
    QTemporaryDir folder;
    RunControl control;
    Recorder recorder;
    const auto experiment = tiny({{"training.steps", "2"}, {"sweep", R"({"family": ["classic"]})"}});
    runExperiment(experiment, into(folder), control, recorder);
    const std::string before = contents(runFolder(folder, "classic"));
    try {
        runExperiment(experiment, into(folder), control, recorder);
        QFAIL("a used folder was accepted");
    } catch (const ConfigFailure &failure) {
        QVERIFY(std::string(failure.what()).find("--resume") != std::string::npos);
    }
    const auto again = runExperiment(experiment, into(folder, true), control, recorder); // finished: nothing to do
    QCOMPARE(toString(again[0].state), std::string("finished"));
    QCOMPARE(contents(runFolder(folder, "classic")), before);
}

void tst_Runner::resumeRefusesAnotherConfiguration()
{
    QTemporaryDir folder;
    RunControl control;
    Recorder recorder;
    runExperiment(tiny({{"training.steps", "2"}, {"sweep", R"({"family": ["classic"]})"}}), into(folder), control,
                  recorder);
    QVERIFY_EXCEPTION_THROWN(runExperiment(tiny({{"training.steps", "3"}, {"sweep", R"({"family": ["classic"]})"}}),
                                           into(folder, true), control, recorder),
                             ConfigFailure);
}

void tst_Runner::resumeRefusesWhatAnotherProcessTrains()
{
    QTemporaryDir folder;
    RunControl control;
    Recorder recorder;
    const ExperimentConfig experiment =
        tiny({{"training.steps", "2"}, {"sweep", R"({"family": ["classic", "mhla"]})"}});
    runExperiment(experiment, into(folder), control, recorder);
    {
        const auto holder = RunWriter::open(runFolder(folder, "mhla"));
        holder->state(RunState::Running);
        const fs::path file = fs::path(folder.path().toStdString()) / "tiny" / "experiment.json";
        fs::remove(file);
        try {
            runExperiment(experiment, into(folder, true), control, recorder);
            QFAIL("a run that is being trained was taken");
        } catch (const ConfigFailure &failure) {
            QCOMPARE(failure.errors().size(), std::size_t{1});
            const Error &error = failure.errors()[0];
            QCOMPARE(error.where, runFolder(folder, "mhla").string());
            QVERIFY2(error.found.find(std::to_string(getpid())) != std::string::npos, error.found.c_str());
        }
        QVERIFY(!fs::exists(file)); // nothing was written
        holder->state(RunState::Stopped);
    }
    const auto again = runExperiment(experiment, into(folder, true), control, recorder);
    QCOMPARE(toString(again[1].state), std::string("finished"));
}

QTEST_GUILESS_MAIN(tst_Runner)
#include "tst_runner.moc"
