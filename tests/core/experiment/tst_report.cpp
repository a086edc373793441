// Longer than 400 lines: every table of a report is asked of the same made-up runs.
#include "core/base/config.h"
#include "core/base/error.h"
#include "core/base/run_store.h"
#include "core/base/stored_checks.h"
#include "core/base/stored_summary.h"
#include "core/experiment/report.h"
#include "tests/core/experiment/stored_runs.h"

#include <QTemporaryDir>
#include <QTest>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

using namespace sparsescope;
using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

namespace {

std::string textOf(const fs::path &file)
{
    std::ifstream input(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(input), {}};
}

bool contains(const std::string &text, const std::string &part) { return text.find(part) != std::string::npos; }

const Json &row(const Json &rows, const char *key, const std::string &value)
{
    for (const Json &one : rows) {
        if (one[key] == value)
            return one;
    }
    throw std::runtime_error("no row " + value);
}

} // namespace

class tst_Report : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init();
    void theSummaryHasEveryKey();
    void pairedDifferencesAndVerdicts();
    void oneSeedHasNoInterval();
    void sweptValuesStandAgainstTheFirst();
    void onlyDoneRunsAreCompared();
    void familyFilesHoldMeans();
    void unknownIsNull();
    void aDamagedRunIsListedAndTheRestGoesOn();
    void textsSayThatChecksWereNotRun();
    void aFailedGateStandsBesideTheComparison();
    void everySeedIsInTheTable();
    void textsAreQuoted();
    void summariseWritesNothing();
    void foldersWithoutRunsAreRefused();
    void answersStandByDistance();
    void aSummaryGivesTheSameTables();

private:
    /// Runs of an experiment with families, lengths and seeds; `loss` by run folder, else 2.0. `checked`: all gates passed.
    void make(const Json &sweep, const std::map<std::string, double> &losses, RunState state = RunState::Finished,
              bool checked = true)
    {
        Json document = {{"schema", 1}, {"name", "exp"}, {"question", "Does | it \"matter\"?"}, {"sweep", sweep}};
        const auto last = [&](const RunConfig &run) {
            const auto known = losses.find(run.folder());
            std::vector<Scalar> values = {{"train.loss", 2},
                                          {"val.loss", known == losses.end() ? 2.0 : known->second},
                                          {"val.loss.chance", std::log(257.0)},
                                          {"val.accuracy", 0.5},
                                          {"val.accuracy.chance", 0.1},
                                          {"val.exact", 0.25},
                                          {"val.exact.chance", 0.001},
                                          {"val.accuracy.distance/0", 0.75},
                                          {"val.exact.distance/0", 0.5},
                                          {"val.accuracy.distance/3", 0.125},
                                          {"flops.executed", 1e12},
                                          {"time.step", 0.4},
                                          {"memory.device", 0},
                                          {"memory.host", 1e9}};
            const std::vector<Scalar> selecting = {{"selection.mass_kept", 0.9},
                                                   {"selection.mass_kept.worst", 0.6},
                                                   {"selection.ties", 0.01},
                                                   {"indexer.kl", 0.2},
                                                   {"selection.mass_kept.chance", 0.3},
                                                   {"indexer.captured", 0.95},
                                                   {"oracle.recall", 0.7},
                                                   {"oracle.recall.best_layer", 0.8},
                                                   {"oracle.recall.random", 0.25},
                                                   {"oracle.recall.recency", 0.3},
                                                   {"selection.agreement.1", 0.3},
                                                   {"selection.agreement.2", 0.5},
                                                   {"counterfactual.accuracy.random", 0.2},
                                                   {"counterfactual.accuracy.recency", 0.15}};
            if (isSparse(run.model.family))
                values.insert(values.end(), selecting.begin(), selecting.end());
            return values;
        };
        testing::storeRuns(m_path, parseExperiment(document, "test"), last, state, checked);
    }

    std::unique_ptr<QTemporaryDir> m_folder;
    fs::path m_path;
};

