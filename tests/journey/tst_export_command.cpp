#include "core/base/config.h"
#include "core/base/run_store.h"
#include "tests/core/base/sample_snapshot.h"

#include <QDir>
#include <QFile>
#include <QImage>
#include <QJsonDocument>
#include <QJsonObject>
#include <QProcess>
#include <QTemporaryDir>
#include <QTest>

using namespace sparsescope;

namespace {

struct Result {
    int code = -1;
    QString err;
};

Result exported(const QStringList &arguments)
{
    QProcess process;
    process.start(qEnvironmentVariable("SPARSESCOPE_BIN") + "/sparsescope", arguments);
    if (!process.waitForFinished(120000) || process.exitStatus() != QProcess::NormalExit) {
        return {};
    }
    return {process.exitCode(), QString::fromUtf8(process.readAllStandardError())};
}

QByteArray contentOf(const QString &path)
{
    QFile file(path);
    return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

} // namespace

/// `sparsescope --export`, on two stored runs whose snapshots differ.
class tst_ExportCommand : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void drawsTheRunThatIsNamed_data();
    void drawsTheRunThatIsNamed();
    void refuses_data();
    void refuses();
    void saysWhatIsNotMeasured();
    void aPictureIsAsLargeAsAsked_data();
    void aPictureIsAsLargeAsAsked();
    void resultsWithoutRunsAreDrawn();

private:
    QTemporaryDir m_folder;
};

void tst_ExportCommand::initTestCase()
{
    const auto document =
        nlohmann::json::parse(R"({"schema": 1, "name": "two", "sweep": {"family": ["sparse", "mhla_sparse"]}})");
    unsigned seed = 1;
    for (const RunConfig &config : expand(parseExperiment(document, "two.json"))) {
        const auto writer =
            RunWriter::create(std::filesystem::path(m_folder.path().toStdString()) / "two" / config.folder(), config);
        Snapshot snapshot = sample::snapshot({}, seed++);
        snapshot.run = config.folder();
        writer->snapshot(snapshot);
        writer->state(RunState::Finished);
    }
}

void tst_ExportCommand::drawsTheRunThatIsNamed_data()
{
    QTest::addColumn<QString>("figure");
    QTest::newRow("map") << "map";
    QTest::newRow("mask") << "mask";
}

void tst_ExportCommand::drawsTheRunThatIsNamed()
{
    QFETCH(QString, figure);
    QByteArray cells[2];
    const char *const families[] = {"sparse", "mhla_sparse"};
    for (int i = 0; i < 2; ++i) {
        const QString id = QStringLiteral("seq_128/%1/seed_0").arg(QLatin1String(families[i]));
        const QString out = m_folder.filePath(QLatin1String(families[i]) + figure + ".csv");
        const Result result = exported({"--export", figure, "--runs", m_folder.path(), "--run", id, "--out", out});
        QVERIFY2(result.code == 0, qPrintable(result.err));
        QCOMPARE(result.err, QString());
        cells[i] = contentOf(out);
        const QByteArray context = contentOf(QString(out).replace(".csv", ".json"));
        QCOMPARE(QJsonDocument::fromJson(context).object()["run"].toString(), id);
        QVERIFY(QJsonDocument::fromJson(context).object()["title"].toString().contains(id));
    }
    QVERIFY(cells[0].size() > 1000);
    QVERIFY(cells[0] != cells[1]);
}

void tst_ExportCommand::refuses_data()
{
    QTest::addColumn<QStringList>("arguments");
    QTest::addColumn<QStringList>("words");
    QTest::newRow("unknown run") << QStringList{"--export", "map", "--run", "seq_128/sparse/seed_1"}
                                 << QStringList{"--run", "seq_128/sparse/seed_1", "seq_128/sparse/seed_0"};
    QTest::newRow("run of a comparison") << QStringList{"--export", "comparison", "--run", "seq_128/sparse/seed_0"}
                                         << QStringList{"--run", "every run"};
    QTest::newRow("unknown run of a screenshot") << QStringList{"--screenshot", "focus", "--run", "nope"}
                                                 << QStringList{"--run", "nope", "seq_128/sparse/seed_0"};
}

