#include "core/base/counterfactual_table.h"
#include "core/base/run_store.h"
#include "core/base/stored_checks.h"
#include "tests/core/experiment/command_line.h"

#include <QtTest>

#include <QJsonArray>

#include <cmath>

using namespace sparsescope;
using sparsescope::testing::Result;
using sparsescope::testing::run;

/// Trains two seeds of the smallest preset and lets every selector choose their keys.
class tst_cli_counterfactual : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void aWholeExperiment();
    void oneRunAndOneSelector();
    void moreKeysThanTokensAreSaid();
    void aLeakIsSaid();
    void badUsageIsTwo_data();
    void badUsageIsTwo();

private:
    QString experiment() const { return m_folder.filePath("smoke"); }
    QString runFolder() const { return experiment() + "/seq_32/sparse/seed_0"; }
    QTemporaryDir m_folder;
};

void tst_cli_counterfactual::initTestCase()
{
    const Result result = run({"train", "smoke", "--device", "cpu", "--threads", "1", "--out", m_folder.path(), "--set",
                               "training.steps=8", "--set", "training.warmup_indexer_steps=4", "--set",
                               R"(sweep.family=["classic","sparse"])", "--set", "sweep.seed=[0,1]"});
    QVERIFY2(result.code == 0, result.err.constData());
}

void tst_cli_counterfactual::aWholeExperiment()
{
    const Result result =
        run({"counterfactual", experiment(), "--k", "L/8,8", "--indexer-steps", "5", "--device", "cpu", "--json"});
    QVERIFY2(result.code == 0, result.err.constData());
    const QJsonArray tables = result.json()["tables"].toArray();
    QCOMPARE(tables.size(), 4);
    for (const QJsonValue &table : tables) {
        QCOMPARE(table["rows"].toArray().size(), 2 * 7);
        QCOMPARE(table["rows"][0]["top_k"].toInt(), 4);
        QVERIFY(table["dense"]["exact"].isDouble());
    }
    QFile file(experiment() + "/counterfactual.csv");
    QVERIFY(file.open(QIODevice::ReadOnly));
    QCOMPARE(file.readAll().count('\n'), 1 + 4 * 14);

    // The run holds its own table, for the window.
    const RunReader reader(runFolder().toStdString());
    const auto stored = reader.value(kCounterfactualKey);
    QVERIFY(stored.has_value());
    const Counterfactual table = counterfactualFromJson(nlohmann::ordered_json::parse(*stored), "run.sqlite");
    QCOMPARE(table.run, std::string("seq_32/sparse/seed_0"));
    QCOMPARE(table.step, std::int64_t{8});
    QCOMPARE(table.indexer, std::string("of the run"));
    QVERIFY(reader.state() == RunState::Finished);
    QVERIFY(QFile::exists(runFolder() + "/counterfactual_windows.csv"));

    // And the report tells it: a table a run, its loss over dense attention as stored.
    QCOMPARE(run({"report", experiment()}).code, 0);
    QFile summary(experiment() + "/RESULTS_SUMMARY.md");
    QVERIFY(summary.open(QIODevice::ReadOnly));
    const QByteArray told = summary.readAll();
    QCOMPARE(told.count("| Gap closed |"), 4);
    QCOMPARE(told.count("of the learned selector, n = 2 seeds: "), 2 * 2); // k 4 and 8 of two families
    const CounterfactualRow *learned = table.at("lightning", 8);
    QVERIFY(learned && told.contains(QByteArray::number(std::abs(learned->increase), 'f', 4)));

    const Result words = run({"counterfactual", experiment(), "--k", "4", "--indexer-steps", "5", "--device", "cpu"});
    QVERIFY(words.out.contains("over 2 seeds"));
    QVERIFY(words.out.contains("Sink + window"));
    for (const char *ending : {"png", "svg"})
        QVERIFY2(QFileInfo::exists(experiment() + "/selectors." + ending), words.err.constData());
}

/// The numbers of the table follow from the exported windows.
void tst_cli_counterfactual::oneRunAndOneSelector()
{
    const Result result =
        run({"counterfactual", runFolder(), "--k", "8", "--selectors", "lightning", "--device", "cpu", "--json"});
    QVERIFY2(result.code == 0, result.err.constData());
    const QJsonArray rows = result.json()["tables"][0]["rows"].toArray();
    QCOMPARE(rows.size(), 1);
    QFile file(runFolder() + "/counterfactual_windows.csv");
    QVERIFY(file.open(QIODevice::ReadOnly));
    double difference = 0, labels = 0;
    for (const QByteArray &line : file.readAll().split('\n').mid(1)) {
        const QList<QByteArray> cells = line.split(',');
        if (cells.size() == 8) {
            difference += cells[4].toDouble() - cells[6].toDouble();
            labels += cells[3].toDouble();
        }
    }
    QVERIFY(std::abs(difference / labels - rows[0]["increase"].toDouble()) < 1e-9);
}

void tst_cli_counterfactual::moreKeysThanTokensAreSaid()
{
    const Result result =
        run({"counterfactual", runFolder(), "--k", "64", "--selectors", "recency", "--device", "cpu", "--json"});
    QVERIFY2(result.code == 0, result.err.constData());
    QCOMPARE(result.json()["tables"][0]["rows"][0]["top_k"].toInt(), 32);
    QVERIFY2(result.err.contains("--k: got 64, and training.sequence_length is 32"), result.err.constData());
    QCOMPARE(result.json()["notices"].toArray().size(), 1);
}

void tst_cli_counterfactual::aLeakIsSaid()
{
    {
        const auto writer = RunWriter::open(runFolder().toStdString());
        storeChecks(*writer, {{"causality", "seq_32/sparse/seed_0", CheckOutcome::Failed, 0.5, 1e-4, "0.5 at t = 3"}});
    }
    const Result result =
        run({"counterfactual", runFolder(), "--k", "8", "--selectors", "recency", "--device", "cpu", "--json"});
    QVERIFY2(result.code == 0, result.err.constData());
    const QString notice = result.json()["notices"][0].toString();
    QVERIFY2(notice.startsWith("seq_32/sparse/seed_0, selection lightning: its check") &&
                 notice.contains("0.5 at t = 3"),
             qPrintable(notice));
    QCOMPARE(run({"report", experiment()}).code, 0);
    QFile summary(experiment() + "/RESULTS_SUMMARY.md");
    QVERIFY(summary.open(QIODevice::ReadOnly));
    QCOMPARE(summary.readAll().count("Its weights learned to read the future"), 1);
}

void tst_cli_counterfactual::badUsageIsTwo_data()
{
    QTest::addColumn<QStringList>("arguments");
    QTest::addColumn<QString>("part");
    QTest::newRow("nothing there") << QStringList{"/nowhere/at/all"} << "no such folder";
    QTest::newRow("no number of keys") << QStringList{runFolder(), "--k", "4,many"} << "such as 4,8,L/4";
    QTest::newRow("unknown selector") << QStringList{runFolder(), "--selectors", "lightening"} << "lightening";
}

void tst_cli_counterfactual::badUsageIsTwo()
{
    QFETCH(QStringList, arguments);
    QFETCH(QString, part);
    const Result result = run(QStringList{"counterfactual"} + arguments);
    QCOMPARE(result.code, 2);
    QVERIFY2(result.err.contains(part.toUtf8()), result.err.constData());
}

QTEST_GUILESS_MAIN(tst_cli_counterfactual)
#include "tst_cli_counterfactual.moc"