void tst_Report::init()
{
    m_folder = std::make_unique<QTemporaryDir>();
    m_path = fs::path(m_folder->path().toStdString()) / "exp";
}

void tst_Report::theSummaryHasEveryKey()
{
    make({{"family", {"classic", "sparse"}}, {"seed", {0, 1}}}, {{"seq_128/sparse/seed_0", 1.0 / 3}});
    const Json summary = writeReport(m_path);
    QVERIFY(Json::parse(textOf(m_path / "summary.json")) == summary);
    QVERIFY(summary["schema"] == Json(1));
    QVERIFY(summary["experiment"] == Json("exp"));
    QVERIFY(summary["question"] == Json("Does | it \"matter\"?"));
    QCOMPARE(summary["runs"].size(), std::size_t{4});
    QVERIFY(!summary["gates"].empty());
    for (const Json &gate : summary["gates"]) {
        for (const char *key : {"gate", "run", "passed", "value", "limit", "outcome", "measured"})
            QVERIFY2(gate.contains(key), key);
        QVERIFY(gate["passed"] == Json(true) || gate["gate"] == "learning-rates");
    }
    QVERIFY(contains(summary["soundness"].get<std::string>(), "checks passed"));
    QVERIFY(contains(row(summary["runs"], "run", "seq_128/sparse/seed_0")["soundness"].get<std::string>(),
                     "All 11 checks passed"));
    for (const char *file : {"summary", "experiment", "run", "snapshot", "trainer", "counterfactual"})
        QVERIFY2(summary["versions"][file] == Json(1), file);
    QVERIFY(summary["chance"]["val_loss"] == Json(std::log(257.0)));
    const Json &run = row(summary["runs"], "run", "seq_128/sparse/seed_0");
    QVERIFY(run["family"] == Json("sparse"));
    QVERIFY(run["sequence_length"] == Json(128));
    QVERIFY(run["seed"] == Json(0));
    QVERIFY(run["top_k"] == Json(16));
    QVERIFY(run["state"] == Json("finished"));
    QVERIFY(run["steps"] == Json(10));
    QVERIFY(run["parameters"] == Json(41216));
    QCOMPARE(run["val_loss"].get<double>(), 1.0 / 3); // every digit, through the file
    QCOMPARE(Json::parse(textOf(m_path / "summary.json"))["runs"][2]["val_loss"].get<double>(), 1.0 / 3);
    QVERIFY(run["best_val_loss"] == Json(1.0 / 3));
    QVERIFY(row(summary["runs"], "run", "seq_128/classic/seed_0")["best_val_loss"] == Json(1.0));
    QVERIFY(run["val_accuracy"] == Json(0.5));
    QVERIFY(run["val_accuracy_chance"] == Json(0.1));
    QVERIFY(run["mass_kept"] == Json(0.9));
    QVERIFY(run["mass_kept_chance"] == Json(0.3));
    QVERIFY(run["captured"] == Json(0.95));
    QCOMPARE(run["agreement"].get<double>(), 0.4); // mean over the layers
    QVERIFY(run["train_loss"] == Json(2.0));
    QVERIFY(run["data"] == Json("stories"));
    QVERIFY(run["withheld_by"].empty());
    QVERIFY(run["oracle_recall_best_layer"] == Json(0.8));
    QVERIFY(run["oracle_recall_random"] == Json(0.25));
    QVERIFY(run["oracle_recall_recency"] == Json(0.3));
    QVERIFY(run["accuracy_random_selector"] == Json(0.2));
    QVERIFY(run["accuracy_recency_selector"] == Json(0.15));
    QVERIFY(std::abs(run["seconds_per_step"].get<double>() - 0.3) < 1e-12); // median
    QVERIFY(run["peak_memory_bytes"] == Json(1e9));
    QVERIFY(run["device"] == Json("cpu"));
}

