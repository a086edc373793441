#include "core/base/needle_table.h"
#include "core/base/run_store.h"
#include "tests/core/experiment/command_line.h"

#include <QtTest>

#include <QJsonArray>

using namespace sparsescope;
using sparsescope::testing::Result;
using sparsescope::testing::run;

/// Trains two families of the smallest preset and asks them for needles in longer haystacks.
class tst_cli_needle : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void aWholeExperiment();
    void oneRun();
    void badUsageIsTwo_data();
    void badUsageIsTwo();

private:
    QString experiment() const { return m_folder.filePath("smoke"); }
    QString runFolder() const { return experiment() + "/seq_32/sparse/seed_0"; }
    static QByteArray bytesOf(const QString &path)
    {
        QFile file(path);
        return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
    }
    QTemporaryDir m_folder;
};

void tst_cli_needle::initTestCase()
{
    const Result result =
        run({"train", "smoke", "--device", "cpu", "--threads", "1", "--out", m_folder.path(), "--set",
             "training.steps=8", "--set", "training.warmup_indexer_steps=4", "--set", "data.options.shortest=16",
             "--set", R"(sweep.family=["classic","sparse"])", "--set", "sweep.seed=[0,1]"});
    QVERIFY2(result.code == 0, result.err.constData());
}

void tst_cli_needle::aWholeExperiment()
{
    const Result result = run({"needle", experiment(), "--lengths", "32,128", "--depths", "4", "--examples", "6",
                               "--device", "cpu", "--json"});
    QVERIFY2(result.code == 0, result.err.constData());
    const QJsonArray tables = result.json()["tables"].toArray();
    QCOMPARE(tables.size(), 4);
    for (const QJsonValue &table : tables) {
        QCOMPARE(table["rows"].toArray().size(), 3);
        QCOMPARE(table["rows"][0]["answers"].toInt(), 12);
        QCOMPARE(table["rows"][0]["depths"].toArray().size(), 4);
        QCOMPARE(table["shortest"].toInt(), 16);
    }
    QCOMPARE(bytesOf(experiment() + "/needle.csv").count('\n'), 1 + 4 * 3 * 5);
    const RunReader reader(runFolder().toStdString());
    const auto stored = reader.value(kNeedleKey);
    QVERIFY(stored.has_value());
    const NeedleTable table = needleFromJson(nlohmann::ordered_json::parse(*stored), "run.sqlite");
    QCOMPARE(table.run, std::string("seq_32/sparse/seed_0"));
    QCOMPARE(table.step, std::int64_t{8});
    QVERIFY(reader.state() == RunState::Finished);

    // The report tells it, keeps it among the small results, and draws it.
    const QString small = m_folder.filePath("small");
    const Result report = run({"report", experiment(), "--small", small});
    QVERIFY2(report.code == 0, report.err.constData());
    const QByteArray told = bytesOf(experiment() + "/RESULTS_SUMMARY.md");
    QVERIFY(told.contains("## Needles by length and depth"));
    for (const char *title : {"**Classic**", "**Classic, YaRN**", "**DSA, k 8**", "**DSA, k 8, YaRN**"})
        QVERIFY2(told.contains(title), title);
    QCOMPARE(bytesOf(small + "/smoke/needle.csv"), bytesOf(experiment() + "/needle.csv"));
    if (qgetenv("SPARSESCOPE_GUI") != "OFF") {
        const QByteArray drawn = bytesOf(small + "/smoke/needle.svg");
        QVERIFY(drawn.contains("<svg"));
        QVERIFY(drawn.contains(">DSA, k 8, YaRN</text>")); // text as text
    }
}

void tst_cli_needle::oneRun()
{
    const Result result = run({"needle", runFolder(), "--lengths", "64", "--depths", "2", "--examples", "2", "--k",
                               "L/8,16", "--positions", "plain", "--chunk", "9", "--device", "cpu"});
    QVERIFY2(result.code == 0, result.err.constData());
    QVERIFY(result.out.contains("exact answers"));
    const RunReader reader(runFolder().toStdString());
    const NeedleTable table =
        needleFromJson(nlohmann::ordered_json::parse(reader.value(kNeedleKey).value_or("")), "run.sqlite");
    QCOMPARE(table.rows.size(), std::size_t{2}); // two depths now, so nothing of before
    QCOMPARE(table.rows[0].topK, std::int64_t{8});
    QCOMPARE(table.rows[1].topK, std::int64_t{16});
    // Longer ones join them.
    QCOMPARE(run({"needle", runFolder(), "--lengths", "128", "--depths", "2", "--examples", "2", "--k", "16",
                  "--positions", "plain", "--device", "cpu"})
                 .code,
             0);
    const auto stored = RunReader(runFolder().toStdString()).value(kNeedleKey).value_or("");
    QCOMPARE(needleFromJson(nlohmann::ordered_json::parse(stored), "run.sqlite").rows.size(), std::size_t{3});
}

void tst_cli_needle::badUsageIsTwo_data()
{
    QTest::addColumn<QStringList>("words");
    QTest::addColumn<QByteArray>("said");
    QTest::newRow("no folder") << QStringList{m_folder.filePath("nowhere")} << QByteArray("nowhere: no such folder");
    QTest::newRow("too long") << QStringList{runFolder(), "--lengths", "131073"} << QByteArray("--lengths");
    QTest::newRow("too many depths") << QStringList{runFolder(), "--depths", "500"} << QByteArray("--depths");
    QTest::newRow("no number of keys") << QStringList{runFolder(), "--k", "many"} << QByteArray("--k");
    QTest::newRow("no way to go on") << QStringList{runFolder(), "--positions", "linear"} << QByteArray("--positions");
}

void tst_cli_needle::badUsageIsTwo()
{
    QFETCH(QStringList, words);
    QFETCH(QByteArray, said);
    const Result result = run(QStringList{"needle"} + words + QStringList{"--device", "cpu"});
    QCOMPARE(result.code, 2);
    QVERIFY2(result.err.contains(said), result.err.constData());
}

QTEST_GUILESS_MAIN(tst_cli_needle)
#include "tst_cli_needle.moc"
