#include "tests/core/experiment/command_line.h"

#include <nlohmann/json.hpp>

#include <QJsonArray>
#include <QTemporaryDir>
#include <QTest>

#include <set>

using namespace sparsescope::testing;
using nlohmann::ordered_json;

namespace {

Result trainOn(const QByteArray &text, const QTemporaryDir &folder)
{
    QFile file(folder.filePath("bad.json"));
    if (!file.open(QIODevice::WriteOnly) || file.write(text) != text.size())
        return {};
    file.close();
    return run({"train", "bad.json", "--json", "--device", "cpu"}, folder.path());
}

/// `patch` merged into the smallest experiment.
QByteArray patched(const QString &patch)
{
    ordered_json document{{"schema", 1}, {"name", "x"}, {"training", {{"steps", 1}}}};
    document.merge_patch(ordered_json::parse(patch.toStdString()));
    return QByteArray::fromStdString(document.dump(2));
}

} // namespace

/// Bad configurations of many kinds, as the command line answers them: which field of which file, what was found there, what is
/// allowed. The wording of every rule is tested in core/base/tst_config.cpp.
class tst_CliBadConfigurations : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void oneFaultOneMessage_data();
    void oneFaultOneMessage();
    void filesThatAreNoConfiguration_data();
    void filesThatAreNoConfiguration();
    void allFaultsOfAFileAtOnce();
    void whatIsWrongWithTheDataStandsBesideIt();
    void whatSetGaveIsNamedAsItsPlace();
    void aSetThatIsNoneHidesNoOtherFault();
    void aPlaceThatTakesNoFoldersIsRefusedFirst();
    void aFileInAFoldersPlaceIsCalledOne_data();
    void aFileInAFoldersPlaceIsCalledOne();
    void whatIsRoundedIsSaid();
};

void tst_CliBadConfigurations::aFileInAFoldersPlaceIsCalledOne_data()
{
    QTest::addColumn<QStringList>("words");
    QTest::addColumn<QString>("part");
    const auto row = [](const char *name, const QStringList &words, const char *part) {
        QTest::newRow(name) << words << QString(part);
    };
    const char *folder = "file: is a file, allowed the folder of an experiment";
    for (const char *command : {"report", "compare", "counterfactual", "needle"}) {
        row(command, {command, "file"}, folder);
        row(qPrintable(QString(command) + " of nothing"), {command, "nowhere"},
            "nowhere: no such folder, allowed the folder of an experiment");
    }
    row("claims", {"report", "--claims", "file"}, "file: is a file, allowed the folder that holds the results");
    row("goals", {"report", "--goals", "file"}, "file: is a file, allowed the folder that holds the results");
    row("inspect", {"inspect", "file"}, "file: is a file, allowed a folder with config.json");
    row("generate", {"generate", "file", "--tokens", "1"}, "file: is a file, allowed a folder with config.json");
    row("check", {"check", "file"}, "allowed an experiment file in JSON");
    row("train", {"train", "file"}, "allowed an experiment file in JSON");
    row("train into it", {"train", "smoke", "--out", "file", "--device", "cpu"}, "file, which is a file");
    row("into a file", {"bench", "topk", "--out", "file/x.json"}, "--out: file is a file");
    row("into a folder", {"bench", "topk", "--out", "."}, "--out: is a folder");
    row("where no files go", {"bench", "topk", "--out", "/proc/x.json"}, "--out: the output folder cannot be written");
}

void tst_CliBadConfigurations::aFileInAFoldersPlaceIsCalledOne()
{
    QFETCH(QStringList, words);
    QFETCH(QString, part);
    QTemporaryDir folder;
    QFile file(folder.filePath("file"));
    QVERIFY(file.open(QIODevice::WriteOnly) && file.write("words") == 5);
    file.close();
    const Result result = run(words, folder.path());
    QVERIFY2(result.code == 2 && QString::fromUtf8(result.err).contains(part), result.err.constData());
}