void tst_Report::pairedDifferencesAndVerdicts()
{
    make({{"family", {"classic", "sparse", "mhla", "mhla_sparse"}}, {"seed", {0, 1, 2}}},
         {{"seq_128/sparse/seed_0", 1.500}, {"seq_128/sparse/seed_1", 1.501}, {"seq_128/sparse/seed_2", 1.502}});
    const Json comparisons = summarise(m_path)["comparisons"];
    QCOMPARE(comparisons.size(), std::size_t{4});
    const auto of = [&](const char *a, const char *b) {
        for (const Json &one : comparisons) {
            if (one["a"] == a && one["b"] == b)
                return one;
        }
        return Json();
    };
    const Json better = of("classic", "sparse");
    QVERIFY(better["n"] == Json(3));
    QVERIFY(better["metric"] == Json("val_loss"));
    QVERIFY(better["sequence_length"] == Json(128));
    QVERIFY(std::abs(better["mean_difference"].get<double>() + 0.499) < 1e-12);
    QVERIFY(std::abs(better["ci95"][0].get<double>() - (-0.499 - 4.302653 * 0.001 / std::sqrt(3.0))) < 1e-8);
    QVERIFY(better["verdict"] == Json("better"));
    QVERIFY(of("mhla", "mhla_sparse")["verdict"] == Json("no difference within the margin"));
    QVERIFY(of("classic", "mhla")["mean_difference"] == Json(0.0));
    QVERIFY(of("sparse", "mhla_sparse")["verdict"] == Json("worse"));
}

void tst_Report::oneSeedHasNoInterval()
{
    make({{"family", {"classic", "sparse"}}, {"sequence_length", {64, 128}}}, {});
    const Json summary = writeReport(m_path);
    QCOMPARE(summary["comparisons"].size(), std::size_t{2}); // lengths are never mixed
    for (const Json &one : summary["comparisons"]) {
        QVERIFY(one["n"] == Json(1));
        QVERIFY(one["ci95"].is_null());
        QVERIFY(one["verdict"] == Json("one seed: no interval"));
    }
    QVERIFY(fs::exists(m_path / "seq_64/sparse_results.json"));
    QVERIFY(fs::exists(m_path / "seq_128/classic_results.json"));
}

/// The first of the sweep, not the first by name; and in each family on its own.
void tst_Report::sweptValuesStandAgainstTheFirst()
{
    make({{"family", {"classic", "sparse"}}, {"seed", {0, 1, 2}}, {"training.learning_rate", {0.002, 0.001}}},
         {{"seq_128/sparse/seed_0/learning_rate_0.001", 2.5},
          {"seq_128/sparse/seed_1/learning_rate_0.001", 2.5},
          {"seq_128/sparse/seed_2/learning_rate_0.001", 2.501}});
    const Json summary = writeReport(m_path);
    QCOMPARE(summary["comparisons_swept"].size(), std::size_t{2});
    for (const Json &one : summary["comparisons_swept"]) {
        QVERIFY(one["by"] == "learning_rate" && one["a"] == "0.002" && one["b"] == "0.001");
        QVERIFY(one["verdict"] == (one["family"] == "sparse" ? "worse" : "no difference within the margin"));
    }
    QVERIFY(contains(textOf(m_path / "RESULTS_SUMMARY.md"), "| DSA, learning_rate 0.001 against 0.002 | 128 |"));
    QVERIFY(contains(textOf(m_path / "comparisons.csv"),
                     "0.002,0.001,128,,val_loss,steps,0,10.0,2.0,2.5,0.5,learning_rate,sparse\r\n"));
    QVERIFY(summary["comparisons"].size() == 2); // one for each rate
}

void tst_Report::onlyDoneRunsAreCompared()
{
    make({{"family", {"classic", "sparse"}}, {"seed", {0, 1}}}, {});
    RunWriter::open(m_path / "seq_128/sparse/seed_1")->state(RunState::Stopped);
    const Json summary = writeReport(m_path);
    QVERIFY(summary["comparisons"][0]["n"] == Json(1));
    QVERIFY(summary["comparisons"][0]["seeds"] == Json::array({0}));
    const std::string text = textOf(m_path / "RESULTS_SUMMARY.md");
    QVERIFY(contains(text, "- seq_128/sparse/seed_1: Stopped"));
}

