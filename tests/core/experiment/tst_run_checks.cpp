#include "core/base/gates.h"
#include "core/base/stored_checks.h"
#include "core/experiment/runner.h"
#include "tests/core/tiny_experiment.h"

#include <QTemporaryDir>
#include <QTest>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <set>

using namespace sparsescope;
namespace fs = std::filesystem;

namespace {

/// Writes down which gates were told of, and at which step of their run.
class Recorder : public TrainingObserver {
public:
    std::map<std::string, std::vector<std::pair<std::string, std::int64_t>>> checks;
    std::map<std::string, std::int64_t> steps;
    std::function<void(const StepRecord &)> atStep;

    void onStep(const StepRecord &record) override
    {
        steps[record.run] = record.step;
        if (atStep) {
            atStep(record);
        }
    }
    void onCheck(const std::string &run, const CheckResult &result) override
    {
        checks[run].emplace_back(result.gate, steps[run]);
    }
};

RunnerOptions into(const QTemporaryDir &folder, bool resume = false)
{
    return {folder.path().toStdString(), "cpu", resume, 0};
}

const char *const kFamilies[] = {"classic", "sparse", "mhla", "mhla_sparse"};

fs::path runFolder(const QTemporaryDir &folder, const std::string &family)
{
    return fs::path(folder.path().toStdString()) / "tiny" / "seq_24" / family / "seed_0";
}

} // namespace

/// What a run that trains finds out about itself, without being asked.
class tst_RunChecks : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void everyRunIsChecked();
    void theStartIsRemembered();
};

void tst_RunChecks::everyRunIsChecked()
{
    QTemporaryDir folder;
    RunControl control;
    Recorder recorder;
    runExperiment(tiny(), into(folder), control, recorder);
    for (const char *family : kFamilies) {
        const RunReader run(runFolder(folder, family));
        const std::vector<CheckResult> results = completed(run.config(), readChecks(run));
        for (const CheckResult &result : results) {
            QVERIFY2(result.outcome != CheckOutcome::NotRun || result.gate == "dense-probe", // too short
                     (result.gate + ": " + result.measured).c_str());
        }
        const auto of = [&](const char *gate) {
            return *std::find_if(results.begin(), results.end(), [&](const auto &r) { return r.gate == gate; });
        };
        QVERIFY(of("causality").outcome == CheckOutcome::Passed);
        QVERIFY(of("data-order").outcome == CheckOutcome::Passed);
        QVERIFY(of("initial-weights").outcome == CheckOutcome::Passed);
        QCOMPARE(of("data-order").run, std::string("seq_24/seed_0"));
        // The first and the last evaluation are not made again.
        const Series losses = run.series("val.loss");
        QCOMPARE(*of("chance").value, losses.back().y);
        QVERIFY(std::abs(*of("start").value - std::abs(losses.front().y / *run.last("val.loss.chance") - 1)) < 1e-12);

        // Told as they come: between the runs and the cheap ones before the first step, all at the end.
        std::set<std::string> early, late;
        for (const auto &[gate, step] : recorder.checks[run.config().folder()]) {
            (step == 0 ? early : late).insert(gate);
        }
        std::set<std::string> wanted = {"data-order", "initial-weights", "schedule",
                                        "parameters", "causality",       "start"};
        if (isSparse(run.config().model.family)) {
            wanted.insert("effective-k");
        }
        QCOMPARE(early, wanted);
        QCOMPARE(late.size(), isSparse(run.config().model.family) ? std::size_t{11} : std::size_t{4});
    }
}

void tst_RunChecks::theStartIsRemembered()
{
    QTemporaryDir folder;
    {
        RunControl control;
        Recorder recorder;
        recorder.atStep = [&](const StepRecord &record) {
            if (record.step == 8) {
                control.stop();
            }
        };
        runExperiment(tiny(), into(folder), control, recorder);
    }
    const auto before = readFingerprint(RunReader(runFolder(folder, "sparse")));
    QVERIFY(before && !before->weights.empty() && before->parameters > 0);
    const double trained = *RunReader(runFolder(folder, "sparse")).last("time.trained");
    RunControl control;
    Recorder recorder;
    runExperiment(tiny(), into(folder, true), control, recorder);
    const RunReader run(runFolder(folder, "sparse"));
    const auto after = readFingerprint(run);
    QVERIFY(after && after->weights == before->weights && after->data == before->data);
    QVERIFY(*run.last("time.trained") > trained); // it goes on from what was spent
    const Series seconds = run.series("time.trained");
    QCOMPARE(seconds.front().x, 0.0);
    QCOMPARE(seconds.front().y, 0.0);
    for (std::size_t i = 1; i < seconds.size(); ++i) {
        QVERIFY(seconds[i].y > seconds[i - 1].y);
    }
    const auto other = readFingerprint(RunReader(runFolder(folder, "mhla")));
    QCOMPARE(other->data, before->data);
    QVERIFY(other->weights != before->weights);
}

QTEST_GUILESS_MAIN(tst_RunChecks)
#include "tst_run_checks.moc"