void tst_ExportCommand::refuses()
{
    QFETCH(QStringList, arguments);
    QFETCH(QStringList, words);
    const QString out = m_folder.filePath("refused.png");
    const Result result = exported(arguments << "--runs" << m_folder.path() << "--out" << out);
    QCOMPARE(result.code, 2);
    for (const QString &word : words) {
        QVERIFY2(result.err.contains(word), qPrintable(result.err));
    }
    QVERIFY(!QFile::exists(out));
}

void tst_ExportCommand::saysWhatIsNotMeasured()
{
    const QString out = m_folder.filePath("selectors.png");
    const Result result = exported({"--export", "selectors", "--runs", m_folder.path(), "--out", out});
    QCOMPARE(result.code, 1);
    QVERIFY2(result.err.contains("sparsescope-cli counterfactual"), qPrintable(result.err));
    QVERIFY2(result.err.contains("two/seq_128/"), qPrintable(result.err));
    QVERIFY(!QFile::exists(out));
}

void tst_ExportCommand::aPictureIsAsLargeAsAsked_data()
{
    QTest::addColumn<QString>("view");
    QTest::newRow("window") << "first-run";
    QTest::newRow("shortcuts") << "help";
    QTest::newRow("preferences") << "preferences";
    QTest::newRow("checkpoint") << "checkpoint";
    QTest::newRow("continuation") << "continuation";
}

void tst_ExportCommand::aPictureIsAsLargeAsAsked()
{
    QFETCH(QString, view);
    const QString out = m_folder.filePath(view + ".png");
    const QString checkpoint = qEnvironmentVariable("SPARSESCOPE_SOURCE") + "/tests/truth/hf-deepseek_v32";
    const Result result =
        exported({"--screenshot", view, "--runs", checkpoint, "--size", "1130x770", "--scale", "1", "--out", out});
    QVERIFY2(result.code == 0, qPrintable(result.err));
    QCOMPARE(QImage(out).size(), QSize(1130, 770));
}

/// Stored results have lost their runs: `report` draws them from the summary, which stays as it is, and what needs a run is refused.
void tst_ExportCommand::resultsWithoutRunsAreDrawn()
{
    QTemporaryDir folder;
    const QString stored = qEnvironmentVariable("SPARSESCOPE_SOURCE") + "/experiments/results/h100/";
    for (const char *name : {"noise-floor", "recall-length"}) {
        const QString copy = folder.filePath(QLatin1String(name)), from = stored + QLatin1String(name);
        QVERIFY(QDir().mkpath(copy));
        for (const char *file : {"/experiment.json", "/summary.json"}) {
            QVERIFY(QFile::copy(from + QLatin1String(file), copy + QLatin1String(file)));
        }
        QProcess report;
        report.start(qEnvironmentVariable("SPARSESCOPE_BIN") + "/sparsescope-cli", {"report", copy});
        QVERIFY(report.waitForFinished(120000));
        QVERIFY2(report.exitCode() == 0, report.readAllStandardError());
        for (const char *file : {"/summary.json", "/comparisons.csv"}) {
            QCOMPARE(contentOf(copy + QLatin1String(file)), contentOf(from + QLatin1String(file)));
        }
        QVERIFY(contentOf(copy + "/RESULTS_SUMMARY.md").contains("warnings stand beside it"));
        QVERIFY(QFile::exists(copy + "/sequence_length_comparison.svg"));
        QVERIFY(!QFile::exists(copy + "/sequence_length_comparison.png"));
    }
    QVERIFY(contentOf(folder.filePath("recall-length/selectors.svg")).contains("L = 512"));
    const QString out = folder.filePath("noise.csv");
    QCOMPARE(exported({"--export", "comparison", "--runs", folder.filePath("noise-floor"), "--out", out}).code, 0);
    const QByteArray data = contentOf(out);
    QVERIFY(data.contains("sparse,64,val.loss,") && data.contains(",1,kind=planted-leak"));
    const Result map = exported({"--export", "map", "--runs", folder.filePath("noise-floor"), "--out", out});
    QVERIFY(map.code != 0 && map.err.contains("needs the runs"));
}

QTEST_GUILESS_MAIN(tst_ExportCommand)
#include "tst_export_command.moc"
