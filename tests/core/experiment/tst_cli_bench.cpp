#include "tests/core/experiment/command_line.h"

#include <QtTest>

#include <QJsonArray>

using sparsescope::testing::Result;

namespace {

Result run(const QStringList &arguments) { return sparsescope::testing::run(QStringList{"bench"} << arguments); }

/// Small enough for any machine, and on the CPU even where there is a card.
QStringList small(const QString &subject)
{
    return {subject,      "--device", "cpu",     "--rounds", "2",   "--set", "batch=1", "--set",
            "queries=20", "--set",    "keys=70", "--set",    "k=9", "--set", "width=16"};
}

} // namespace

/// `sparsescope-cli bench` without a card: what it says, what it writes, what it refuses.
class tst_cliBench : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void timesTheCpuPathAndSaysSo_data();
    void timesTheCpuPathAndSaysSo();
    void timesWholeBlocks();
    void timesTrainingSteps();
    void timesAttentionAtLength_data();
    void timesAttentionAtLength();
    void timesDecoding();
    void writesItsDocument();
    void wordsForPeople();
    void refuses_data();
    void refuses();
};

void tst_cliBench::timesTheCpuPathAndSaysSo_data()
{
    QTest::addColumn<QString>("subject");
    QTest::addColumn<QStringList>("ops");
    QTest::newRow("topk") << "topk" << QStringList{"topk_select"};
    QTest::newRow("indexer") << "indexer" << QStringList{"index_scores", "index_select"};
    QTest::newRow("loss") << "loss" << QStringList{"index_kl with its gradients"};
    QTest::newRow("layer") << "layer" << QStringList{"attention core with KL"}; // a block has as many keys as queries
    QTest::newRow("attention") << "attention" << QStringList{"masked_attention", "masked_attention backward"};
}

void tst_cliBench::timesTheCpuPathAndSaysSo()
{
    QFETCH(QString, subject);
    QFETCH(QStringList, ops);
    const Result result = run(small(subject) << "--json");
    QVERIFY2(result.code == 0, result.err.constData());
    QVERIFY2(result.err.contains("No GPU is used here"), result.err.constData());
    const QJsonObject document = result.json();
    QCOMPARE(document["ok"], QJsonValue(true));
    QCOMPARE(document["bench"].toString(), subject);
    QCOMPARE(document["gpu"], QJsonValue(false));
    QCOMPARE(document["machine"]["device"].toString(), QString("cpu"));
    QVERIFY(document["machine"]["copy_bytes_per_s"].isNull());
    QStringList found;
    for (const QJsonValue &row : document["rows"].toArray()) {
        found << row["op"].toString();
        QCOMPARE(row["equals_reference"], QJsonValue(true));
        QCOMPARE(row["deterministic"], QJsonValue(true));
        // Sets of keys are equal or not; numbers differ from float64's.
        QCOMPARE(row["largest_error"].isDouble(), !row["op"].toString().contains("select"));
        QVERIFY(row["largest_error"].toDouble() < 1e-2);
        QCOMPARE(row["shape"]["keys"].toInt(), 70);
        QVERIFY(row["floor_us"].isNull() && row["bytes"].toDouble() > 0);
        QCOMPARE(row["timings"][0]["name"].toString(), QString("ours"));
        QCOMPARE(row["timings"][0]["backend"].toString(), QString("aten: the tensors are on the CPU"));
        for (const QJsonValue &timing : row["timings"].toArray())
            QVERIFY(timing["us"].toDouble() > 0 && timing["samples"].toInt() == 4);
    }
    QCOMPARE(found, ops);
}

void tst_cliBench::timesWholeBlocks()
{
    const Result result = run(small("layer") << "--set"
                                             << "queries=70"
                                             << "--json");
    QVERIFY2(result.code == 0, result.err.constData());
    const QJsonArray rows = result.json()["rows"].toArray();
    QCOMPARE(rows.size(), 2);
    QCOMPARE(rows[1]["op"].toString(), QString("transformer block with KL"));
    QCOMPARE(rows[1]["equals_reference"], QJsonValue(true));
    QVERIFY(rows[1]["flops"].toDouble() > rows[0]["flops"].toDouble());
}