void tst_Report::familyFilesHoldMeans()
{
    make({{"family", {"sparse"}}, {"seed", {0, 1}}, {"top_k", {8, 16}}},
         {{"seq_128/sparse/seed_0/top_k_8", 1.0}, {"seq_128/sparse/seed_1/top_k_8", 2.0}});
    const Json summary = writeReport(m_path);
    QCOMPARE(summary["runs"].size(), std::size_t{4});
    const Json document = Json::parse(textOf(m_path / "seq_128/sparse_results.json"));
    QVERIFY(document["family"] == Json("sparse"));
    QCOMPARE(document["groups"].size(), std::size_t{2});
    const Json &group = document["groups"][0]["top_k"] == 8 ? document["groups"][0] : document["groups"][1];
    QVERIFY(group["n"] == Json(2));
    QVERIFY(group["axes"]["top_k"] == Json("8"));
    QVERIFY(group["seeds"] == Json::array({0, 1}));
    double mean = 0;
    for (const Json &value : group["values"]["val_loss"])
        mean += value.get<double>() / 2;
    QCOMPARE(group["mean"]["val_loss"].get<double>(), mean);
    QVERIFY(group["mean"]["recall"].is_null());
}

void tst_Report::unknownIsNull()
{
    make({{"family", {"classic"}}}, {{"seq_128/classic/seed_0", std::nan("")}}, RunState::Failed);
    const Json run = writeReport(m_path)["runs"][0];
    for (const char *key : {"val_loss", "mass_kept", "mass_kept_chance", "captured", "oracle_recall", "top_k",
                            "accuracy_random_selector", "error"})
        QVERIFY2(run.contains(key) && run[key].is_null(), key);
    QVERIFY(run["best_val_loss"] == Json(1.0));
    QVERIFY(run["reason"] == Json("loss became NaN at step 10"));
    QVERIFY(!contains(textOf(m_path / "summary.json"), "nan"));
    QVERIFY(contains(textOf(m_path / "RESULTS_SUMMARY.md"), "Failed, loss became NaN at step 10"));
}

void tst_Report::aDamagedRunIsListedAndTheRestGoesOn()
{
    make({{"family", {"classic", "sparse"}}, {"seed", {0, 1}}}, {});
    std::ofstream(m_path / "seq_128/sparse/seed_1/run.sqlite")
        << "no database at all, only some text that stands where one should be";
    std::ofstream(m_path / "experiment.json") << "{";
    const Json summary = writeReport(m_path);
    QCOMPARE(summary["runs"].size(), std::size_t{4});
    const Json &damaged = row(summary["runs"], "run", "seq_128/sparse/seed_1");
    QVERIFY(damaged["state"].is_null());
    QVERIFY(contains(damaged["error"].get<std::string>(), "run.sqlite"));
    QCOMPARE(summary["problems"].size(), std::size_t{2});
    QVERIFY(summary["comparisons"][0]["n"] == Json(1));
    QVERIFY(summary["experiment"] == Json("exp")); // as the runs remember it
    const std::string text = textOf(m_path / "RESULTS_SUMMARY.md");
    QVERIFY(contains(text, "## Problems") && contains(text, "run.sqlite") && contains(text, "Damaged"));
}

void tst_Report::textsSayThatChecksWereNotRun()
{
    make({{"family", {"classic", "sparse"}}, {"seed", {0, 1, 2}}}, {}, RunState::Finished, false);
    const Json summary = writeReport(m_path);
    QVERIFY(summary["soundness"] == "Checks not run");
    QVERIFY(summary["comparisons"][0]["comparable"] == Json(false));
    QVERIFY(contains(summary["comparisons"][0]["verdict"].get<std::string>(),
                     "not comparable: Future cannot leak not made (seq_128/classic/seed_0) and"));
    const std::string text = textOf(m_path / "RESULTS_SUMMARY.md");
    QVERIFY(contains(text, "**Checks not run.**"));
    QVERIFY(!contains(text, "no difference within the margin"));
    QVERIFY(text.find("Checks not run") < text.find("## Runs"));
    QCOMPARE(text.find("% of"), std::string::npos); // a loss is never given in per cent
}

