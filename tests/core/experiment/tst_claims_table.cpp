#include "core/base/error.h"
#include "core/experiment/claims/claims_text.h"
#include "core/experiment/report.h"
#include "core/experiment/small_results.h"
#include "tests/core/experiment/command_line.h"
#include "tests/core/experiment/made_up_results.h"

#include <QJsonArray>
#include <QTest>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

using namespace sparsescope;
using namespace sparsescope::testing;
namespace fs = std::filesystem;

/// What the table of claims is drawn from, and the files that it becomes.
class tst_ClaimsTable : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void stepsOfABenchmark();
    void memoryAtLength();
    void longContext();
    void growthOfTheSelection();
    void storedBenchmarksOfThisTree();
    void anotherVersionOfABenchmark();
    void damagedSummaries();
    void damageOfReducedResultsIsTold();
    void resultsThatLieThereTwice();
    void smallResultsSayTheSame();
    void smallResultsStayInTheirPlace();
    void filesOfTheTable();
    void storedTableIsDrawnFromTheseResults();
    void commandLine();
};

void tst_ClaimsTable::stepsOfABenchmark()
{
    const ResultsFolder results;
    const fs::path file = results.root() / "bench/card/step.json";
    results.write(file, benchDocument("step", {stepRow("classic", 256, 2.0, 1e9, 100000),
                                               stepRow("sparse", 256, 2.02, 0.7e9, 101300)}));
    Json document = results.judged();
    QCOMPARE(verdict(document, 4), std::string("holds"));
    QCOMPARE(verdict(document, 11), std::string("holds"));
    QCOMPARE(verdict(document, 13), std::string("does not hold")); // smaller, not faster
    QCOMPARE(verdict(document, 21), std::string("not measured"));
    QVERIFY(claim(document, 4)["cards"] == Json::array({"Some Card"}));
    QVERIFY(claim(document, 4)["parameters"] == Json::array({100000, 101300}));
    QVERIFY(claim(document, 4)["kinds"] == Json::array({"benchmark"}));
    QVERIFY(contains(claimsMarkdown(document), "| benchmark | - | 0.10 M |"));
    QVERIFY(contains(claimsMarkdown(document), "Of claim 25 the brackets are Wilson's"));

    results.write(file, benchDocument("step", {stepRow("classic", 256, 2.0, 1e9, 100000),
                                               stepRow("sparse", 256, 1.3, 0.7e9, 104000)}));
    document = results.judged();
    QCOMPARE(verdict(document, 4), std::string("does not hold"));
    QCOMPARE(verdict(document, 11), std::string("does not hold"));
    QCOMPARE(verdict(document, 13), std::string("holds"));
}

void tst_ClaimsTable::memoryAtLength()
{
    const ResultsFolder results;
    const auto write = [&](int length, double sparseBytes) {
        Json sparse = stepRow("sparse", length, 2, sparseBytes, 1000);
        sparse["top_k"] = 2048;
        results.write(results.root() / fmt::format("bench/step_{}.json", length),
                      benchDocument("step", {stepRow("classic", length, 2, 1e9, 1000), sparse}));
    };
    write(131072, 10e9);
    QCOMPARE(verdict(results.judged(), 21), std::string("not clear")); // one length says nothing of growth
    QVERIFY2(contains(measured(results.judged(), 21), "no step with k 2048 that is shorter"),
             measured(results.judged(), 21).c_str());
    write(32768, 2.6e9);
    QCOMPARE(verdict(results.judged(), 21), std::string("holds"));
    write(32768, 1.5e9); // a small card, but more than linear
    QCOMPARE(verdict(results.judged(), 21), std::string("does not hold"));
    QVERIFY2(contains(measured(results.judged(), 21), "an exponent of 1.37"), measured(results.judged(), 21).c_str());
    write(32768, 10e9);
    write(131072, 30e9);
    QCOMPARE(verdict(results.judged(), 21), std::string("does not hold"));
}