void tst_cliBench::timesTrainingSteps()
{
    const Result result = run({"step",  "--device",
                               "cpu",   "--rounds",
                               "2",     "--vocabulary",
                               "31",    "--json",
                               "--set", "model.d_model=16",
                               "--set", "model.n_layers=1",
                               "--set", "model.n_heads=2",
                               "--set", "model.moe.d_expert=16",
                               "--set", "training.batch_size=2",
                               "--set", R"(sweep={"sequence_length": [16], "family": ["classic", "sparse"]})"});
    QVERIFY2(result.code == 0, result.err.constData());
    const QJsonObject document = result.json();
    QCOMPARE(document["bench"].toString(), QString("step"));
    const QJsonArray rows = document["rows"].toArray();
    QCOMPARE(rows.size(), 2);
    for (const QJsonValue &row : rows) {
        QCOMPARE(row["sequence_length"].toInt(), 16);
        QCOMPARE(row["vocabulary"].toInt(), 31);
        QCOMPARE(row["agree"], QJsonValue(true));
        QVERIFY(row["flops"].toDouble() > 0 && row["bytes"].toDouble() > 0 && row["floor_ms"].isNull());
        QCOMPARE(row["timings"].toArray().size(), 1); // graphs are CUDA's
        QCOMPARE(row["timings"][0]["path"].toString(), QString("eager"));
        QVERIFY(row["timings"][0]["ms"].toDouble() > 0);
        QCOMPARE(row["timings"][0]["samples"].toInt(), 4);
    }
    QCOMPARE(rows[1]["top_k"].toInt(), 8);
    QCOMPARE(document["ratios"].toArray().size(), 1);
    QCOMPARE(document["ratios"][0]["sparse_over_dense"].toDouble(),
             rows[1]["timings"][0]["ms"].toDouble() / rows[0]["timings"][0]["ms"].toDouble());
}

void tst_cliBench::timesAttentionAtLength_data()
{
    QTest::addColumn<QString>("indexer");
    QTest::addColumn<QString>("scores");
    QTest::newRow("as they are") << "2x16"
                                 << "index_scores";
    QTest::newRow("in e4m3") << "2x16-e4m3"
                             << "index_scores_quantized";
}

void tst_cliBench::timesAttentionAtLength()
{
    QFETCH(QString, indexer);
    QFETCH(QString, scores);
    const Result result = run({"attention", "--device", "cpu", "--rounds", "1", "--context", "40..80", "--indexer",
                               indexer, "--direction", "training", "--set", "k=24", "--set", "heads=2", "--json"});
    QVERIFY2(result.code == 0, result.err.constData());
    const QJsonObject document = result.json();
    QCOMPARE(document["bench"].toString(), QString("attention"));
    QCOMPARE(document["indexer"].toString(), indexer);
    QCOMPARE(document["direction"].toString(), QString("training"));
    const QJsonArray rows = document["rows"].toArray();
    const QStringList ops{scores, "topk_select", "gathered_attention", "gathered_attention backward",
                          "attention core training"};
    QCOMPARE(rows.size(), 2 * ops.size());
    for (int i = 0; i < rows.size(); ++i) {
        QCOMPARE(rows[i]["op"].toString(), ops[i % ops.size()]);
        QCOMPARE(rows[i]["equals_reference"], QJsonValue(true));
        QCOMPARE(rows[i]["shape"]["keys"].toInt(), i < ops.size() ? 40 : 80);
        QVERIFY(rows[i]["timings"][0]["us"].toDouble() > 0 && rows[i]["timings"][0]["samples"].toInt() == 2);
    }
    double parts = 0;
    for (int i = 0; i + 1 < ops.size(); ++i)
        parts += rows[i]["flops"].toDouble();
    QCOMPARE(rows[4]["flops"].toDouble(), parts);
}

void tst_cliBench::timesDecoding()
{
    const Result result = run({"decode", "--device", "cpu", "--rounds", "1", "--context", "70..140", "--requests", "3",
                               "--indexer", "2x16", "--set", "k=24", "--set", "heads=2", "--json"});
    QVERIFY2(result.code == 0, result.err.constData());
    const QJsonObject document = result.json();
    QCOMPARE(document["bench"].toString(), QString("decode"));
    QCOMPARE(document["direction"].toString(), QString("decode"));
    QCOMPARE(document["requests"].toInt(), 3);
    const QJsonArray rows = document["rows"].toArray();
    const QStringList ops{"decode_scores", "decode_select", "gathered_decode", "attention core decode"};
    QCOMPARE(rows.size(), 2 * ops.size());
    for (int i = 0; i < rows.size(); ++i) {
        QCOMPARE(rows[i]["op"].toString(), ops[i % ops.size()]);
        QCOMPARE(rows[i]["equals_reference"], QJsonValue(true));
        QCOMPARE(rows[i]["shape"]["batch"].toInt(), 3);
        QCOMPARE(rows[i]["shape"]["queries"].toInt(), 1);
        QCOMPARE(rows[i]["shape"]["keys"].toInt(), i < ops.size() ? 70 : 140);
        QVERIFY(rows[i]["timings"][0]["us"].toDouble() > 0);
    }
    // Two pages of 64 keys: 16 bytes and a scale each; the scores that come out; queries, weights and the table.
    QCOMPARE(rows[0]["bytes"].toDouble(), 3.0 * (2 * 64 * 20 + 4 * 70 + 2 * 16 + 4 * 2 + 4 * 2));
    QCOMPARE(rows[3]["flops"].toDouble(), rows[0]["flops"].toDouble() + rows[2]["flops"].toDouble());
}