void tst_CliBadConfigurations::whatIsRoundedIsSaid()
{
    QTemporaryDir folder;
    const Result result = run({"train", "smoke", "--device", "cpu", "--json", "--out", folder.filePath("runs"), "--set",
                               "training.steps=1", "--set", R"(sweep.family=["classic","sparse"])", "--set",
                               "training.batch_size=L/64", "--set", R"(sweep.top_k=["L/8","L/64","L/3"])"});
    QVERIFY2(result.code == 0, result.err.constData());
    QStringList notices;
    for (const QJsonValue &notice : result.json()["notices"].toArray())
        notices << notice.toString();
    const auto said = [&](const char *notice) { return notices.count(notice) == 1; };
    QVERIFY2(said("training.batch_size: L/64 is 0.5 at sequence length 32; 1 is taken, the least there is.") &&
                 said("model.selection.top_k: L/64 is 0.5 at sequence length 32; 1 is taken, the least there is.") &&
                 said("model.selection.top_k: L/3 is 10.7 at sequence length 32; 10 is taken."),
             qPrintable(notices.join('\n')));
    QVERIFY2(!notices.join(' ').contains("L/8"), qPrintable(notices.join('\n')));
}

void tst_CliBadConfigurations::aSetThatIsNoneHidesNoOtherFault()
{
    const Result result =
        run({"train", "smoke", "--set", "steps", "--set", "training.lr=1", "--set", "model.moe=3", "--device", "cpu"});
    QCOMPARE(result.code, 2);
    QVERIFY2(
        result.err.contains("model.moe: is a group of fields, got 3, allowed one of its fields, such as model.moe."),
        result.err.constData());
    QVERIFY2(result.err.contains("--set: got \"steps\", allowed path.to.field=VALUE") &&
                 result.err.contains("training.lr: unknown field. Did you mean training.learning_rate?"),
             result.err.constData());
}

void tst_CliBadConfigurations::aPlaceThatTakesNoFoldersIsRefusedFirst()
{
    const Result result = run({"train", "smoke", "--device", "cpu", "--out", "/proc/x"});
    QCOMPARE(result.code, 2);
    QVERIFY2(result.err.contains("/proc/x/smoke: the output folder cannot be written") &&
                 !result.err.contains("About"), // the plan comes after what stands in its way
             result.err.constData());
    const Result nowhere = run({"train", "smoke", "--device", "cpu", "--out", ""});
    QCOMPARE(nowhere.code, 2);
    QVERIFY2(nowhere.err.contains("--out: got \"\", allowed a folder"), nowhere.err.constData());
}

