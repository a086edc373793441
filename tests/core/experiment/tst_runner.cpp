#include "core/base/run_store.h"
#include "core/experiment/runner.h"
#include "tests/core/tiny_experiment.h"

#include <QTemporaryDir>
#include <QTest>

#include <atomic>
#include <cmath>
#include <fstream>
#include <functional>
#include <limits>
#include <map>
#include <thread>

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

    void onState(const StateChange &change) override { states[change.run].push_back(toString(change.state)); }
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

/// Writes NaN over the last weights of every model file of a run.
void poison(const fs::path &run)
{
    int poisoned = 0;
    for (const auto &entry : fs::recursive_directory_iterator(run)) {
        if (entry.path().filename() == "model.safetensors") {
            const std::vector<float> values(8, std::numeric_limits<float>::quiet_NaN());
            std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
            file.seekp(-static_cast<std::streamoff>(values.size() * sizeof(float)), std::ios::end);
            file.write(reinterpret_cast<const char *>(values.data()),
                       static_cast<std::streamsize>(values.size() * sizeof(float)));
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
    void aLossThatIsNoNumberEndsItsRunOnly();
    void nothingStartsInAUsedFolder();
    void resumeRefusesAnotherConfiguration();
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
    recorder.atStep = [&](const StepRecord &record) { // the sparse run loses its folder while it trains
        if (damaged.empty() && record.run.find("/sparse/") != std::string::npos && record.step == 2) {
            damaged = runFolder(folder, "sparse");
            fs::remove_all(damaged);
        }
    };
    const auto outcomes =
        runExperiment(tiny({{"sweep", R"({"family": ["classic", "sparse"]})"}}), into(folder), control, recorder);
    QCOMPARE(outcomes.size(), std::size_t(2));
    QCOMPARE(toString(outcomes[0].state), std::string("finished"));
    QCOMPARE(toString(outcomes[1].state), std::string("failed"));
    QVERIFY(!outcomes[1].reason.empty());
    QVERIFY(outcomes[1].step < 10);
}

/// One weight of the sparse run's checkpoint becomes NaN, as a broken update would leave it.
void tst_Runner::aLossThatIsNoNumberEndsItsRunOnly()
{
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
    poison(runFolder(folder, "sparse"));
    const auto outcomes = runExperiment(experiment, into(folder, true), control, recorder);
    QCOMPARE(outcomes.size(), std::size_t(2));
    QCOMPARE(toString(outcomes[0].state), std::string("finished"));
    QCOMPARE(toString(outcomes[1].state), std::string("failed"));
    QVERIFY2(outcomes[1].reason.find("loss became NaN at step ") != std::string::npos, outcomes[1].reason.c_str());
    QVERIFY2(outcomes[1].reason.find(", first in ") != std::string::npos, outcomes[1].reason.c_str());
    QVERIFY2(outcomes[1].reason.find("learning_rate") != std::string::npos, outcomes[1].reason.c_str());
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
    } catch (const Failure &failure) {
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
                             Failure);
}

QTEST_GUILESS_MAIN(tst_Runner)
#include "tst_runner.moc"
