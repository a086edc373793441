#include "core/experiment/runner.h"
#include "tests/core/tiny_experiment.h"

#include <QTemporaryDir>
#include <QTest>

#include <functional>

using namespace sparsescope;
namespace fs = std::filesystem;

namespace {

/// Writes down which run made each step, and may act when one is done.
class Recorder : public TrainingObserver {
public:
    std::vector<std::pair<std::string, std::int64_t>> order;
    std::function<void(const StepRecord &)> atStep;

    void onStep(const StepRecord &record) override
    {
        order.emplace_back(record.run, record.step);
        if (atStep) {
            atStep(record);
        }
    }
};

RunnerOptions into(const QTemporaryDir &folder) { return {folder.path().toStdString(), "cpu"}; }

} // namespace

/// The runs that wait, while others train.
class tst_RunControl : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void entriesMove();
    void runsThatWaitCanBeMovedAndTakenOut();
    void onlyTheRunsThatAreWanted();
};

void tst_RunControl::entriesMove()
{
    std::vector<std::string> list{"a", "b", "c"};
    QVERIFY(moveTo(list, "c", 0));
    QCOMPARE(list, std::vector<std::string>({"c", "a", "b"}));
    QVERIFY(moveTo(list, "c", 7)); // kept to the places that there are
    QCOMPARE(list, std::vector<std::string>({"a", "b", "c"}));
    QVERIFY(moveTo(list, "a", -3) && moveTo(list, "b", 1));
    QCOMPARE(list, std::vector<std::string>({"a", "b", "c"}));
    QVERIFY(!moveTo(list, "d", 0));
}

void tst_RunControl::runsThatWaitCanBeMovedAndTakenOut()
{
    QTemporaryDir folder;
    RunControl control;
    Recorder recorder;
    const ExperimentConfig experiment = tiny({{"run.order", "\"sequential\""}, {"training.steps", "3"}});
    const std::vector<RunConfig> runs = expand(experiment);
    const auto name = [&](int i) { return runs[static_cast<std::size_t>(i)].folder(); };
    bool asked = false;
    recorder.atStep = [&](const StepRecord &record) {
        if (record.run != name(0) || asked) {
            return;
        }
        asked = true;
        QCOMPARE(control.waiting(), std::vector<std::string>({name(1), name(2), name(3)}));
        QVERIFY(control.moveWaiting(name(3), 0));
        QVERIFY(control.removeWaiting(name(1)));
        QVERIFY(!control.removeWaiting(name(0)) && !control.moveWaiting(name(0), 1)); // it trains
        QCOMPARE(control.waiting(), std::vector<std::string>({name(3), name(2)}));
    };
    const auto outcomes = runExperiment(experiment, into(folder), control, recorder);
    QVERIFY(asked);
    std::vector<std::string> trained;
    for (const auto &[run, step] : recorder.order) {
        if (trained.empty() || trained.back() != run) {
            trained.push_back(run);
        }
    }
    QCOMPARE(trained, std::vector<std::string>({name(0), name(3), name(2)}));
    QVERIFY(outcomes[1].state == RunState::Queued && outcomes[3].state == RunState::Finished);
    QVERIFY(control.waiting().empty());
}

void tst_RunControl::onlyTheRunsThatAreWanted()
{
    QTemporaryDir folder;
    RunControl control;
    Recorder recorder;
    RunnerOptions options = into(folder);
    const std::vector<RunConfig> runs = expand(tiny());
    options.runs = {runs[2].folder(), runs[0].folder()};
    const auto outcomes = runExperiment(tiny({{"training.steps", "2"}}), options, control, recorder);
    QCOMPARE(outcomes.size(), std::size_t(2));
    QCOMPARE(recorder.order.front().first, runs[2].folder()); // first in the queue, first in the lockstep
    QVERIFY(!fs::exists(options.out / "tiny" / runs[1].folder()));
    options.runs = {"seq_24/unknown/seed_0"};
    options.resume = true;
    QVERIFY_EXCEPTION_THROWN(runExperiment(tiny(), options, control, recorder), Failure);
}

QTEST_GUILESS_MAIN(tst_RunControl)
#include "tst_run_control.moc"