void tst_ClaimsTable::longContext()
{
    const ResultsFolder results;
    const auto bench = [](double ours) {
        return benchDocument("attention",
                             {operationRow("masked_attention", 1, 32768, {{"ours", ours}, {"torch.sdpa", 72000}}),
                              operationRow("masked_attention", 1, 2048, {{"ours", 60}, {"torch.sdpa", 40}})});
    };
    results.write(results.root() / "bench/attention.json", bench(60000));
    QCOMPARE(verdict(results.judged(), 20), std::string("does not hold")); // 1.2 times without its selection
    results.write(results.root() / "bench/attention.json", bench(20000));
    const Json document = results.judged();
    QCOMPARE(verdict(document, 20), std::string("not clear")); // the selection and two lengths are missing
    QVERIFY2(contains(measured(document, 20), "no benchmark of attention at 131072 tokens"),
             measured(document, 20).c_str());
    // With the selection in the time a large factor says something too.
    const auto core = [](double atLongest) {
        return benchDocument(
            "attention",
            {operationRow("attention core forward", 1, 32768, {{"ours", 20}, {"torch.sdpa", 60}}),
             operationRow("attention core forward", 1, 65536, {{"ours", 20}, {"torch.sdpa", 120}}),
             operationRow("attention core forward", 1, 131072, {{"ours", atLongest}, {"torch.sdpa", 220}})});
    };
    results.write(results.root() / "bench/attention.json", core(20));
    QCOMPARE(verdict(results.judged(), 20), std::string("holds"));
    QVERIFY2(contains(measured(results.judged(), 20), "selection of k 2048 keys included"),
             measured(results.judged(), 20).c_str());
    results.write(results.root() / "bench/attention.json", core(40));
    QCOMPARE(verdict(results.judged(), 20), std::string("does not hold"));
}

void tst_ClaimsTable::growthOfTheSelection()
{
    const ResultsFolder results;
    const fs::path file = results.root() / "bench/indexer.json";
    const auto bench = [](double atTwice) {
        return benchDocument("indexer", {operationRow("index_select", 8, 2048, {{"ours", 100}}),
                                         operationRow("index_select", 4, 4096, {{"ours", atTwice}}),
                                         operationRow("index_select", 1, 32768, {{"ours", 5}})}); // other work in all
    };
    results.write(file, bench(200)); // as many queries, twice the keys, twice the time: n^2 a sequence
    QCOMPARE(verdict(results.judged(), 22), std::string("does not hold"));
    QVERIFY2(contains(measured(results.judged(), 22), "index_select, 2048 to 4096 keys, k 2048: n^2.00"),
             measured(results.judged(), 22).c_str());
    results.write(file, bench(105));
    QCOMPARE(verdict(results.judged(), 22), std::string("holds"));
}

void tst_ClaimsTable::storedBenchmarksOfThisTree()
{
    const ResultsFolder results;
    const fs::path tree = qEnvironmentVariable("SPARSESCOPE_SOURCE").toStdString();
    fs::copy(tree / "experiments/results/bench", results.root() / "bench", fs::copy_options::recursive);
    const Json document = results.judged();
    QVERIFY2(document["problems"].empty(), document["problems"].dump().c_str());
    for (const int id : {4, 11, 13, 22}) {
        QVERIFY2(verdict(document, id) != "not measured", because(document, id).c_str());
        QVERIFY(contains(claim(document, id)["cards"].dump(), "H100"));
    }
}

void tst_ClaimsTable::anotherVersionOfABenchmark()
{
    const ResultsFolder results;
    Json bench = benchDocument("step", {stepRow("classic", 256, 2, 1e9, 1), stepRow("sparse", 256, 2, 1e9, 1)});
    bench["schema"] = 2;
    results.write(results.root() / "bench/newer.json", bench);
    bench = benchDocument("topk", {operationRow("topk_select", 8, 2048, {{"ours", 100}})});
    bench["rows"][0]["timings"][0].erase("us");
    results.write(results.root() / "bench/other.json", bench);
    results.write(results.root() / "bench/unknown.json", {{"bench", "views"}, {"anything", 1}});
    const Json document = results.judged();
    QCOMPARE(verdict(document, 4), std::string("not measured"));
    QCOMPARE(because(document, 4), std::string("there is no benchmark of training steps on a card"));
    QCOMPARE(document["problems"].size(), std::size_t{2});
    const std::string newer = document["problems"][0], other = document["problems"][1];
    QVERIFY2(contains(newer, "bench/newer.json: schema: got 2, allowed 1"), newer.c_str());
    QVERIFY2(contains(other, "bench/other.json: rows[0].timings[0].us: missing field"), other.c_str());
}

