#include "tests/core/experiment/command_line.h"

#include <QtTest>

#include <QJsonArray>

#include <csignal>

using sparsescope::testing::program;
using sparsescope::testing::Result;
using sparsescope::testing::run;

namespace {

/// A run of a second or two.
QStringList tinyTraining(const QString &out)
{
    return {"train",     "smoke",
            "--device",  "cpu",
            "--threads", "1",
            "--out",     out,
            "--set",     "training.steps=6",
            "--set",     "training.warmup_indexer_steps=2",
            "--set",     "training.eval_every=3",
            "--set",     "probe.every=3",
            "--set",     R"(sweep.family=["classic","sparse"])"};
}

} // namespace

class tst_cli : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void badUsageIsTwo_data();
    void badUsageIsTwo();
    void jsonListsEveryError();
    void jsonOfBadUsage();
    void refusedExperimentWritesNothing();
    void schemaAndPresets();
    void metricsAreListed();
    void doctorSaysWhatIsThere();
    void trainsAndReports();
    void secondTrainingIsRefused();
    void interruptSavesAndResumes();
};

void tst_cli::initTestCase()
{
    QVERIFY2(QFileInfo(program()).isExecutable(),
             qPrintable(program() + " is missing: build the target sparsescope-cli"));
}

void tst_cli::badUsageIsTwo_data()
{
    QTest::addColumn<QStringList>("arguments");
    QTest::addColumn<QString>("part");
    QTest::newRow("no command") << QStringList{} << "subcommand";
    QTest::newRow("unknown command") << QStringList{"trian"} << "Did you mean train?";
    QTest::newRow("unknown option") << QStringList{"schema", "--colour"} << "--colour";
    QTest::newRow("no file") << QStringList{"train", "nowhere.json"} << "nowhere.json: file not found";
    QTest::newRow("a folder") << QStringList{"train", "/tmp"} << "/tmp: is a folder";
    QTest::newRow("unknown preset") << QStringList{"train", "demoo"} << "Did you mean demo?";
    QTest::newRow("set without value") << QStringList{"train", "smoke", "--set", "training.steps"}
                                       << "path.to.field=VALUE";
    QTest::newRow("set unknown") << QStringList{"train", "smoke", "--set", "training.stepz=3"}
                                 << "Did you mean training.steps?";
    QTest::newRow("set out of range") << QStringList{"train", "smoke", "--set", "model.selection.top_k=0"}
                                      << "model.selection.top_k: got 0, allowed 1 to 131072";
    QTest::newRow("device") << QStringList{"train", "smoke", "--device", "abacus"} << "abacus";
    QTest::newRow("report of nothing") << QStringList{"report", "/nowhere/at/all"} << "no such folder";
    QTest::newRow("presets unknown") << QStringList{"presets", "smok"} << "Did you mean smoke?";
}

void tst_cli::badUsageIsTwo()
{
    QFETCH(QStringList, arguments);
    QFETCH(QString, part);
    QTemporaryDir folder;
    const Result result = run(arguments, folder.path());
    QVERIFY2(result.code == 2, result.err.constData());
    QVERIFY2(QString::fromUtf8(result.err).contains(part), result.err.constData());
    QVERIFY(QDir(folder.path()).isEmpty());
}

void tst_cli::jsonListsEveryError()
{
    QTemporaryDir folder;
    QFile file(folder.filePath("bad.json"));
    QVERIFY(file.open(QIODevice::WriteOnly));
    file.write(R"({"schema": 1, "name": "bad", "modle": {}, "model": {"n_heads": 7}, "training": {"steps": "many"}})");
    file.close();
    const Result result = run({"train", file.fileName(), "--json"}, folder.path());
    QCOMPARE(result.code, 2);
    QJsonParseError parse;
    const QJsonDocument document = QJsonDocument::fromJson(result.out, &parse);
    QVERIFY2(parse.error == QJsonParseError::NoError, result.out.constData()); // one document, nothing else
    QCOMPARE(document["ok"], QJsonValue(false));
    QMap<QString, QJsonObject> errors;
    for (const QJsonValue &value : document["errors"].toArray()) {
        QCOMPARE(value.toObject().keys(), (QStringList{"allowed", "found", "path", "text"}));
        errors[value["path"].toString()] = value.toObject();
    }
    QCOMPARE(errors.keys(), (QStringList{"model.n_heads", "modle", "training.steps"}));
    QCOMPARE(errors["training.steps"]["found"].toString(), QString("\"many\""));
    QCOMPARE(errors["training.steps"]["allowed"].toString(), QString("a whole number, 1 to 1000000000"));
    QVERIFY(errors["training.steps"]["text"].toString().startsWith(file.fileName() + ": training.steps"));
}

void tst_cli::jsonOfBadUsage()
{
    const Result result = run({"train", "--json"});
    QCOMPARE(result.code, 2);
    QCOMPARE(result.json()["ok"], QJsonValue(false));
    QCOMPARE(result.json()["errors"].toArray().size(), 1);
}

void tst_cli::refusedExperimentWritesNothing()
{
    QTemporaryDir folder;
    QCOMPARE(run({"train", "smoke", "--set", "data.path=missing.txt", "--set", "data.source=text", "--out",
                  folder.filePath("runs")})
                 .code,
             2);
    QVERIFY(!QFileInfo::exists(folder.filePath("runs")));
}

