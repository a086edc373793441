#include "core/base/error.h"
#include "core/base/fairness.h"
#include "tests/core/base/sample_runs.h"

#include <QTest>

#include <functional>
#include <map>

using namespace sparsescope;
using namespace sparsescope::testing;

namespace {

std::vector<StartedRun> startedRuns(const nlohmann::ordered_json &sweep)
{
    std::vector<StartedRun> started;
    for (const ComparedRun &run : sampleRuns(sweep, {}))
        started.push_back(run.started);
    return started;
}

const nlohmann::ordered_json kFamilies = {{"family", {"classic", "sparse", "mhla"}}};

std::map<std::string, CheckOutcome> outcomes(const std::vector<StartedRun> &runs)
{
    std::map<std::string, CheckOutcome> result;
    for (const CheckResult &check : compareFairness(runs))
        result[check.gate] = check.outcome;
    return result;
}

} // namespace

/// What runs began with, compared; the words say which of them differs.
class tst_Fairness : public QObject {
    Q_OBJECT
private slots:
    void equalStartsPass();
    void eachDifferenceIsItsOwnGate();
    void weightsOfAnotherShapeAreNotShared();
    void sizesApartAreAWarning();
    void anUnknownStartIsNotRun();
    void lengthsAndRates();
    void aRunAloneHasNothingToCompare();
    void fingerprintsGoThroughJson();
};

void tst_Fairness::equalStartsPass()
{
    const auto results = compareFairness(startedRuns(kFamilies));
    QCOMPARE(results.size(), std::size_t{5});
    for (const CheckResult &result : results) {
        if (result.gate == "learning-rates") {
            QVERIFY(result.outcome == CheckOutcome::NotRun);
        } else {
            QVERIFY2(result.outcome == CheckOutcome::Passed, result.gate.c_str());
            QCOMPARE(result.run, std::string("seq_128/seed_0"));
        }
    }
}

void tst_Fairness::eachDifferenceIsItsOwnGate()
{
    const auto failing = [](const std::function<void(StartedRun &)> &change) {
        auto runs = startedRuns(kFamilies);
        change(runs[1]);
        std::vector<std::string> names;
        for (const CheckResult &result : compareFairness(runs)) {
            if (result.outcome == CheckOutcome::Failed) {
                names.push_back(result.gate);
                if (result.measured.find("DSA") == std::string::npos && result.gate != "initial-weights")
                    names.push_back("does not name the run: " + result.measured);
            }
        }
        return names;
    };
    using Names = std::vector<std::string>;
    QCOMPARE(failing([](StartedRun &run) { run.fingerprint->data = "x"; }), Names{"data-order"});
    QCOMPARE(failing([](StartedRun &run) { run.fingerprint->weights["model.norm.weight"] = "32:9999"; }),
             Names{"initial-weights"});
    QCOMPARE(failing([](StartedRun &run) { run.config.training.steps = 99; }), Names{"schedule"});
    QCOMPARE(failing([](StartedRun &run) { run.config.training.gradClip = 2; }), Names{"schedule"});
    QCOMPARE(failing([](StartedRun &run) { run.config.training.evalBatches += 1; }), Names{"schedule"});
    QCOMPARE(failing([](StartedRun &run) { run.config.training.precision = Precision::Bf16; }), Names{"schedule"});
    QCOMPARE(failing([](StartedRun &run) {
                 run.config.training.precision = Precision::Bf16;
                 run.config.extraAxes = {{"precision", "bf16"}}; // asked for
             }),
             Names{});
    QCOMPARE(failing([](StartedRun &) {}), Names{});
}

void tst_Fairness::weightsOfAnotherShapeAreNotShared()
{
    auto runs = startedRuns(kFamilies);
    runs[1].fingerprint->weights["model.norm.weight"] = "64:9999";
    runs[1].fingerprint->weights["model.layers.0.self_attn.indexer.wk.weight"] = "8x32:1";
    QVERIFY(outcomes(runs).at("initial-weights") == CheckOutcome::Passed);
}

void tst_Fairness::sizesApartAreAWarning()
{
    auto runs = startedRuns(kFamilies);
    runs[2].fingerprint->parameters = 1030;
    QVERIFY(outcomes(runs).at("parameters") == CheckOutcome::Passed); // 3 %
    runs[2].fingerprint->parameters = 1031;
    QVERIFY(outcomes(runs).at("parameters") == CheckOutcome::Warning);
}

void tst_Fairness::anUnknownStartIsNotRun()
{
    auto runs = startedRuns(kFamilies);
    runs[2].fingerprint.reset();
    const auto results = compareFairness(runs);
    QVERIFY(results[0].outcome == CheckOutcome::NotRun);
    QCOMPARE(results[0].measured, std::string("what MHLA began with was not recorded"));
    QVERIFY(outcomes(runs).at("schedule") == CheckOutcome::Passed);
}

void tst_Fairness::lengthsAndRates()
{
    auto runs = startedRuns({{"sequence_length", {64, 128}}, {"family", {"classic", "sparse"}}});
    QVERIFY(outcomes(runs).at("tokens-per-step") == CheckOutcome::Warning); // one batch size for both
    for (StartedRun &run : runs)
        run.config.training.batchSize = static_cast<int>(2048 / run.config.training.sequenceLength);
    QVERIFY(outcomes(runs).at("tokens-per-step") == CheckOutcome::Passed);
    runs[0].config.training.learningRate *= 2;
    QVERIFY(outcomes(runs).at("learning-rates") == CheckOutcome::Warning);
    runs = startedRuns({{"training.learning_rate", {1e-3, 2e-3, 4e-3}}, {"family", {"classic", "sparse"}}});
    QVERIFY(outcomes(runs).at("learning-rates") == CheckOutcome::Passed);
}

void tst_Fairness::aRunAloneHasNothingToCompare()
{
    QVERIFY(compareFairness(startedRuns({{"seed", {0, 1}}})).empty());
    QVERIFY(compareFairness({}).empty());
}

void tst_Fairness::fingerprintsGoThroughJson()
{
    RunFingerprint fingerprint{"0123456789abcdef", {{"a", "2x3:ff"}, {"b", ":1"}}, 7};
    const RunFingerprint back = fingerprintFromJson(nlohmann::json::parse(toJson(fingerprint).dump()));
    QCOMPARE(back.data, fingerprint.data);
    QVERIFY(back.weights == fingerprint.weights);
    QCOMPARE(back.parameters, fingerprint.parameters);
    QVERIFY_EXCEPTION_THROWN(fingerprintFromJson(nlohmann::json::array()), Failure);
}

QTEST_GUILESS_MAIN(tst_Fairness)
#include "tst_fairness.moc"