void tst_ClaimsTable::damagedSummaries()
{
    const ResultsFolder results;
    results.storeExp1([](const RunConfig &) { return -0.5; });
    const Json sound = writeReport(results.folder("exp1-sparse-vs-classic"));
    fs::remove_all(results.folder("exp1-sparse-vs-classic"));
    const fs::path file = results.root() / "exp1/summary.json";
    results.write(file, sound);
    QCOMPARE(verdict(results.judged(), 1), std::string("holds"));

    const std::pair<std::function<void(Json &)>, std::string> damages[] = {
        {[](Json &d) { d["comparisons"][0].erase("values_b"); }, "comparisons[0].values_b: missing field"},
        {[](Json &d) { d["comparisons"][1]["values_b"].push_back(3); }, "comparisons[1].values_b: got a list of 4"},
        {[](Json &d) { d["comparisons"][0]["mean_difference"] = -9; }, "comparisons[0].mean_difference: got -9"},
        {[](Json &d) { d["comparisons"][0]["verdict"] = "worse"; }, "comparisons[0].verdict: got \"worse\""},
        {[](Json &d) { d["runs"][0].erase("withheld_by"); }, "runs[0].withheld_by: missing field"},
        {[](Json &d) { d["runs"][0]["val_loss"] = "low"; }, "runs[0].val_loss: got \"low\", allowed a number"},
        {[](Json &d) { d["runs"] = 3; }, "runs: got 3, allowed a list"},
        {[](Json &d) { d["schema"] = 7; }, "schema: got 7, allowed 1"},
        {[](Json &d) { d = Json::array(); }, "got [], allowed an object with schema"}};
    for (const auto &[damage, said] : damages) {
        Json document = sound;
        damage(document);
        results.write(file, document);
        const Json table = results.judged();
        QCOMPARE(verdict(table, 1), std::string("not measured"));
        QCOMPARE(table["problems"].size(), std::size_t{1});
        const std::string problem = table["problems"][0];
        QVERIFY2(contains(problem, "exp1/summary.json") && contains(problem, said), problem.c_str());
    }
    std::ofstream(file) << "{ no JSON";
    QVERIFY2(contains(results.judged()["problems"][0].get<std::string>(), "summary.json"), "names the file");
}

/// Reduced results say what was damaged when they were drawn, and what was merely not kept.
void tst_ClaimsTable::damageOfReducedResultsIsTold()
{
    const ResultsFolder results;
    results.storeExp1([](const RunConfig &) { return -0.5; });
    Json summary = writeReport(results.folder("exp1-sparse-vs-classic"));
    fs::remove_all(results.folder("exp1-sparse-vs-classic"));
    const fs::path file = results.root() / "exp1/summary.json";
    summary["not_kept"] = Json::array({{{"run", "seq_128/sparse/seed_0"}, {"files", {"a", "b", "c"}}}});
    results.write(file, summary);
    const Json absent = results.judged();
    QCOMPARE(verdict(absent, 1), std::string("holds"));
    QVERIFY(absent["problems"].empty());
    QCOMPARE(absent["not_kept"][0]["text"].get<std::string>(), std::string("of 1 run 3 files: a, b and 1 more"));
    QVERIFY(contains(claimsMarkdown(absent), "## Not kept"));
    summary["problems"] = Json::array({"seq_128/sparse/seed_0/snapshots/x: file is damaged."});
    results.write(file, summary);
    const Json damaged = results.judged();
    QCOMPARE(verdict(damaged, 1), std::string("not clear"));
    QVERIFY2(contains(measured(damaged, 1), "what is damaged of it: seq_128/sparse/seed_0/snapshots/x"),
             measured(damaged, 1).c_str());
    QCOMPARE(damaged["problems"][0].get<std::string>(),
             std::string("exp1: seq_128/sparse/seed_0/snapshots/x: file is damaged."));
    summary.erase("not_kept"); // older than the field
    summary["problems"] = Json::array();
    results.write(file, summary);
    QCOMPARE(verdict(results.judged(), 1), std::string("holds"));
}

