#include "core/base/run_store.h"
#include "core/base/stored_checks.h"
#include "tests/core/experiment/command_line.h"

#include <QtTest>

#include <QJsonArray>

using sparsescope::testing::Result;
using sparsescope::testing::run;

/// convert, inspect, forward and golden as one types them.
class tst_cli_checkpoints : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void convertsARunThereAndBack();
    void saysWhereTiesWereFound();
    void saysWhenTransformersHasNoClass();
    void inspectsLayerByLayer();
    void inspectNamesWhatIsWrong();
    void looksAtAText();
    void tellsWhatItDoesNotRead();
    void writesGoldenFiles();
    void badUsageIsTwo_data();
    void badUsageIsTwo();

private:
    QString at(const QString &name) const { return m_place.filePath(name); }
    QString runOf(const QString &family) const { return at("smoke/seq_32/" + family + "/seed_0"); }
    QTemporaryDir m_place;
};

void tst_cli_checkpoints::initTestCase()
{
    const Result trained =
        run({"train", "smoke", "--device", "cpu", "--threads", "1", "--out", m_place.path(), "--quiet", "--set",
             "training.steps=4", "--set", "training.warmup_indexer_steps=2", "--set", "training.eval_every=4", "--set",
             "probe.every=4", "--set", R"(sweep.family=["sparse","mhla_sparse"])"});
    QVERIFY2(trained.code == 0, trained.err.constData());
}

void tst_cli_checkpoints::convertsARunThereAndBack()
{
    const Result there = run({"convert", runOf("mhla_sparse"), at("hf"), "--to", "hf", "--dtype", "bfloat16",
                              "--shard-size", "20KB", "--json"});
    QVERIFY2(there.code == 0, there.err.constData());
    QCOMPARE(there.json()["architecture"].toString(), QString("DeepseekV32ForCausalLM"));
    QCOMPARE(there.json()["dtype"].toString(), QString("bfloat16"));
    QVERIFY(there.json()["files"].toInt() > 2);
    QVERIFY(QFileInfo::exists(at("hf/model.safetensors.index.json")));
    const Result back = run({"convert", at("hf"), at("native"), "--to", "native", "--json"});
    QVERIFY2(back.code == 0, back.err.constData());
    QCOMPARE(back.json()["dtype"].toString(), QString("float32"));
    QCOMPARE(back.json()["tensors"], there.json()["tensors"]);
    QVERIFY(QFileInfo::exists(at("native/model.safetensors")));
    const Result again = run({"convert", at("hf"), at("native"), "--to", "native"});
    QCOMPARE(again.code, 2);
    QVERIFY(again.err.contains("there already"));
}

/// Keys with equal scores at the k-th place: which of them are taken is not in the weights.
void tst_cli_checkpoints::saysWhereTiesWereFound()
{
    const auto notices = [&](double share, const QString &to) {
        using namespace sparsescope;
        storeChecks(*RunWriter::open(runOf("mhla_sparse").toStdString()),
                    {{"ties", "seq_32/mhla_sparse/seed_0", CheckOutcome::Passed, share, 0.01, "some of the rows"}});
        const QString target = at(QString("ties-%1-%2").arg(share).arg(to));
        return run({"convert", runOf("mhla_sparse"), target, "--to", to, "--json"}).json()["notices"].toArray();
    };
    QVERIFY(notices(0, "hf").isEmpty());
    QVERIFY(notices(0.005, "native").isEmpty());
    const QJsonArray told = notices(0.005, "hf");
    QCOMPARE(told.size(), 1);
    QVERIFY2(told[0].toString().contains("some of the rows") && told[0].toString().contains("torch.topk"),
             qPrintable(told[0].toString()));
}

void tst_cli_checkpoints::saysWhenTransformersHasNoClass()
{
    const Result done = run({"convert", runOf("sparse"), at("own"), "--to", "hf"});
    QCOMPARE(done.code, 0);
    QVERIFY2(done.err.contains("no class for sparsescope_mha_dsa"), done.err.constData());
    for (const char *command : {"forward", "generate", "inspect", "convert", "window"})
        QVERIFY2(done.err.contains(command), command);
}

