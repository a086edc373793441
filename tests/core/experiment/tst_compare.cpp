#include "core/base/run_store.h"
#include "core/base/stored_checks.h"
#include "tests/core/base/sample_runs.h"
#include "tests/core/experiment/command_line.h"
#include "tests/core/experiment/stored_runs.h"
#include "tests/core/tiny_experiment.h"

#include <QFile>
#include <QFileInfo>
#include <QJsonArray>
#include <QTemporaryDir>
#include <QTest>

#include <cmath>
#include <filesystem>
#include <fstream>

using namespace sparsescope;
using namespace sparsescope::testing;
namespace fs = std::filesystem;

namespace {

fs::path pathOf(const QTemporaryDir &folder) { return fs::path(folder.path().toStdString()) / "sample"; }

QString textOf(const QTemporaryDir &folder) { return folder.path() + "/sample"; }

/// Numbers without a pattern, the same every time.
double noise(std::uint64_t i)
{
    return std::fmod(static_cast<double>(i * 2654435761u % 1000003u) / 1000003.0, 1) - 0.5;
}

/// Five seeds, two lengths, two families; the sparse ones `shift` above, and some noise on all.
void makeRuns(const fs::path &path, double shift)
{
    const auto runs =
        sampleRuns({{"sequence_length", {64, 128}}, {"seed", {0, 1, 2, 3, 4}}, {"family", {"classic", "sparse"}}}, {});
    std::uint64_t i = 0;
    for (const ComparedRun &run : runs) {
        const RunConfig &config = run.started.config;
        const auto writer = RunWriter::create(path / config.folder(), config);
        const double loss = 2 + 0.03 * noise(++i) + (isSparse(config.model.family) ? shift : 0);
        for (const Point &point : run.validation)
            writer->scalars(static_cast<std::int64_t>(point.x), point.x,
                            {{"train.loss", point.y},
                             {"val.loss", point.x < 100 ? point.y : loss},
                             {"val.loss.chance", 5.549},
                             {"time.step", 0.1},
                             {"time.trained", point.x * (isSparse(config.model.family) ? 0.15 : 0.1)}});
        storeChecks(*writer, run.checks);
        storeFingerprint(*writer, *run.started.fingerprint);
        writer->state(RunState::Finished);
    }
}

} // namespace

/// The command that says which side is better, and what an independent script makes of its numbers.
class tst_Compare : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void verdictsAndExitCode();
    void aFailedGateEndsWithThree();
    void aModelThatLooksAheadIsRefused();
    void sweptValues();
    void theFirstOfTheSweepIsTheReference();
    void whatCannotBe();
    void anIndependentScriptFindsTheSameIntervals();
};

void tst_Compare::verdictsAndExitCode()
{
    QTemporaryDir folder;
    makeRuns(pathOf(folder), 0.2);
    const Result json = run({"compare", textOf(folder), "--json"});
    QCOMPARE(json.code, 0);
    const QJsonArray comparisons = json.json()["comparisons"].toArray();
    QCOMPARE(comparisons.size(), 2);
    QCOMPARE(comparisons[0].toObject()["verdict"].toString(), QString("worse"));
    QCOMPARE(comparisons[0].toObject()["n"].toInt(), 5);
    QCOMPARE(comparisons[0].toObject()["equal_seconds"].toObject()["n"].toInt(), 5);
    const Result text = run({"compare", textOf(folder)});
    QVERIFY2(text.out.contains("DSA against Classic"), text.out);
    QVERIFY2(text.out.contains("worse"), text.out);
    QVERIFY2(text.out.contains("Validation loss at equal operations"), text.out);
    QVERIFY2(text.out.contains("Validation loss at equal seconds"), text.out);
}

void tst_Compare::aFailedGateEndsWithThree()
{
    QTemporaryDir folder;
    makeRuns(pathOf(folder), -0.5);
    storeChecks(
        *RunWriter::open(pathOf(folder) / "seq_64/sparse/seed_2"),
        {{"causality", "seq_64/sparse/seed_2", CheckOutcome::Failed, 2.5, 1e-4, "60 of 64 probes change the past"}});
    const Result text = run({"compare", textOf(folder)});
    QCOMPARE(text.code, 3);
    QVERIFY2(text.out.contains("not comparable: Future cannot leak (seq_64/sparse/seed_2)"), text.out);
    QVERIFY2(text.out.contains("60 of 64 probes change the past"), text.out);
    QVERIFY2(text.out.contains("Mask the future after the keys are selected, too."), text.out);
    QCOMPARE(text.out.count("better"), 1); // the other length stays comparable
}