void tst_Report::aFailedGateStandsBesideTheComparison()
{
    make({{"family", {"classic", "sparse", "mhla", "mhla_sparse"}}, {"seed", {0, 1, 2}}},
         {{"seq_128/sparse/seed_0", 0.5}, {"seq_128/sparse/seed_1", 0.5}, {"seq_128/sparse/seed_2", 0.5}});
    storeChecks(*RunWriter::open(m_path / "seq_128/sparse/seed_1"),
                {{"causality", "seq_128/sparse/seed_1", CheckOutcome::Failed, 3.5, 1e-4,
                  "sparse, eval mode, fp32: 60 of 64 probes change the past"}});
    const Json summary = writeReport(m_path);
    QVERIFY(summary["soundness"] == "Do not compare yet: 1 check failed");
    QVERIFY(row(summary["runs"], "run", "seq_128/sparse/seed_1")["checks_failed"] == Json::array({"causality"}));
    QVERIFY(row(summary["runs"], "run", "seq_128/sparse/seed_1")["withheld_by"] ==
            Json::array({"Future cannot leak (seq_128/sparse/seed_1)"}));
    for (const Json &one : summary["comparisons"]) {
        const bool leaks = one["a"] == "sparse" || one["b"] == "sparse";
        QCOMPARE(one["comparable"].get<bool>(), !leaks);
        QCOMPARE(contains(one["verdict"].get<std::string>(), "not comparable: Future cannot leak"), leaks);
        QCOMPARE(one["against"].size(), leaks ? std::size_t{1} : std::size_t{0});
    }
    const std::string text = textOf(m_path / "RESULTS_SUMMARY.md");
    QVERIFY(contains(text, "**Do not compare yet: 1 check failed.**"));
    QVERIFY(contains(text, "60 of 64 probes change the past | Mask the future after the keys are selected, too. |"));
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) { // at equal operations and seconds, too
        const bool leaks = line.starts_with("| DSA against Classic |") || line.starts_with("| MHLA+DSA against DSA |");
        QVERIFY2(!leaks || !contains(line, "better"), line.c_str());
    }
    // Neither a verdict nor an interval that could be read as one; that of the sound pair stands.
    QVERIFY(contains(
        text, "| DSA against Classic | 128 | joint | 5.5491 | 3 | 2.0000 | 0.5000 | -1.5000 | - | - | not comparable"));
    QVERIFY(contains(
        text, "| MHLA+DSA against MHLA | 128 | joint | 5.5491 | 3 | 2.0000 | 2.0000 | +0.0000 | [+0.0000, +0.0000]"));
}

void tst_Report::everySeedIsInTheTable()
{
    make({{"family", {"classic", "sparse"}}, {"seed", {0, 1}}}, {{"seq_128/sparse/seed_1", 1.0 / 3}});
    writeReport(m_path);
    const std::string csv = textOf(m_path / "comparisons.csv");
    QVERIFY(contains(csv, "a,b,sequence_length,axes,metric,view,seed,at,value_a,value_b,difference,by,family\r\n"));
    QVERIFY(contains(csv, "classic,sparse,128,,val_loss,steps,0,10.0,2.0,2.0,0.0,family,\r\n"));
    QVERIFY(contains(csv, "classic,sparse,128,,val_loss,steps,1,10.0,2.0,0.3333333333333333,-1.6666666666666667,"
                          "family,\r\n"));
    QVERIFY(contains(csv, ",val_loss,flops,1,"));
}