void tst_ClaimsTable::resultsThatLieThereTwice()
{
    const ResultsFolder results;
    results.storeExp1([](const RunConfig &) { return -0.5; });
    fs::copy(results.folder("exp1-sparse-vs-classic"), results.folder("again"), fs::copy_options::recursive);
    const Json document = results.judged();
    QCOMPARE(verdict(document, 1), std::string("not measured"));
    QCOMPARE(because(document, 1), std::string("results of preset exp1-sparse-vs-classic lie in again and in "
                                               "exp1-sparse-vs-classic: keep one of them"));
}

void tst_ClaimsTable::smallResultsSayTheSame()
{
    const ResultsFolder results;
    results.storeExp1([](const RunConfig &run) { return 0.03 + 7 * jitter(run); },
                      {{"data.path", "/some/where/corpus.txt"}});
    results.store("the-302-percent", [](const RunConfig &run) {
        return std::vector<Scalar>{
            {"train.loss", 1}, {"val.loss", 1.5 + jitter(run) / 3}, {"val.loss.dense_part", 0.01}};
    });
    results.store("recall-recipes", [](const RunConfig &run) {
        return std::vector<Scalar>{{"train.loss", 1}, {"val.loss", 1}, {"val.accuracy", 0.9 + jitter(run) / 7}};
    });
    results.store("rate-search", [](const RunConfig &run) {
        return std::vector<Scalar>{{"train.loss", 2}, {"val.loss", 2 + run.training.learningRate / 3 + jitter(run)}};
    });
    const Json whole = results.judged();
    const fs::path small = results.root().parent_path() / "small";
    for (const char *name : {"exp1-sparse-vs-classic", "the-302-percent", "recall-recipes", "rate-search"}) {
        writeReport(results.folder(name));
        std::ofstream(results.folder(name) / "figure.svg") << "<svg/>";
        std::ofstream(results.folder(name) / "figure.png") << "not kept";
        std::ofstream(results.folder(name) / "curves.svg") << std::string(kLargestFigure + 1, ' ');
        const SmallResults kept = keepSmallResults(results.folder(name), small);
        QCOMPARE(kept.files.size(), std::size_t{6});
        QVERIFY(kept.tooLarge == std::vector<fs::path>{results.folder(name) / "curves.svg"});
        QVERIFY(fs::exists(small / name / "comparisons.csv") && fs::exists(small / name / "figure.svg"));
        QVERIFY(!fs::exists(small / name / "seq_128"));
    }
    const Json reduced = judgeClaims(small);
    QVERIFY2(reduced == whole, Json::diff(whole, reduced).dump(1).c_str());
    QCOMPARE(readJson(small / "exp1-sparse-vs-classic/experiment.json")["data"]["path"].get<std::string>(),
             std::string("corpus.txt"));
    QVERIFY(claim(reduced, 1)["data"] == Json::array({"text corpus.txt"}));
}

void tst_ClaimsTable::smallResultsStayInTheirPlace()
{
    const ResultsFolder results;
    results.storeExp1([](const RunConfig &) { return 0.0; });
    const fs::path experiment = results.folder("exp1-sparse-vs-classic");
    QVERIFY_THROWS_EXCEPTION(Failure, keepSmallResults(experiment, results.root() / "small")); // no report yet
    writeReport(experiment);
    QVERIFY_THROWS_EXCEPTION(Failure, keepSmallResults(experiment, results.root())); // onto itself
    QVERIFY_THROWS_EXCEPTION(Failure, keepSmallResults(experiment, experiment / "small"));
    Json summary = readJson(experiment / "summary.json");
    summary["experiment"] = "../outside";
    results.write(experiment / "summary.json", summary);
    try {
        keepSmallResults(experiment, results.root() / "small");
        QFAIL("not refused");
    } catch (const Failure &failure) {
        QVERIFY2(contains(failure.what(), "summary.json: experiment: got \"../outside\""), failure.what());
    }
    QVERIFY(!fs::exists(results.root() / "outside"));
}