void tst_cli::schemaAndPresets()
{
    const Result schema = run({"schema"});
    QCOMPARE(schema.code, 0);
    QVERIFY(schema.json()["properties"].toObject().contains("model"));
    const Result presets = run({"presets", "--json"});
    QVERIFY(presets.json()["presets"].toArray().size() > 5);
    QCOMPARE(presets.json()["presets"][0]["name"].toString(), QString("demo"));
    QCOMPARE(run({"presets", "smoke"}).json()["name"].toString(), QString("smoke"));
}

void tst_cli::metricsAreListed()
{
    const QJsonArray metrics = run({"metrics", "--json"}).json()["metrics"].toArray();
    bool found = false;
    for (const QJsonValue &metric : metrics) {
        QVERIFY(!metric["formula"].toString().isEmpty());
        found = found || (metric["key"].toString() == "indexer.captured" && metric["unit"].toString() == "share");
    }
    QVERIFY(found);
    QVERIFY(run({"metrics"}).out.contains("selection.mass_kept"));
}

void tst_cli::doctorSaysWhatIsThere()
{
    QTemporaryDir folder;
    const Result result = run({"doctor", "--json"}, folder.path());
    QStringList subjects;
    for (const QJsonValue &finding : result.json()["findings"].toArray())
        subjects << finding["subject"].toString();
    QCOMPARE(subjects, (QStringList{"Version", "CPU", "CUDA device", "Window", "Presets", "Disk"}));
    QCOMPARE(result.json()["ok"].toBool(), result.code == 0);
    QVERIFY(QDir(folder.path()).isEmpty());
}

void tst_cli::trainsAndReports()
{
    QTemporaryDir folder;
    const Result trained = run(tinyTraining(folder.path()) << "--json");
    QVERIFY2(trained.code == 0, trained.err.constData());
    QVERIFY2(trained.json()["ok"].toBool(), trained.out.constData());
    QCOMPARE(trained.json()["runs"].toArray().size(), 2);
    for (const QJsonValue &outcome : trained.json()["runs"].toArray())
        QCOMPARE(outcome["state"].toString(), QString("finished"));
    const QString experiment = folder.filePath("smoke");
    for (const char *file :
         {"experiment.json", "summary.json", "summary.csv", "RESULTS_SUMMARY.md", "seq_32/classic_results.json",
          "seq_32/sparse/seed_0/run.json", "seq_32/sparse/seed_0/run.sqlite"})
        QVERIFY2(QFileInfo::exists(experiment + "/" + file), file);
    QVERIFY(QFile::remove(experiment + "/summary.json"));
    const Result report = run({"report", experiment});
    QVERIFY2(report.code == 0, report.err.constData());
    QVERIFY(QFileInfo::exists(experiment + "/summary.json"));
    QVERIFY2(report.out.contains("val loss") && report.out.contains("Classic"), report.out.constData());
    // Where the small results cannot go is said before anything is written.
    QVERIFY(QFile::remove(experiment + "/summary.json"));
    for (const QString &place : {experiment, folder.path(), experiment + "/experiment.json"}) {
        const Result refused = run({"report", experiment, "--small", place});
        QVERIFY2(refused.code == 2 && refused.err.contains("--small: "), refused.err.constData());
        QVERIFY(!QFileInfo::exists(experiment + "/summary.json"));
    }
}

void tst_cli::secondTrainingIsRefused()
{
    QTemporaryDir folder;
    QCOMPARE(run(tinyTraining(folder.path())).code, 0);
    const Result again = run(tinyTraining(folder.path()));
    QCOMPARE(again.code, 2);
    QVERIFY2(again.err.contains("--resume"), again.err.constData());
    QCOMPARE(run(tinyTraining(folder.path()) << "--resume"
                                             << "--quiet")
                 .code,
             0);
}

void tst_cli::interruptSavesAndResumes()
{
    QTemporaryDir folder;
    QStringList arguments = tinyTraining(folder.path());
    arguments[arguments.indexOf("training.steps=6")] = "training.steps=80";
    arguments[arguments.indexOf("training.eval_every=3")] = "training.eval_every=40";
    arguments[arguments.indexOf("probe.every=3")] = "probe.every=40";
    QProcess process;
    process.start(program(), arguments);
    QVERIFY(process.waitForStarted());
    const QString snapshot = folder.filePath("smoke/seq_32/sparse/seed_0/snapshots/00000001.safetensors");
    QTRY_VERIFY_WITH_TIMEOUT(QFileInfo::exists(snapshot), 120000); // it trains
    kill(static_cast<pid_t>(process.processId()), SIGINT);
    QVERIFY(process.waitForFinished(120000));
    QCOMPARE(process.exitStatus(), QProcess::NormalExit);
    QCOMPARE(process.exitCode(), 130);
    QVERIFY(!QDir(folder.filePath("smoke/seq_32/sparse/seed_0/checkpoints"))
                 .entryList(QDir::Dirs | QDir::NoDotAndDotDot)
                 .isEmpty());
    const Result resumed = run(arguments << "--resume"
                                         << "--json");
    QVERIFY2(resumed.code == 0, resumed.err.constData());
    for (const QJsonValue &outcome : resumed.json()["runs"].toArray())
        QCOMPARE(outcome["step"].toInt(), 80);
}

QTEST_GUILESS_MAIN(tst_cli)
#include "tst_cli.moc"