/// From training to the refusal, with the mask that made the difference look like a gain.
void tst_Compare::aModelThatLooksAheadIsRefused()
{
    QTemporaryDir folder;
    nlohmann::ordered_json document = tinyExperiment();
    document["model"]["selection"]["kind"] = "planted-leak";
    document["sweep"]["family"] = {"classic", "sparse"};
    std::ofstream(folder.filePath("tiny.json").toStdString()) << document;
    const Result trained =
        run({"train", folder.filePath("tiny.json"), "--out", folder.path(), "--device", "cpu", "--quiet"});
    QVERIFY2(trained.code == 0, trained.err);
    QVERIFY2(trained.out.contains("Done, "), trained.out); // "Done, 3 checks failed"
    QVERIFY2(trained.out.contains("Do not compare yet"), trained.out);
    const Result compared = run({"compare", folder.filePath("tiny")});
    QCOMPARE(compared.code, 3);
    QVERIFY2(compared.out.contains("not comparable: Future cannot leak (seq_24/sparse/seed_0)"), compared.out);
    QVERIFY2(compared.out.contains("selected keys lie in the future"), compared.out);
}

/// As the report does: against the first value of the sweep, not the first by name.
void tst_Compare::theFirstOfTheSweepIsTheReference()
{
    QTemporaryDir folder;
    const nlohmann::ordered_json document = {
        {"schema", 1},
        {"name", "sample"},
        {"sweep", {{"training.recipe", {"scratch", "joint", "warmup"}}, {"family", {"sparse"}}, {"seed", {0, 1, 2}}}}};
    storeRuns(pathOf(folder), parseExperiment(document, "test"), [](const RunConfig &config) {
        return std::vector<Scalar>{
            {"train.loss", 2}, {"val.loss", 2 + 0.001 * static_cast<double>(config.training.seed)}, {"time.step", 0.1}};
    });
    const Result compared = run({"compare", textOf(folder), "--by", "recipe", "--json"});
    const nlohmann::json rows = nlohmann::json::parse(compared.out.toStdString())["comparisons"];
    QCOMPARE(rows.size(), 2u);
    for (const nlohmann::json &row : rows)
        QVERIFY(row["a"] == "scratch");
    const Result named = run({"compare", textOf(folder), "--by", "recipe", "--against", "warmup", "--json"});
    QVERIFY(nlohmann::json::parse(named.out.toStdString())["comparisons"][0]["a"] == "warmup");
}

void tst_Compare::sweptValues()
{
    QTemporaryDir folder;
    makeRuns(pathOf(folder), 0);
    const Result unknown = run({"compare", textOf(folder), "--by", "famly", "--json"});
    QCOMPARE(unknown.code, 2);
    QVERIFY2(unknown.out.contains("Did you mean family?"), unknown.out);
}

void tst_Compare::whatCannotBe()
{
    QTemporaryDir folder;
    QCOMPARE(run({"compare", folder.path() + "/nowhere"}).code, 2);
    QCOMPARE(run({"compare", folder.path()}).code, 2); // no run in it
    makeRuns(pathOf(folder), 0);
    QCOMPARE(run({"compare", textOf(folder), "--out", folder.path() + "/no/such/folder.csv"}).code, 2);
}

void tst_Compare::anIndependentScriptFindsTheSameIntervals()
{
    const QString python = qEnvironmentVariable("SPARSESCOPE_PYTHON");
    if (python.isEmpty() || !QFileInfo::exists(python))
        QSKIP("SPARSESCOPE_PYTHON is not set");
    QTemporaryDir folder;
    makeRuns(pathOf(folder), 0.01);
    const Result summary = run({"compare", textOf(folder), "--json", "--out", folder.path() + "/seeds.csv"});
    QFile document(folder.path() + "/compare.json");
    QVERIFY(document.open(QIODevice::WriteOnly) && document.write(summary.out) > 0);
    document.close();
    QProcess script;
    script.start(python, {qEnvironmentVariable("SPARSESCOPE_SOURCE") + "/tests/core/experiment/recompute_intervals.py",
                          folder.path() + "/seeds.csv", document.fileName()});
    QVERIFY(script.waitForFinished(60000));
    const QByteArray said = script.readAllStandardOutput() + script.readAllStandardError();
    QVERIFY2(script.exitCode() == 0, said);
    QVERIFY2(said.startsWith("6 intervals"), said); // two lengths, three views
}

QTEST_GUILESS_MAIN(tst_Compare)
#include "tst_compare.moc"