void tst_CliBadConfigurations::oneFaultOneMessage_data()
{
    QTest::addColumn<QString>("patch");
    QTest::addColumn<QString>("path");
    QTest::addColumn<QString>("found");
    QTest::addColumn<QString>("allowed");
    const auto row = [](const char *patch, const char *path, const char *found, const char *allowed) {
        QTest::newRow(QByteArray(path) + " " + found)
            << QString(patch) << QString(path) << QString(found) << QString(allowed);
    };
    row(R"({"schema": 2})", "schema", "2", "1");
    row(R"({"name": "A b"})", "name", "\"A b\"", "1 to 64 of a-z, 0-9 and -");
    row(R"({"question": 3})", "question", "3", "text");
    row(R"({"probe": {"text": "a\u00e9\u0000b"}})", "probe.text", "whose character 3 is U+0000",
        "text without the character U+0000");
    row(R"({"question": "why\u0000"})", "question", "whose character 4 is U+0000", "text without");
    row(R"({"data": 3})", "data", "3", "an object");
    row(R"({"data": {"source": "tales"}})", "data.source", "\"tales\"", "stories, text");
    row(R"({"data": {"path": ""}})", "data.path", "\"\"", "the path of a text file");
    row(R"({"data": {"path": "no.txt"}})", "data.path", "no.txt", "a text file that exists");
    row(R"({"data": {"path": "."}})", "data.path", "a folder", "a text file");
    row(R"({"data": {"path": "bad.json"}})", "data.path", "1 document with", "2 documents or more");
    row(R"({"data": {"separator": ""}})", "data.separator", "\"\"", "at least one character");
    row(R"({"data": {"validation": "a tenth"}})", "data.validation", "\"a tenth\"", "a number, 0.01 to 0.5");
    row(R"({"data": {"tokenizer": "words"}})", "data.tokenizer", "\"words\"", "bytes, sentencepiece:N");
    row(R"({"data": {"options": []}})", "data.options", "[]", "an object");
    row(R"({"data": {"options": {"fact": 2}}})", "data.options.fact", "", "");
    row(R"({"model": [1]})", "model", "a list of 1", "an object");
    row(R"({"model": {"family": "dense"}})", "model.family", "\"dense\"", "classic, sparse, mhla or mhla_sparse");
    row(R"({"model": {"attention": {"kind": "mla"}, "family": "sparse"}})", "model.attention.kind", "mla",
        "mha with family sparse");
    row(R"({"model": {"selection": {"kind": "best"}}})", "model.selection.kind", "\"best\"", "lightning");
    row(R"({"model": {"selection": {"top_k": 0}}})", "model.selection.top_k", "0", "1 to 131072");
    row(R"({"model": {"d_model": 7}})", "model.d_model", "7", "8 to 16384");
    row(R"({"model": {"n_layers": 1.5}})", "model.n_layers", "1.5", "a whole number, 1 to 128");
    row(R"({"model": {"n_heads": 7}})", "model.n_heads", "7", "a divisor of model.d_model = 256");
    row(R"({"model": {"n_kv_heads": 3}})", "model.n_kv_heads", "3", "a divisor of model.n_heads = 8");
    row(R"({"model": {"rotary_fraction": 0.03}})", "model.rotary_fraction", "0.03", "an even number of at least 2");
    row(R"({"model": {"qk_norm": 1}})", "model.qk_norm", "1", "true or false");
    row(R"({"model": {"family": "mhla", "mla": {"qk_rope_head_dim": 7}}})", "model.mla.qk_rope_head_dim", "7",
        "an even number");
    row(R"({"model": {"family": "mhla", "mla": {"kv_lora_rank": "wide"}}})", "model.mla.kv_lora_rank", "\"wide\"",
        "a whole number");
    row(R"({"model": {"indexer": {"head_dim": 512}}})", "model.indexer.head_dim", "512", "8 to 256");
    row(R"({"model": {"indexer": {"rope": "neox"}}})", "model.indexer.rope", "\"neox\"", "half-split or interleaved");
    row(R"({"model": {"share_pattern": "SF"}})", "model.share_pattern", "\"SF\"", "4 letters F or S");
    row(R"({"model": {"moe": {"experts_per_token": 9}}})", "model.moe.experts_per_token", "9",
        "model.moe.n_experts = 4");
    row(R"({"model": {"moe": {"n_groups": 3}}})", "model.moe.n_groups", "3", "a divisor of model.moe.n_experts = 4");
    row(R"({"model": {"yarn": "yes"}})", "model.yarn", "\"yes\"", "an object, or null");
    row(R"({"training": {"sequence_length": 1}})", "training.sequence_length", "1", "2 to 131072");
    row(R"({"training": {"batch_size": "L+1"}})", "training.batch_size", "\"L+1\"", "an expression such as L/8");
    row(R"({"training": {"steps": "many"}})", "training.steps", "\"many\"", "a whole number, 1 to 1000000000");
    row(R"({"training": {"recipe": "custom"}})", "training.stages", "none", "at least one stage");
    row(R"({"training": {"recipe": "custom", "steps": null, "stages": [{"steps": 0, "attention": "dense", "train": "main", "kl": "none"}]}})",
        "training.stages[0].steps", "0", "1 to 1000000000");
    row(R"({"training": {"recipe": "custom", "steps": null, "stages": [{"steps": 3, "attention": "sparse", "train": "all", "kl": "none", "pace": 1}]}})",
        "training.stages[0].pace", "", "name, steps, attention, train, kl or learning_rate");
    row(R"({"training": {"recipe": "custom", "steps": null, "stages": [{"steps": 3, "train": "all", "kl": "none"}]}})",
        "training.stages[0].attention", "", "dense or sparse");
    row(R"({"training": {"learning_rate": "fast"}})", "training.learning_rate", "\"fast\"", "a number");
    row(R"({"training": {"warmup_steps": 2}})", "training.warmup_steps", "2", "0 to training.steps = 1");
    row(R"({"training": {"precision": "bf16"}})", "training.precision", "bf16 on cpu", "auto or fp32");
    row(R"({"training": {"captured": "on"}})", "training.captured", "on with cpu", "auto or off on the CPU");
    row(R"({"model": {"d_model": 16384, "n_layers": 128, "n_heads": 128, "indexer": {"head_dim": 128}}})",
        "training.batch_size", "GB) in", "not even one sequence");
    row(R"({"training": {"seed": -1}})", "training.seed", "-1", "0 to");
    row(R"({"training": {"checkpoint_seconds": 0}})", "training.checkpoint_seconds", "0", "1 to");
    row(R"({"probe": {"every": 0}})", "probe.every", "0", "1 to");
    row(R"({"sweep": {"lr": [1]}})", "sweep.lr", "", "family, sequence_length, seed, top_k, data.source");
    row(R"({"sweep": {"name": ["a"]}})", "sweep.name", "", "family, sequence_length, seed, top_k, data.source");
    row(R"({"run": {"order": "parallel"}})", "run.order", "\"parallel\"", "lockstep or sequential");
    row(R"({"sweep": [1]})", "sweep", "a list of 1", "an object");
    row(R"({"sweep": {"seed": []}})", "sweep.seed", "[]", "a list of 1 to 1000 values");
    row(R"({"sweep": {"family": ["sparse", "dense"]}})", "sweep.family[1]", "\"dense\"", "classic, sparse");
    row(R"({"sweep": {"seed": [1, 1]}})", "sweep.seed[1]", "1 twice", "each value once");
}