void tst_cli_checkpoints::inspectsLayerByLayer()
{
    const Result all = run({"inspect", runOf("mhla_sparse"), "--tensors", "--json"});
    QVERIFY2(all.code == 0, all.err.constData());
    const QJsonArray layers = all.json()["layers"].toArray();
    QCOMPARE(layers.size(), 3); // two, and what is around them
    QVERIFY(layers[0].toObject()["layer"].isNull());
    double bytes = 0;
    for (const QJsonValue &layer : layers) {
        double sum = 0;
        for (const QJsonValue &tensor : layer["tensors"].toArray())
            sum += tensor["bytes"].toDouble();
        QCOMPARE(sum, layer["bytes"].toDouble());
        bytes += sum;
    }
    QCOMPARE(bytes, all.json()["bytes"].toDouble());
    QCOMPARE(4 * all.json()["numbers"].toDouble(), bytes);

    const Result one = run({"inspect", runOf("mhla_sparse"), "--layer", "1", "--json"});
    QVERIFY2(one.code == 0, one.err.constData());
    QCOMPARE(one.json()["layers"].toArray().size(), 1);
    const QJsonArray numbers = one.json()["numbers_of_layer"].toArray();
    QCOMPARE(numbers.size(), layers[2]["tensors"].toArray().size());
    for (const QJsonValue &tensor : numbers)
        QVERIFY(tensor["low"].toDouble() <= tensor["mean"].toDouble() &&
                tensor["mean"].toDouble() <= tensor["high"].toDouble());
    QVERIFY(run({"inspect", runOf("mhla_sparse")}).out.contains("own, 2 heads of 16"));
}

void tst_cli_checkpoints::inspectNamesWhatIsWrong()
{
    QCOMPARE(run({"convert", runOf("sparse"), at("damaged"), "--to", "native"}).code, 0);
    QFile config(at("damaged/config.json"));
    QVERIFY(config.open(QIODevice::ReadWrite));
    const QByteArray text = config.readAll().replace("\"use_qk_norm\": false", "\"use_qk_norm\": true");
    QVERIFY(config.resize(0) && config.seek(0));
    config.write(text);
    config.close();
    const Result found = run({"inspect", at("damaged"), "--json"});
    QCOMPARE(found.code, 1);
    QCOMPARE(found.json()["errors"].toArray().size(), 4);
    QVERIFY(found.json()["errors"][0]["text"].toString().contains("self_attn.q_norm.weight"));
    QCOMPARE(found.json()["layers"].toArray().size(), 3); // and still shows the rest
}

void tst_cli_checkpoints::looksAtAText()
{
    const Result seen = run({"inspect", runOf("sparse"), "--tokens", "1,2,3,4,5,6,7,8,9,1,2,3,4,5", "--out",
                             at("seen.safetensors"), "--json"});
    QVERIFY2(seen.code == 0, seen.err.constData());
    QCOMPARE(seen.json()["seen"].toArray().size(), 2);
    QVERIFY(seen.json()["seen"][0]["mass_kept"].toDouble() > 0);
    QVERIFY(QFileInfo::exists(at("seen.safetensors")));
}