void tst_Report::textsAreQuoted()
{
    make({{"family", {"classic"}}}, {});
    RunWriter::open(m_path / "seq_128/classic/seed_0")->state(RunState::Failed, "a, \"b\"\nsecond | line");
    writeReport(m_path);
    const std::string csv = textOf(m_path / "summary.csv");
    QVERIFY(contains(csv, "\"a, \"\"b\"\"\nsecond | line\""));
    QCOMPARE(csv.substr(0, 4), std::string("run,"));
    QVERIFY(contains(csv, "val_loss"));
    const std::string text = textOf(m_path / "RESULTS_SUMMARY.md");
    QVERIFY(contains(text, "second \\| line"));
    QVERIFY(contains(text, "Does \\| it \"matter\"?"));
}

void tst_Report::summariseWritesNothing()
{
    make({{"family", {"classic"}}}, {});
    summarise(m_path);
    QVERIFY(!fs::exists(m_path / "summary.json"));
    QVERIFY(!fs::exists(m_path / "seq_128/classic_results.json"));
}

void tst_Report::foldersWithoutRunsAreRefused()
{
    QVERIFY_EXCEPTION_THROWN(writeReport(m_path), Failure);
    fs::create_directories(m_path);
    QVERIFY_EXCEPTION_THROWN(writeReport(m_path), Failure);
    make({{"family", {"classic"}}}, {});
    QVERIFY_EXCEPTION_THROWN(writeReport(m_path / "seq_128/classic/seed_0"), Failure);
}

/// Accuracy is bimodal over seeds, and the distance says why: both in the summary and in its tables.
void tst_Report::answersStandByDistance()
{
    make({{"family", {"classic", "sparse"}}, {"seed", {0}}, {"data.source", {"needle"}}}, {});
    const Json summary = writeReport(m_path);
    const Json &sparse = summary["runs"][1];
    QVERIFY(sparse["val_accuracy_distance_0"] == Json(0.75) && sparse["val_accuracy_distance_1"].is_null());
    QVERIFY(sparse["val_exact_distance_0"] == Json(0.5));
    QVERIFY(sparse["mass_kept_worst"] == Json(0.6) && sparse["ties"] == Json(0.01) && sparse["kl"] == Json(0.2));
    QVERIFY(sparse["flops_executed"] == Json(1e12));
    QVERIFY(sparse["accuracy_half_step"] == Json(10)); // 0.5 in the last evaluation, none before
    const std::string text = textOf(m_path / "RESULTS_SUMMARY.md");
    QVERIFY(contains(text, "## Answers by distance"));
    QVERIFY(contains(text, "accuracy, 0 to 25 % back | accuracy, 75 to 100 % back | exact, 0 to 25 % back |"));
    QVERIFY(contains(text, "| 0.7500 | 0.1250 | 0.5000 |"));
    QVERIFY(contains(text, "Exact answers | chance |"));
    const std::string csv = textOf(m_path / "summary.csv");
    QVERIFY(contains(csv, "val_exact_distance_3") && contains(csv, "sink_kept") && contains(csv, "accuracy_half_step"));
}

/// The runs are gone; what the summary keeps gives the same tables, and it stays as it is.
void tst_Report::aSummaryGivesTheSameTables()
{
    make({{"family", {"classic", "sparse"}}, {"training.recipe", {"warmup", "joint"}}, {"seed", {0, 1, 2}}},
         {{"seq_128/sparse/seed_0/recipe_joint", 1.5}});
    writeReport(m_path);
    std::map<std::string, std::string> before;
    for (const char *name : {"RESULTS_SUMMARY.md", "comparisons.csv", "summary.csv", "summary.json"})
        before[name] = textOf(m_path / name);
    fs::remove_all(m_path / "seq_128");
    QVERIFY(isReduced(m_path));
    std::ofstream(m_path / "RESULTS_SUMMARY.md") << "of an older version";
    fs::remove(m_path / "comparisons.csv");
    writeReducedReport(readSummary(m_path));
    for (const auto &[name, text] : before)
        QVERIFY2(textOf(m_path / name) == text, name.c_str());
}

QTEST_GUILESS_MAIN(tst_Report)
#include "tst_report.moc"