void tst_cliBench::writesItsDocument()
{
    QTemporaryDir folder;
    QCOMPARE(run(small("topk") << "--set"
                               << "scores=plateau"
                               << "--out" << folder.filePath("topk.json"))
                 .code,
             0);
    QFile file(folder.filePath("topk.json"));
    QVERIFY(file.open(QIODevice::ReadOnly));
    const QJsonObject document = QJsonDocument::fromJson(file.readAll()).object();
    QCOMPARE(document["schema"].toInt(), 1);
    QCOMPARE(document["rows"][0]["shape"]["scores"].toString(), QString("plateau"));
    const Result nowhere = run(small("topk") << "--out" << folder.filePath("no/such/file.json"));
    QCOMPARE(nowhere.code, 2);
    QVERIFY2(nowhere.err.contains("no such folder") && nowhere.out.isEmpty(),
             nowhere.err.constData()); // before the work
}

void tst_cliBench::wordsForPeople()
{
    const Result result = run(small("topk"));
    QVERIFY2(result.out.contains("topk_select  B 1 T 20 S 70 k 9") && result.out.contains("torch.topk"),
             result.out.constData());
}

void tst_cliBench::refuses_data()
{
    QTest::addColumn<QStringList>("arguments");
    QTest::addColumn<QString>("part");
    QTest::newRow("nothing") << QStringList{} << "subject";
    QTest::newRow("unknown subject") << QStringList{"topq"} << "topq";
    QTest::newRow("unknown field") << QStringList{"topk", "--set", "rows=3"} << "rows: unknown field";
    QTest::newRow("no value") << QStringList{"topk", "--set", "k"} << "FIELD=VALUE";
    QTest::newRow("zero") << QStringList{"topk", "--set", "k=0"} << "k: got 0, allowed 1 to 1048576";
    QTest::newRow("no number") << QStringList{"topk", "--set", "k=9x"} << "k: got 9x";
    QTest::newRow("type") << QStringList{"indexer", "--set", "type=int8"} << "bfloat16, float16, float32";
    QTest::newRow("fewer keys than queries") << QStringList{"topk", "--set", "queries=50", "--set", "keys=40"}
                                             << "keys: got 40, allowed at least queries (50)";
    QTest::newRow("field of a step") << QStringList{"step", "--device", "cpu", "--set", "training.stepps=3"}
                                     << "training.steps";
    QTest::newRow("context of another subject")
        << QStringList{"topk", "--context", "64"} << "--context: got subject topk";
    QTest::newRow("no context") << QStringList{"attention", "--indexer", "4x64"} << "together with --context";
    QTest::newRow("context") << QStringList{"attention", "--context", "64..32"} << "4096..131072";
    QTest::newRow("indexer") << QStringList{"attention", "--context", "64", "--indexer", "4"} << "64x128 or 4x64";
    QTest::newRow("wide in e4m3") << QStringList{"attention", "--context", "64", "--indexer", "4x256-e4m3"}
                                  << "a width of 1 to 128";
    QTest::newRow("field at length") << QStringList{"attention", "--context", "64", "--set", "width=3"} << "k, heads";
    QTest::newRow("requests of another subject")
        << QStringList{"attention", "--context", "64", "--requests", "3"} << "--requests: got subject attention";
    QTest::newRow("direction of decoding") << QStringList{"decode", "--direction", "training"} << "subject decode";
    QTest::newRow("indexer of decoding") << QStringList{"decode", "--indexer", "4x256"} << "a width of 1 to 128";
    QTest::newRow("device") << QStringList{"topk", "--device", "abacus"} << "abacus";
}

void tst_cliBench::refuses()
{
    QFETCH(QStringList, arguments);
    QFETCH(QString, part);
    const Result result = run(arguments);
    QVERIFY2(result.code == 2, result.err.constData());
    QVERIFY2(result.err.contains(part.toUtf8()), result.err.constData());
    QVERIFY(result.out.isEmpty());
}

QTEST_GUILESS_MAIN(tst_cliBench)
#include "tst_cli_bench.moc"