void tst_CliBadConfigurations::oneFaultOneMessage()
{
    QFETCH(QString, patch);
    QFETCH(QString, path);
    QFETCH(QString, found);
    QFETCH(QString, allowed);
    QTemporaryDir folder;
    const Result result = trainOn(patched(patch), folder);
    QVERIFY2(result.code == 2, result.err.constData());
    const QJsonArray errors = result.json()["errors"].toArray();
    QVERIFY2(errors.size() == 1, result.err.constData());
    QCOMPARE(errors[0]["path"].toString(), path);
    QVERIFY2(errors[0]["found"].toString().contains(found), result.err.constData());
    QVERIFY2(errors[0]["allowed"].toString().contains(allowed), result.err.constData());
    // And the line that a reader sees has all of it, behind the name of the file.
    const QString line = QString::fromUtf8(result.err).trimmed();
    QVERIFY2(line.startsWith("bad.json: " + path + ": ") && !line.contains('\n'), result.err.constData());
    QVERIFY2(line.contains(found) && line.contains(allowed), result.err.constData());
    QVERIFY(!QFileInfo::exists(folder.filePath("runs")));
}

void tst_CliBadConfigurations::filesThatAreNoConfiguration_data()
{
    QTest::addColumn<QByteArray>("text");
    QTest::addColumn<QString>("part");
    QTest::newRow("empty") << QByteArray() << "bad.json, line 1, column 1: not valid JSON";
    QTest::newRow("comma") << QByteArray("{\"schema\": 1,\n \"name\": \"x\",}") << "bad.json, line 2";
    QTest::newRow("list") << QByteArray("[1]") << "bad.json: not an experiment, got a list of 1, allowed an object";
    QTest::newRow("key twice") << QByteArray("{\"schema\": 1,\n\"name\": \"x\",\n\"name\": \"y\"}")
                               << "bad.json, line 3, column 1: key given twice, got \"name\", allowed each key once";
    QTest::newRow("deep") << QByteArray(100, '[') << "nested too deeply, allowed 64 levels";
    QTest::newRow("latin") << QByteArray("{\"name\": \"\xE9\"}") << "bad.json: not UTF-8 text";
}

