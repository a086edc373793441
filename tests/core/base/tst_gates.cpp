#include "core/base/error.h"
#include "core/base/gates.h"
#include "core/base/stored_checks.h"
#include "tests/core/base/sample_runs.h"

#include <QTemporaryDir>
#include <QTest>

#include <filesystem>
#include <set>

using namespace sparsescope;
using namespace sparsescope::testing;

namespace {

RunConfig runOf(const char *family, const char *selection = nullptr)
{
    nlohmann::ordered_json document = {{"schema", 1}, {"name", "gates"}, {"model", {{"family", family}}}};
    if (selection)
        document["model"]["selection"] = {{"kind", selection}};
    return expand(parseExperiment(document, "gates")).front();
}

std::set<std::string> applying(const RunConfig &run)
{
    std::set<std::string> names;
    for (const GateInfo &info : gates()) {
        if (applies(info, run))
            names.insert(info.name);
    }
    return names;
}

CheckResult result(const char *gate, CheckOutcome outcome, std::optional<double> value = {},
                   std::optional<double> limit = {})
{
    return {gate, "seq_128/sparse/seed_0", outcome, value, limit, "as measured"};
}

} // namespace

/// The table of gates, what withholds a verdict, and how results read and are kept.
class tst_Gates : public QObject {
    Q_OBJECT
private slots:
    void gatesApplyByFamilyAndSelector();
    void whatIsMissingIsNotRun();
    void whatWithholdsAVerdict();
    void headlines();
    void headlineCountsTheWorst();
    void resultsGoThroughJson();
    void numbersInWords();
    void resultsAreKeptBesideTheRun();
    void aDamagedResultIsNoPass();
};

void tst_Gates::gatesApplyByFamilyAndSelector()
{
    const std::set<std::string> every = {"causality", "split-overlap", "start", "chance"};
    QCOMPARE(applying(runOf("classic")), every);
    std::set<std::string> recency = every;
    recency.insert({"dense-limit", "effective-k", "selection-binds"});
    QCOMPARE(applying(runOf("sparse", "recency")), recency);
    std::set<std::string> untrained = recency;
    untrained.insert("ties");
    QCOMPARE(applying(runOf("sparse", "untrained")), untrained);
    std::set<std::string> lightning = untrained;
    lightning.insert({"indexer-gradient", "indexer-moves", "dense-probe"});
    QCOMPARE(applying(runOf("sparse")), lightning);
    QCOMPARE(applying(runOf("mhla_sparse")), lightning);
}

void tst_Gates::whatIsMissingIsNotRun()
{
    const RunConfig run = runOf("classic");
    const auto all = completed(run, {result("chance", CheckOutcome::Passed), result("causality", CheckOutcome::Failed),
                                     result("schedule", CheckOutcome::Passed)});
    QCOMPARE(all.size(), std::size_t{5});
    QCOMPARE(all[0].gate, std::string("causality"));
    QVERIFY(all[0].outcome == CheckOutcome::Failed);
    QCOMPARE(all[1].gate, std::string("split-overlap"));
    QVERIFY(all[1].outcome == CheckOutcome::NotRun);
    QCOMPARE(all[1].run, run.folder());
    QCOMPARE(all[4].gate, std::string("schedule")); // between runs: kept
}

void tst_Gates::whatWithholdsAVerdict()
{
    QVERIFY(withholds(result("causality", CheckOutcome::Failed)));
    QVERIFY(withholds(result("causality", CheckOutcome::NotRun)));
    QVERIFY(!withholds(result("causality", CheckOutcome::Passed)));
    QVERIFY(withholds(result("split-overlap", CheckOutcome::Failed)));
    QVERIFY(!withholds(result("split-overlap", CheckOutcome::NotRun)));
    QVERIFY(!withholds(result("parameters", CheckOutcome::Warning)));
    QCOMPARE(reasonText(result("causality", CheckOutcome::Failed)),
             std::string("Future cannot leak (seq_128/sparse/seed_0)"));
    QCOMPARE(reasonText(result("chance", CheckOutcome::NotRun)),
             std::string("Better than chance not made (seq_128/sparse/seed_0)"));
}

void tst_Gates::headlines()
{
    const CheckResult passed = result("causality", CheckOutcome::Passed),
                      missing = result("chance", CheckOutcome::NotRun),
                      optional = result("learning-rates", CheckOutcome::NotRun);
    QCOMPARE(soundnessHeadline({passed, optional}), std::string("All 1 check passed"));
    QCOMPARE(soundnessHeadline({passed, missing}), std::string("1 check passed, 1 not made yet"));
    QCOMPARE(soundnessHeadline({missing}), std::string("Checks not run"));
}

