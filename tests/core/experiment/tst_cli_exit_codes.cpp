#include "tests/core/experiment/command_line.h"

#include <QTemporaryDir>
#include <QTest>

#include <tuple>

using namespace sparsescope::testing;

/// The rule of core/base/exit_code.h: what was asked for cannot be, 2; work was begun and failed, 1.
class tst_CliExitCodes : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void codes_data();
    void codes();
    void everythingInTheWayAtOnceAndBeforeThePlan();
    void controlCodesAreShownAndJsonStaysWhole();
};

void tst_CliExitCodes::codes_data()
{
    QTest::addColumn<QStringList>("arguments");
    QTest::addColumn<int>("code");
    QTest::addColumn<QString>("part");
    const QString truth = qEnvironmentVariable("SPARSESCOPE_SOURCE") + "/tests/truth/hf-deepseek_v3";
    const QString ids = truth + "/vectors.safetensors", weights = truth + "/model.safetensors";
    const auto row = [](const char *name, const QStringList &arguments, int code, const char *part) {
        QTest::newRow(name) << arguments << code << QString(part);
    };
    row("command misspelt", {"traim"}, 2, "unknown command, got \"traim\", allowed train, check, ");
    row("the nearest command", {"traim"}, 2, "Did you mean train?");
    row("command of another kind", {"xyzzy"}, 2, "See sparsescope-cli --help.");
    row("device unknown", {"train", "smoke", "--device", "gpu"}, 2, "got \"gpu\", allowed auto, cpu, cuda or cuda:N");
    row("device no number", {"train", "smoke", "--device", "cuda:x"}, 2, "got \"cuda:x\", allowed auto, cpu, cuda");
    row("device not there", {"train", "smoke", "--device", "cuda:97"}, 2, "got \"cuda:97\", allowed auto");
    row("device of a bench", {"bench", "topk", "--device", "gpu"}, 2, "got \"gpu\", allowed auto, cpu");
    row("report of a folder without runs", {"report", "."}, 2, "no runs in the folder");
    row("output below a file", {"train", "smoke", "--out", "file/runs"}, 2, "the output folder cannot be made");
    row("bench into a missing folder", {"bench", "topk", "--out", "no/such/file"}, 2, "--out: no such folder");
    row("forward of nothing", {"forward", "nope", "--ids", ids, "--out", "o"}, 2, "nope: no such folder");
    row("ids missing", {"forward", truth, "--ids", "nope", "--out", "o"}, 2, "nope: cannot open the file");
    row("ids without the tensor", {"forward", truth, "--ids", weights, "--out", "o"}, 2,
        "input_ids: tensor is missing");
    row("forward into a missing folder", {"forward", truth, "--ids", ids, "--out", "no/o"}, 2, "--out: no such folder");
    row("forward over its own tokens", {"forward", truth, "--ids", ids, "--out", ids}, 2,
        "would overwrite what it reads");
    row("forward over its own weights", {"forward", truth, "--ids", ids, "--out", weights}, 2,
        "would overwrite what it reads");
    // What is wrong inside a checkpoint is one kind of fault, whichever command meets it: cut, tensors missing, no such model.
    for (const char *fault : {"damaged", "lacking", "strange"}) {
        const char *part = QByteArray(fault) == "damaged"   ? "model.safetensors"
                           : QByteArray(fault) == "lacking" ? "kv_a_proj_with_mqa.bias: missing tensor"
                                                            : "config.json: hidden_act: not supported, got \"gelu\"";
        const auto opens = [&](const char *command, const QStringList &more) {
            row(qPrintable(QStringLiteral("%1 of a %2 checkpoint").arg(command, fault)),
                QStringList{command, fault} + more, 1, part);
        };
        opens("inspect", {});
        opens("forward", {"--ids", ids, "--out", "o"});
        opens("convert", {"o", "--to", "hf"});
        opens("generate", {"--tokens", "1,2"});
    }
    row("generate with a negative seed", {"generate", truth, "--tokens", "1,2", "--seed", "-1"}, 2,
        "--seed: got -1, allowed 0 or more");
    row("no such layer", {"inspect", truth, "--layer", "-2"}, 2,
        "--layer: no such layer, got -2, allowed 0 to 1, or -1 for what is around the layers");
    row("check without its corpus", {"check", "smoke", "--set", "data.source=text", "--set", "data.path=no.txt"}, 2,
        "--set: data.path: file not found, got no.txt");
    row("corpus missing", {"train", "smoke", "--set", "data.source=text", "--set", "data.path=no.txt"}, 2,
        "data.path: file not found, got no.txt");
    row("corpus empty", {"train", "smoke", "--set", "data.source=text", "--set", "data.path=empty"}, 2,
        "data.path: file is empty, got empty (0 bytes)");
    row("unknown option of a source", {"train", "smoke", "--set", "data.options.pears=2"}, 2, "pears");
    row("tokenizer that cannot be read",
        {"train", "smoke", "--set", "data.source=stories", "--set", "data.options={}", "--set",
         "data.tokenizer=sentencepiece:400"},
        2, "data.tokenizer");
    row("bf16 without a card", {"train", "smoke", "--device", "cpu", "--set", "training.precision=bf16"}, 2,
        "training.precision: bf16 training needs a CUDA device");
}