void tst_CliBadConfigurations::filesThatAreNoConfiguration()
{
    QFETCH(QByteArray, text);
    QFETCH(QString, part);
    QTemporaryDir folder;
    const Result result = trainOn(text, folder);
    QVERIFY2(result.code == 2, result.err.constData());
    QVERIFY2(QString::fromUtf8(result.err).contains(part), result.err.constData());
    QCOMPARE(result.json()["errors"].toArray().size(), 1);
}

void tst_CliBadConfigurations::allFaultsOfAFileAtOnce()
{
    QTemporaryDir folder;
    const Result result = trainOn(patched(R"({"modle": 1, "data": {"validation": 2}, "model": {"n_layers": "two",
        "moe": {"experts_per_token": 9}, "selection": {"top_k": -1}}, "training": {"steps": 0},
        "sweep": {"family": ["a"], "seed": [0, -1]}, "probe": {"evry": 3}})"),
                                  folder);
    QCOMPARE(result.code, 2);
    std::set<QString> paths;
    for (const QJsonValue &error : result.json()["errors"].toArray())
        paths.insert(error["path"].toString());
    const std::set<QString> expected{
        "modle",          "data.validation", "model.n_layers", "model.moe.experts_per_token",
        "training.steps", "sweep.family[0]", "sweep.seed[1]",  "model.selection.top_k",
        "probe.evry"};
    QVERIFY2(paths == expected, result.err.constData());
}

void tst_CliBadConfigurations::whatIsWrongWithTheDataStandsBesideIt()
{
    const auto pathsOf = [](const char *patch) {
        QTemporaryDir folder;
        const Result result = trainOn(patched(patch), folder);
        std::set<QString> paths;
        for (const QJsonValue &error : result.json()["errors"].toArray())
            paths.insert(error["path"].toString());
        return result.code == 2 ? paths : std::set<QString>();
    };
    QCOMPARE(pathsOf(R"({"training": {"steps": 0}, "data": {"source": "text", "path": "no.txt"}})"),
             (std::set<QString>{"training.steps", "data.path"}));
    QCOMPARE(pathsOf(R"({"training": {"steps": 0},
                         "data": {"source": "needle", "options": {"piars": 2, "digits": 0, "filler": "sand", "keys": 9}}})"),
             (std::set<QString>{"training.steps", "data.options.piars", "data.options.digits", "data.options.filler"}));
    // The same where nothing else is wrong.
    QCOMPARE(pathsOf(R"({"data": {"source": "needle", "options": {"digits": 0, "filler": "sand"}}})"),
             (std::set<QString>{"data.options.digits", "data.options.filler"}));
    // A source that cannot be read is not asked.
    QCOMPARE(pathsOf(R"({"data": {"source": "tales", "options": {"digits": 0}}})"), (std::set<QString>{"data.source"}));
}

void tst_CliBadConfigurations::whatSetGaveIsNamedAsItsPlace()
{
    QTemporaryDir folder;
    const auto firstLine = [&](const QStringList &changes) {
        QStringList arguments{"train", "smoke", "--out", folder.filePath("runs")};
        for (const QString &change : changes)
            arguments << "--set" << change;
        const Result result = run(arguments);
        return result.code == 2 ? QString::fromUtf8(result.err).section('\n', 0, 0) : QString("not refused");
    };
    const QString number = firstLine({"training.steps=many"});
    QVERIFY2(number.startsWith("--set: training.steps: "), qPrintable(number));
    const QString corpus = firstLine({"data.source=text", "data.path=no.txt"});
    QVERIFY2(corpus.startsWith("--set: data.path: "), qPrintable(corpus));
    const QString source = firstLine({"data.path=no.txt"});
    QVERIFY2(source.contains("smoke.json: data.source: "), qPrintable(source));
}

QTEST_GUILESS_MAIN(tst_CliBadConfigurations)
#include "tst_cli_bad_configurations.moc"