void tst_ClaimsTable::filesOfTheTable()
{
    const ResultsFolder results;
    results.storeExp1([](const RunConfig &run) { return 0.03 + jitter(run); });
    results.write(results.root() / "bench/newer.json", {{"bench", "step"}, {"schema", 2}});
    const Json document = writeClaims(results.root());
    QVERIFY(readJson(results.root() / "claims.json") == document);
    QVERIFY(document == results.judged()); // its own files are no results
    std::ifstream input(results.root() / "CLAIMS.md");
    const std::string text{std::istreambuf_iterator<char>(input), {}};
    QVERIFY2(contains(text, "Of 28 claims " + claimsHeadline(document)), text.c_str());
    QVERIFY(contains(text, "| 1 | Sparse attention beats Classic | by 139 to 302 % at L = 64, 128, 256 | DSA against "
                           "Classic, L 64: +0.0310 nats"));
    QVERIFY(contains(text, "## Could not be read") && contains(text, "newer.json: schema: got 2"));
    std::istringstream lines(text);
    int rows = 0;
    for (std::string line; std::getline(lines, line);) {
        if (!line.starts_with("|"))
            continue;
        ++rows;
        QVERIFY(std::count(line.begin(), line.end(), '|') == 11);
    }
    QCOMPARE(rows, 30); // titles and the line below them
    std::ifstream csv(results.root() / "claims.csv");
    const std::string cells{std::istreambuf_iterator<char>(csv), {}};
    QVERIFY(cells.starts_with("id,claim,claimed,measured,verdict,seeds,steps,model,data,card,sources\r\n1,"));
    QVERIFY(contains(cells, "\r\n28,"));
}

/// Drawn from these files and not from older ones.
void tst_ClaimsTable::storedTableIsDrawnFromTheseResults()
{
    const fs::path root = fs::path(qgetenv("SPARSESCOPE_SOURCE").toStdString()) / "experiments/results";
    const Json document = judgeClaims(root);
    QVERIFY2(readJson(root / "claims.json") == document, "sparsescope-cli report experiments/results --claims");
    std::ifstream table(root / "CLAIMS.md");
    std::stringstream text;
    text << table.rdbuf();
    QVERIFY2(text.str() == claimsMarkdown(document), "sparsescope-cli report experiments/results --claims");
}

void tst_ClaimsTable::commandLine()
{
    const ResultsFolder results;
    results.storeExp1([](const RunConfig &run) { return 0.03 + jitter(run); });
    const QString root = QString::fromStdString(results.root().string());
    const Result json = run({"report", root, "--claims", "--json"});
    QVERIFY2(json.code == 0, json.err);
    QCOMPARE(json.json()["claims"].toArray().size(), 28);
    QVERIFY(fs::exists(results.root() / "CLAIMS.md"));
    const Result text = run({"report", root, "--claims"});
    QVERIFY2(text.out.contains(" 1  does not hold  Sparse attention beats Classic"), text.out);
    QCOMPARE(run({"report", root + "/nowhere", "--claims"}).code, 2);
    QCOMPARE(run({"report", root, "--claims", "--small", root + "/small"}).code, 2);
    const QString small = QString::fromStdString((results.root().parent_path() / "small").string());
    const Result kept = run({"report", root + "/exp1-sparse-vs-classic", "--small", small});
    QVERIFY2(kept.code == 0, kept.err);
    QVERIFY(fs::exists(results.root().parent_path() / "small/exp1-sparse-vs-classic/summary.json"));
    std::ofstream(results.root() / "exp1-sparse-vs-classic/seq_64/sparse/seed_1/run.sqlite") << "no database";
    const Result damaged = run({"report", root, "--claims"});
    QCOMPARE(damaged.code, 1);
    QVERIFY2(damaged.err.contains("run.sqlite"), damaged.err);
}

QTEST_GUILESS_MAIN(tst_ClaimsTable)
#include "tst_claims_table.moc"