void tst_Gates::numbersInWords()
{
    const auto value = [](const char *gate, double number) {
        return valueText(result(gate, CheckOutcome::Passed, number));
    };
    QCOMPARE(value("causality", 1.23e-6), std::string("1.2e-6"));
    QCOMPARE(value("causality", 0), std::string("0"));
    QCOMPARE(value("ties", 0.024), std::string("2.4 %"));
    QCOMPARE(value("chance", 3.9684), std::string("3.968"));
    QCOMPARE(value("selection-binds", 0.273), std::string("0.27"));
    QCOMPARE(value("effective-k", 1472), std::string("1472"));
    QCOMPARE(value("ties", 1), std::string("100 %"));
    const auto limit = [](const char *gate, CheckOutcome outcome, double number, double bound) {
        return limitText(result(gate, outcome, number, bound));
    };
    QCOMPARE(limit("dense-limit", CheckOutcome::Passed, 0, 1e-5), std::string("≤ 1e-5"));
    QCOMPARE(limit("split-overlap", CheckOutcome::Passed, 0, 0.01), std::string("≤ 1 %"));
    QCOMPARE(limit("indexer-gradient", CheckOutcome::Passed, 0.01, 0), std::string("> 0"));
    QCOMPARE(limit("chance", CheckOutcome::Passed, 4, 5.549), std::string("< 5.549"));
    QCOMPARE(limit("chance", CheckOutcome::Failed, 2, 5.525), std::string("≥ 5.525")); // below the floor
    QCOMPARE(limit("chance", CheckOutcome::Failed, 6, 5.549), std::string("< 5.549"));
    QVERIFY(valueText(result("ties", CheckOutcome::NotRun)).empty());
    QVERIFY(limitText(result("ties", CheckOutcome::NotRun)).empty());
}

void tst_Gates::resultsAreKeptBesideTheRun()
{
    QTemporaryDir folder;
    const RunConfig run = runOf("sparse");
    const std::filesystem::path path = std::filesystem::path(folder.path().toStdString()) / "run";
    const auto writer = RunWriter::create(path, run);
    QVERIFY(readChecks(RunReader(path)).empty());
    QVERIFY(!readFingerprint(RunReader(path)));
    storeChecks(*writer,
                {result("ties", CheckOutcome::Warning, 0.25, 0.01), result("causality", CheckOutcome::Failed)});
    storeChecks(*writer, {result("causality", CheckOutcome::Passed, 1e-6, 1e-4)}); // measured again
    const auto stored = readChecks(RunReader(path));
    QCOMPARE(stored.size(), std::size_t{2});
    QVERIFY(equal(stored[0], result("causality", CheckOutcome::Passed, 1e-6, 1e-4)));
    QVERIFY(equal(stored[1], result("ties", CheckOutcome::Warning, 0.25, 0.01)));
    storeFingerprint(*writer, sampleFingerprint(run));
    const auto fingerprint = readFingerprint(RunReader(path));
    QVERIFY(fingerprint);
    QCOMPARE(fingerprint->data, std::string("d0"));
    QCOMPARE(fingerprint->weights.at("model.norm.weight"), std::string("32:1234"));
    QCOMPARE(fingerprint->parameters, std::int64_t{1000});
}

void tst_Gates::aDamagedResultIsNoPass()
{
    QTemporaryDir folder;
    const std::filesystem::path path = std::filesystem::path(folder.path().toStdString()) / "run";
    const auto writer = RunWriter::create(path, runOf("sparse"));
    writer->value("check/causality", "{\"gate\": 3");
    writer->value("check/dense-limit", R"({"gate": "chance", "run": "x", "outcome": "splendid", "value": 0,
                                          "limit": 0, "measured": ""})");
    writer->value("check/unheard-of", "{}");
    writer->value("fingerprint", "[]");
    const auto stored = readChecks(RunReader(path));
    QCOMPARE(stored.size(), std::size_t{2});
    for (const CheckResult &one : stored) {
        QVERIFY(one.outcome == CheckOutcome::NotRun && withholds(one));
        QCOMPARE(one.measured, std::string("the stored result cannot be read"));
    }
    QVERIFY(!readFingerprint(RunReader(path)));
}

void tst_Gates::headlineCountsTheWorst()
{
    CheckResult passed, warning, failed, notRun;
    passed.outcome = CheckOutcome::Passed;
    warning.outcome = CheckOutcome::Warning;
    failed.outcome = CheckOutcome::Failed;
    QCOMPARE(soundnessHeadline({}), std::string("Checks not run"));
    QCOMPARE(soundnessHeadline({notRun}), std::string("Checks not run"));
    QCOMPARE(soundnessHeadline({passed, passed, notRun}), std::string("All 2 checks passed"));
    QCOMPARE(soundnessHeadline({passed, warning}), std::string("Compare with care: 1 warning"));
    QCOMPARE(soundnessHeadline({passed, warning, failed, failed}), std::string("Do not compare yet: 2 checks failed"));
}

void tst_Gates::resultsGoThroughJson()
{
    CheckResult result{"ties", "seq_24/sparse/seed_0", CheckOutcome::Warning, 0.25, std::nullopt, "25 % of the rows"};
    const CheckResult back = checkResultFromJson(nlohmann::json::parse(toJson(result).dump()));
    QCOMPARE(back.gate, result.gate);
    QCOMPARE(back.run, result.run);
    QVERIFY(back.outcome == result.outcome);
    QCOMPARE(*back.value, 0.25);
    QVERIFY(!back.limit);
    QCOMPARE(back.measured, result.measured);
    QVERIFY_EXCEPTION_THROWN(checkResultFromJson(nlohmann::json{{"gate", "ties"}}), Failure);
}

QTEST_GUILESS_MAIN(tst_Gates)
#include "tst_gates.moc"
