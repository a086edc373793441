#include "core/base/error.h"
#include "core/experiment/goals/kernel_goals.h"
#include "tests/core/experiment/command_line.h"
#include "tests/core/experiment/made_up_results.h"

#include <QTest>

#include <filesystem>
#include <string>

using namespace sparsescope;
using namespace sparsescope::testing;
namespace fs = std::filesystem;

namespace {

/// Masked attention at the first shape of small models, forward or backward.
Json attentionRow(const char *op, double ours, double dense, bool right = true)
{
    const auto timing = [](const char *name, double us) {
        return Json{
            {"name", name}, {"backend", "made up"}, {"us", us}, {"us_quartiles", {us, us}}, {"peak_bytes", nullptr}};
    };
    return {{"op", op},
            {"shape",
             {{"batch", 8},
              {"queries", 2048},
              {"keys", 2048},
              {"k", 1024},
              {"heads", 8},
              {"width", 64},
              {"type", "bfloat16"}}},
            {"equals_reference", right},
            {"bytes", 1e6},
            {"flops", 1e9},
            {"floor_us", 40},
            {"timings", Json::array({timing("ours", ours), timing("torch.sdpa", dense)})}};
}

const Json &goal(const Json &document, const std::string &what)
{
    for (const Json &entry : document["goals"]) {
        if (entry["what"] == what)
            return entry;
    }
    static const Json none;
    return none;
}

} // namespace

/// What the kernels are to reach, judged from stored benchmarks.
class tst_Goals : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void everyGoalCanBeMissedAndMet();
    void timesAreAddedOnBothSides();
    void wrongResultsMeetNothing();
    void stepsAreComparedWithinAFile();
    void theNewestMeasurementCounts();
    void storedBenchmarksOfThisTree();
    void commandLine();
};

void tst_Goals::everyGoalCanBeMissedAndMet()
{
    const char *what = "Masked attention over cuDNN dense, forward";
    const ResultsFolder results;
    const fs::path file = results.root() / "bench/card/attention.json";
    QVERIFY(goal(judgeGoals(results.root()), what)["met"].is_null());
    results.write(file, benchDocument("attention", {attentionRow("masked_attention", 110, 100)}));
    QVERIFY(goal(judgeGoals(results.root()), what)["met"] == true);
    results.write(file, benchDocument("attention", {attentionRow("masked_attention", 120, 100)}));
    const Json document = judgeGoals(results.root());
    QVERIFY(goal(document, what)["met"] == false);
    QCOMPARE(goal(document, what)["measured"].get<double>(), 1.2);
    QVERIFY(contains(goalsMarkdown(document), "missed by 4 %"));
}

void tst_Goals::timesAreAddedOnBothSides()
{
    const ResultsFolder results;
    results.write(results.root() / "bench/card/attention.json",
                  benchDocument("attention", {attentionRow("masked_attention", 130, 100),
                                              attentionRow("masked_attention backward", 350, 300)}));
    const Json entry = goal(judgeGoals(results.root()), "Masked attention over cuDNN dense, forward and backward");
    QCOMPARE(entry["measured"].get<double>(), 1.2);
    QVERIFY(entry["met"] == true);
}

void tst_Goals::wrongResultsMeetNothing()
{
    const ResultsFolder results;
    results.write(results.root() / "bench/card/attention.json",
                  benchDocument("attention", {attentionRow("masked_attention", 50, 100, false)}));
    const Json document = judgeGoals(results.root());
    QVERIFY(goal(document, "Masked attention over cuDNN dense, forward")["met"] == false);
    QVERIFY(contains(goalsMarkdown(document), "wrong results"));
}

void tst_Goals::stepsAreComparedWithinAFile()
{
    const ResultsFolder results;
    results.write(
        results.root() / "bench/card/step.json",
        benchDocument("step", {stepRow("classic", 256, 2, 1e9, 1000), stepRow("sparse", 256, 2.5, 1e9, 1100)}));
    const Json document = judgeGoals(results.root());
    for (const Json &entry : document["goals"]) {
        if (entry["what"] == "DSA over Classic" && !entry["measured"].is_null()) {
            QCOMPARE(entry["measured"].get<double>(), 1.25);
            QVERIFY(entry["met"] == true);
            return;
        }
    }
    QFAIL("no ratio of steps");
}

void tst_Goals::theNewestMeasurementCounts()
{
    const ResultsFolder results;
    const auto write = [&](const char *name, const char *measured, double ours) {
        Json document = benchDocument("attention", {attentionRow("masked_attention", ours, 100)});
        document["measured"] = measured;
        results.write(results.root() / "bench/card" / name, document);
    };
    write("a.json", "2026-11-02T00:00:00Z", 105);
    write("b.json", "2026-11-01T00:00:00Z", 150);
    QCOMPARE(goal(judgeGoals(results.root()), "Masked attention over cuDNN dense, forward")["measured"].get<double>(),
             1.05);
}

void tst_Goals::storedBenchmarksOfThisTree()
{
    const Json document = judgeGoals(fs::path(qgetenv("SPARSESCOPE_SOURCE").toStdString()) / "experiments/results");
    QVERIFY(document["problems"].empty());
    QCOMPARE(document["counts"]["not_measured"].get<int>(), 0);
    // Drawn from these files and not from older ones.
    QVERIFY(readJson(fs::path(qgetenv("SPARSESCOPE_SOURCE").toStdString()) / "experiments/results/goals.json") ==
            document);
}

void tst_Goals::commandLine()
{
    const ResultsFolder results;
    results.write(results.root() / "bench/card/attention.json",
                  benchDocument("attention", {attentionRow("masked_attention", 110, 100)}));
    const QString root = QString::fromStdString(results.root().string());
    const Result found = run({"report", root, "--goals"});
    QCOMPARE(found.code, 0);
    QVERIFY2(found.out.contains("1 goals met, 0 missed"), found.out.constData());
    QVERIFY(fs::exists(results.root() / "GOALS.md") && fs::exists(results.root() / "goals.json"));
    QCOMPARE(run({"report", root + "/nowhere", "--goals"}).code, 2);
    QCOMPARE(run({"report", root, "--goals", "--claims"}).code, 2);
}

QTEST_GUILESS_MAIN(tst_Goals)
#include "tst_goals.moc"