void tst_CliExitCodes::codes()
{
    QFETCH(QStringList, arguments);
    QFETCH(int, code);
    QFETCH(QString, part);
    QTemporaryDir folder;
    for (const char *name : {"file", "empty"}) {
        QFile file(folder.filePath(name));
        QVERIFY(file.open(QIODevice::WriteOnly));
        QVERIFY(name == QByteArray("empty") || file.write("text") == 4);
    }
    const QString truth = qEnvironmentVariable("SPARSESCOPE_SOURCE") + "/tests/truth/hf-deepseek_v3/";
    for (const QString checkpoint : {"damaged", "lacking", "strange"}) {
        QVERIFY(QDir(folder.path()).mkdir(checkpoint));
        for (const char *name : {"config.json", "model.safetensors"})
            QVERIFY(QFile::copy(truth + name, folder.filePath(checkpoint) + "/" + name));
    }
    for (const auto &[checkpoint, from, to] :
         {std::tuple("lacking", "\"attention_bias\": false", "\"attention_bias\": true"),
          std::tuple("strange", "\"hidden_act\": \"silu\"", "\"hidden_act\": \"gelu\"")}) {
        QFile config(folder.filePath(checkpoint) + "/config.json");
        QVERIFY(config.setPermissions(QFile::ReadOwner | QFile::WriteOwner) && config.open(QIODevice::ReadWrite));
        const QByteArray text = config.readAll();
        QVERIFY(text.contains(from) && config.resize(0) && config.seek(0));
        config.write(QByteArray(text).replace(from, to));
    }
    QVERIFY(QFile::setPermissions(folder.filePath("damaged/model.safetensors"), QFile::ReadOwner | QFile::WriteOwner));
    QVERIFY(QFile::resize(folder.filePath("damaged/model.safetensors"), 5000));
    const QStringList before = QDir(folder.path()).entryList();
    const Result result = run(arguments, folder.path());
    QVERIFY2(result.code == code, result.err.constData());
    QVERIFY2(QString::fromUtf8(result.err).contains(part), result.err.constData());
    QVERIFY2(!result.err.contains("by estimate"), result.err.constData()); // refused before the plan is printed
    QCOMPARE(QDir(folder.path()).entryList(), before);
}

void tst_CliExitCodes::everythingInTheWayAtOnceAndBeforeThePlan()
{
    QTemporaryDir folder;
    QVERIFY(QDir(folder.path()).mkpath("runs/smoke/something"));
    const Result result = run({"train", "smoke", "--device", "gpu", "--out", folder.filePath("runs"), "--set",
                               "data.source=text", "--set", "data.path=no.txt", "--set", "data.options={}"},
                              folder.path());
    QCOMPARE(result.code, 2);
    for (const char *part : {"folder is not empty", "got \"gpu\"", "--set: data.path: file not found"})
        QVERIFY2(result.err.contains(part), result.err.constData());
    QCOMPARE(result.err.count('\n'), 3);
}

void tst_CliExitCodes::controlCodesAreShownAndJsonStaysWhole()
{
    const QString name = QStringLiteral("no\x1b[31m\x7fpe");
    const Result result = run({"inspect", name, "--json"});
    QVERIFY2(result.err.contains("no\\x1b[31m\\x7fpe"), result.err.constData());
    QCOMPARE(result.json()["ok"], QJsonValue(false));
    QVERIFY(result.json()["errors"][0]["text"].toString().contains(name)); // a program reads what was given
}

QTEST_GUILESS_MAIN(tst_CliExitCodes)
#include "tst_cli_exit_codes.moc"