void tst_cli_checkpoints::tellsWhatItDoesNotRead()
{
    QCOMPARE(run({"convert", runOf("sparse"), at("notices"), "--to", "native"}).code, 0);
    const auto notices = [&](const QStringList &arguments) {
        const Result result = run(arguments + QStringList{"--json"});
        QString text;
        for (const QJsonValue &notice : result.json()["notices"].toArray())
            text += notice.toString() + "\n";
        return result.code == 0 ? text : QString::fromUtf8(result.err);
    };
    QCOMPARE(notices({"inspect", at("notices")}), QString());
    const auto write = [&](const char *name) {
        QFile file(at("notices/") + name);
        return file.open(QIODevice::WriteOnly) && file.write("{}") == 2;
    };
    QVERIFY(write("tokenizer.json"));
    const QString unread = notices({"inspect", at("notices")});
    QVERIFY2(unread.contains("tokenizer.json is not read") && unread.contains("--tokens"), qPrintable(unread));
    const Result text = run({"generate", at("notices"), "--text", "abc"});
    QCOMPARE(text.code, 2);
    QVERIFY2(text.err.contains("--text: this tokenizer is not read") && text.err.contains("tokenizer.json") &&
                 text.err.contains("--ids of forward"),
             text.err.constData());
    QVERIFY(write("model.safetensors.index.json"));
    for (const QStringList &command : {QStringList{"inspect", at("notices")},
                                       {"convert", at("notices"), at("again"), "--to", "hf"},
                                       {"generate", at("notices"), "--tokens", "1,2", "--count", "1"}}) {
        const QString said = notices(command);
        QVERIFY2(said.contains("model.safetensors.index.json is not read"), qPrintable(said));
    }
    // The run was trained at 32 tokens.
    QStringList ids;
    for (int i = 0; i < 33; ++i)
        ids << QString::number(i % 9 + 1);
    const QString positions =
        notices({"inspect", runOf("sparse"), "--tokens", ids.join(","), "--out", at("long.safetensors")});
    QVERIFY2(positions.contains("max_position_embeddings: 32, and there are 33 tokens"), qPrintable(positions));
    const QString written = notices({"generate", runOf("sparse"), "--tokens", ids.mid(1).join(","), "--count", "1"});
    QVERIFY2(written.contains("max_position_embeddings: 32, and there are 33 tokens"), qPrintable(written));
}

void tst_cli_checkpoints::writesGoldenFiles()
{
    const Result golden = run({"golden", "--out", at("golden"), "--json"});
    QVERIFY2(golden.code == 0, golden.err.constData());
    QVERIFY(QFileInfo::exists(at("golden/README.md")));
    for (const QJsonValue &model : golden.json()["models"].toArray()) {
        const QString folder = at("golden/" + model["name"].toString());
        const Result forward =
            run({"forward", folder, "--ids", folder + "/golden.safetensors", "--out", at("out.safetensors")});
        QVERIFY2(forward.code == 0, forward.err.constData());
    }
}

void tst_cli_checkpoints::badUsageIsTwo_data()
{
    QTest::addColumn<QStringList>("arguments");
    QTest::addColumn<QString>("part");
    QTest::newRow("no checkpoint") << QStringList{"inspect", m_place.path()} << "no checkpoint here";
    QTest::newRow("no such layer") << QStringList{"inspect", runOf("sparse"), "--layer", "2"} << "--layer";
    QTest::newRow("text without out") << QStringList{"inspect", runOf("sparse"), "--text", "abc"} << "--out";
    QTest::newRow("out without text") << QStringList{"inspect", runOf("sparse"), "--out", at("x")} << "--text";
    QTest::newRow("no such token") << QStringList{"inspect", runOf("sparse"), "--tokens", "1,9999", "--out", at("x")}
                                   << "--tokens";
    QTest::newRow("no direction") << QStringList{"convert", runOf("sparse"), at("x")} << "--to";
    QTest::newRow("no such type") << QStringList{"convert", runOf("sparse"), at("x"), "--to", "hf", "--dtype", "int8"}
                                  << "--dtype";
    QTest::newRow("no such size") << QStringList{"convert", runOf("sparse"), at("x"), "--to",
                                                 "hf",      "--shard-size",  "big"}
                                  << "--shard-size";
    QTest::newRow("golden into a full folder") << QStringList{"golden", "--out", m_place.path()} << "--out";
}

void tst_cli_checkpoints::badUsageIsTwo()
{
    QFETCH(QStringList, arguments);
    QFETCH(QString, part);
    const Result result = run(arguments);
    QVERIFY2(result.code == 2, result.err.constData());
    QVERIFY2(result.err.contains(part.toUtf8()), result.err.constData());
    QVERIFY(!QFileInfo::exists(at("x")));
}

QTEST_GUILESS_MAIN(tst_cli_checkpoints)
#include "tst_cli_checkpoints.moc"
