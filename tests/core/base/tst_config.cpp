// Longer than 400 lines: all that one source promises is tested by one program.

#include "core/base/config.h"
#include "core/base/json_reader.h"
#include "core/base/presets.h"

#include <QtTest>

#include <algorithm>
#include <functional>
#include <map>
#include <set>

using namespace sparsescope;
using nlohmann::ordered_json;

namespace {

ordered_json minimal() { return {{"schema", 1}, {"name", "x"}}; }

/// `patch` (merged into the smallest experiment) as a document.
ordered_json patched(const char *patch)
{
    ordered_json document = minimal();
    document.merge_patch(ordered_json::parse(patch));
    return document;
}

std::vector<Error> errorsOf(const ordered_json &document, const std::vector<Override> &overrides = {})
{
    try {
        parseExperiment(document, "exp.json", overrides);
    } catch (const ConfigFailure &failure) {
        return failure.errors();
    }
    return {};
}

RunConfig onlyRun(const ordered_json &document, const std::vector<Override> &overrides = {})
{
    return expand(parseExperiment(document, "exp.json", overrides)).at(0);
}

std::string stageText(const RunConfig &run)
{
    std::string text;
    for (const StageConfig &stage : stagesOf(run))
        text += stage.name + " " + std::to_string(stage.steps) + " " + toString(stage.attention) + " " +
                toString(stage.trains) + " " + toString(stage.kl) + "; ";
    return text;
}

} // namespace

class tst_config : public QObject {
    Q_OBJECT
private slots:
    void badConfigurationIsExplained_data();
    void badConfigurationIsExplained();
    void everyErrorOfAFileAtOnce();
    void messageNamesFilePathFoundAndAllowed();
    void checksSkipWhatWasRefused();
    void defaultsAreThoseOfTheContract_data();
    void defaultsAreThoseOfTheContract();
    void derivedDefaults();
    void ratesFollowWidthAndTask();
    void familyIsAPresetOfTheKinds();
    void dataPathAloneImpliesText();
    void overridesReplaceValuesAndSweeps();
    void textOverridesStayText();
    void badOverridesAreExplained();
    void nullWhereAllowed();
    void batchFollowsTheLength();
    void stages_data();
    void stages();
    void warmUpByAnotherObjective();
    void customStages();
    void roundTripOfEveryPreset();
    void roundTripKeepsEveryField();
    void runJsonIsChecked();
    void schemaListsEveryField();
    void presetsSatisfyTheSchema();
    void everyFieldIsDescribed();
};

void tst_config::badConfigurationIsExplained_data()
{
    QTest::addColumn<QString>("patch");
    QTest::addColumn<QString>("where");
    QTest::addColumn<QString>("part");
    const auto row = [](const char *name, const char *patch, const char *where, const char *part) {
        QTest::newRow(name) << QString(patch) << QString(where) << QString(part);
    };
    row("unknown top key", R"({"modle": {}})", "modle", "unknown field. Did you mean");
    row("unknown key, nearest", R"({"model": {"d_modle": 64}})", "model.d_modle", "Did you mean model.d_model?");
    row("key at the wrong place", R"({"model": {"top_k": 4}})", "model.top_k", "Did you mean model.selection.top_k?");
    row("schema of the future", R"({"schema": 2})", "schema", "got 2, allowed 1");
    row("no schema", R"({"schema": null})", "schema", "missing field");
    row("no name", R"({"name": null})", "name", "missing field");
    row("name with capitals", R"({"name": "Demo"})", "name", "a-z, 0-9 and -");
    row("name empty", R"({"name": ""})", "name", "1 to 64");
    row("name with slash", R"({"name": "../x"})", "name", "1 to 64");
    row("name too long", R"({"name": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"})", "name",
        "1 to 64");
    row("name no text", R"({"name": 3})", "name", "got 3, allowed text");
    row("group no object", R"({"model": 3})", "model", "got 3, allowed an object");
    row("inner group no object", R"({"model": {"moe": [1]}})", "model.moe", "got a list of 1, allowed an object");
    row("unknown source", R"({"data": {"source": "storys"}})", "data.source", "Did you mean stories?");
    row("text without a path", R"({"data": {"source": "text"}})", "data.path", "path of a text file");
    row("path beside a generator", R"({"data": {"source": "mqar", "path": "a.txt"}})", "data.source",
        "beside data.path");
    row("path empty", R"({"data": {"path": ""}})", "data.path", "got \"\", allowed the path of a text file");
    row("text with an empty path", R"({"data": {"source": "text", "path": ""}})", "data.path", "path of a text file");
    row("steps in words", R"({"training": {"steps": "many"}})", "training.steps",
        "got \"many\", allowed a whole number, 1 to 1000000000");
    row("a share in words", R"({"data": {"validation": "a tenth"}})", "data.validation",
        "got \"a tenth\", allowed a number, 0.01 to 0.5");
    row("validation share", R"({"data": {"validation": 0.9}})", "data.validation", "got 0.9, allowed 0.01 to 0.5");
    row("empty separator", R"({"data": {"separator": ""}})", "data.separator", "at least one character");
    row("tokenizer spelling", R"({"data": {"tokenizer": "byte"}})", "data.tokenizer", "sentencepiece:N");
    row("too few pieces", R"({"data": {"tokenizer": "sentencepiece:10"}})", "data.tokenizer", "260 to 65536");
    row("pieces for a task", R"({"data": {"source": "needle", "tokenizer": "sentencepiece:500"}})", "data.tokenizer",
        "brings its own tokens");
    row("options no object", R"({"data": {"options": 3}})", "data.options", "an object");
    row("unknown family", R"({"model": {"family": "spars"}})", "model.family", "Did you mean sparse?");
    row("family against attention", R"({"model": {"family": "classic", "attention": {"kind": "mla"}}})",
        "model.attention.kind", "mha with family classic");
    row("mla family against mha", R"({"model": {"family": "mhla", "attention": {"kind": "mha"}}})",
        "model.attention.kind", "mla with family mhla");
    row("dense family with a selector", R"({"model": {"family": "classic", "selection": {"kind": "random"}}})",
        "model.selection.kind", "none with family classic");
    row("sparse family without", R"({"model": {"family": "sparse", "selection": {"kind": "none"}}})",
        "model.selection.kind", "lightning");
    row("unknown selection", R"({"model": {"selection": {"kind": "lightening"}}})", "model.selection.kind",
        "Did you mean lightning?");
    row("k below one", R"({"model": {"selection": {"top_k": 0}}})", "model.selection.top_k",
        "got 0, allowed 1 to 131072");
    row("k negative", R"({"model": {"selection": {"top_k": -3}}})", "model.selection.top_k", "got -3");
    row("k no expression", R"({"model": {"selection": {"top_k": "L/0"}}})", "model.selection.top_k", "such as L/8");
    row("k a fraction", R"({"model": {"selection": {"top_k": 1.5}}})", "model.selection.top_k", "got 1.5");
    row("k beyond the largest", R"({"model": {"selection": {"top_k": "99999*L"}}})", "model.selection.top_k",
        "1 to 131072");
    row("width too small", R"({"model": {"d_model": 4}})", "model.d_model", "got 4, allowed 8 to 16384");
    row("width a text", R"({"model": {"d_model": "256"}})", "model.d_model", "got \"256\"");
    row("heads do not divide width", R"({"model": {"d_model": 100, "n_heads": 8}})", "model.n_heads",
        "a divisor of model.d_model = 100");
    row("key heads do not divide heads", R"({"model": {"n_heads": 8, "n_kv_heads": 3}})", "model.n_kv_heads",
        "a divisor of model.n_heads = 8");
    row("odd rotary", R"({"model": {"d_model": 24, "n_heads": 8}})", "model.rotary_fraction", "rotates 3 of 3 dims");
    row("odd mla rotary", R"({"model": {"family": "mhla", "mla": {"qk_rope_head_dim": 7}}})",
        "model.mla.qk_rope_head_dim", "an even number");
    row("odd indexer width", R"({"model": {"indexer": {"head_dim": 33}}})", "model.indexer.head_dim", "an even number");
    row("indexer narrower than rotation", R"({"model": {"indexer": {"head_dim": 16}}})", "model.indexer.head_dim",
        "at least the 32 rotated dims");
    row("indexer too wide", R"({"model": {"indexer": {"head_dim": 512}}})", "model.indexer.head_dim", "8 to 256");
    row("rope style", R"({"model": {"indexer": {"rope": "neox"}}})", "model.indexer.rope", "half-split or interleaved");
    row("share pattern short", R"({"model": {"share_pattern": "FS"}})", "model.share_pattern", "4 letters F or S");
    row("share pattern starts shared", R"({"model": {"share_pattern": "SFFF"}})", "model.share_pattern", "the first F");
    row("share pattern letters", R"({"model": {"share_pattern": "FXFF"}})", "model.share_pattern", "F or S");
    row("more experts a token than experts", R"({"model": {"moe": {"experts_per_token": 5}}})",
        "model.moe.experts_per_token", "1 to model.moe.n_experts = 4");
    row("groups do not divide experts", R"({"model": {"moe": {"n_groups": 3, "top_groups": 1}}})", "model.moe.n_groups",
        "a divisor of model.moe.n_experts = 4");
    row("groups of one", R"({"model": {"moe": {"n_groups": 4, "top_groups": 4}}})", "model.moe.n_groups",
        "a group needs two experts");
    row("more groups than there are", R"({"model": {"moe": {"n_groups": 2, "top_groups": 3}}})", "model.moe.top_groups",
        "1 to model.moe.n_groups = 2");
    row("groups too small for the token",
        R"({"model": {"moe": {"n_experts": 8, "experts_per_token": 3, "n_groups": 4, "top_groups": 1}}})",
        "model.moe.experts_per_token", "at most 2");
    row("dense layers beyond the model", R"({"model": {"moe": {"first_dense": 5}}})", "model.moe.first_dense",
        "0 to model.n_layers = 4");
    row("yarn no object", R"({"model": {"yarn": 4}})", "model.yarn", "an object, or null");
    row("yarn unknown", R"({"model": {"yarn": {"faktor": 4}}})", "model.yarn.faktor",
        "Did you mean model.yarn.factor?");
    row("yarn upside down", R"({"model": {"yarn": {"beta_fast": 1, "beta_slow": 2}}})", "model.yarn.beta_fast",
        "more than");
    row("length one", R"({"training": {"sequence_length": 1}})", "training.sequence_length", "2 to 131072");
    row("batch zero", R"({"training": {"batch_size": 0}})", "training.batch_size", "1 to 4096");
    row("batch expression too large", R"({"training": {"batch_size": "L*L"}})", "training.batch_size", "1 to 4096");
    row("steps a fraction", R"({"training": {"steps": 10.5}})", "training.steps", "got 10.5");
    row("rate zero", R"({"training": {"learning_rate": 0}})", "training.learning_rate", "got 0");
    row("recipe unknown", R"({"training": {"recipe": "warm-up"}})", "training.recipe", "Did you mean warmup?");
    row("custom without stages", R"({"training": {"recipe": "custom"}})", "training.stages", "at least one stage");
    row("stages without custom",
        R"({"training": {"stages": [{"steps": 1, "attention": "dense", "train": "main", "kl": "none"}]}})",
        "training.stages", "recipe custom only");
    row("stage incomplete",
        R"({"training": {"recipe": "custom", "stages": [{"steps": 1, "attention": "dense", "train": "main"}]}})",
        "training.stages[0].kl", "missing field");
    row("stage unknown key",
        R"({"training": {"recipe": "custom", "stages": [{"steps": 1, "attention": "dense", "train": "main", "kl": "none", "rate": 1}]}})",
        "training.stages[0].rate", "unknown field");
    row("stage of wrong type", R"({"training": {"recipe": "custom", "stages": [3]}})", "training.stages[0]",
        "an object");
    row("stage indexer without loss",
        R"({"training": {"recipe": "custom", "stages": [{"steps": 1, "attention": "dense", "train": "indexer", "kl": "none"}, {"steps": 1, "attention": "dense", "train": "main", "kl": "none"}]}})",
        "training.stages[0].kl", "learns from nothing else");
    row("stages for the indexer only",
        R"({"training": {"recipe": "custom", "stages": [{"steps": 1, "attention": "dense", "train": "indexer", "kl": "visible"}]}})",
        "training.stages", "at least one stage that trains the main weights");
    row("stage selected but dense",
        R"({"training": {"recipe": "custom", "stages": [{"steps": 1, "attention": "dense", "train": "all", "kl": "selected"}]}})",
        "training.stages[0].kl", "visible with dense attention");
    row("stage steps do not add up",
        R"({"training": {"recipe": "custom", "steps": 5, "stages": [{"steps": 1, "attention": "dense", "train": "main", "kl": "none"}]}})",
        "training.steps", "got 5, allowed 1");
    row("warm-up beyond the end", R"({"training": {"steps": 10, "warmup_steps": 11}})", "training.warmup_steps",
        "0 to training.steps = 10");
    row("beta of one", R"({"training": {"beta2": 1}})", "training.beta2", "got 1");
    row("precision", R"({"training": {"precision": "fp16"}})", "training.precision", "auto, fp32 or bf16");
    row("captured", R"({"training": {"captured": "always"}})", "training.captured", "auto, on or off");
    row("kernels", R"({"training": {"kernels": "sm90"}})", "training.kernels", "auto, sm80 or aten");
    row("seed negative", R"({"training": {"seed": -1}})", "training.seed", "got -1");
    row("null where none is taken", R"({"sweep": {"training.seed": [null]}})", "sweep.training.seed[0]", "got null");
    row("probe never", R"({"probe": {"every": 0}})", "probe.every", "got 0");
    row("order", R"({"run": {"order": "parallel"}})", "run.order", "lockstep or sequential");
    row("sweep no object", R"({"sweep": [1]})", "sweep", "an object");
    row("sweep unknown", R"({"sweep": {"famly": ["sparse"]}})", "sweep.famly", "Did you mean family?");
    row("sweep by initials", R"({"sweep": {"lr": [1]}})", "sweep.lr", "Did you mean training.learning_rate?");
    row("sweep no list", R"({"sweep": {"seed": 3}})", "sweep.seed", "a list of 1 to");
    row("sweep empty", R"({"sweep": {"seed": []}})", "sweep.seed", "a list of 1 to");
    row("sweep bad value", R"({"sweep": {"family": ["sparse", "dense"]}})", "sweep.family[1]",
        "classic, sparse, mhla or mhla_sparse");
    row("sweep twice the same value", R"({"sweep": {"seed": [1, 1]}})", "sweep.seed[1]", "1 twice");
    row("sweep twice the same field", R"({"sweep": {"seed": [1], "training.seed": [2]}})", "sweep.training.seed",
        "swept twice");
    row("sweep of the name", R"({"sweep": {"name": ["a"]}})", "sweep.name", "cannot be swept");
    row("sweep reaches an impossible run", R"({"sweep": {"model.n_heads": [8, 6]}})", "model.n_heads",
        "got 6, allowed a divisor of model.d_model = 256");
    row("sweep too large",
        R"({"sweep": {"seed": [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22], "training.steps": [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22], "training.eval_every": [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22]}})",
        "sweep", "at most 10000 runs");
}

void tst_config::badConfigurationIsExplained()
{
    QFETCH(QString, patch);
    QFETCH(QString, where);
    QFETCH(QString, part);
    const std::vector<Error> errors = errorsOf(patched(patch.toUtf8().constData()));
    QString all;
    bool found = false;
    for (const Error &error : errors) {
        const QString text = QString::fromStdString(error.text());
        all += text + "\n";
        QVERIFY2(text.startsWith("exp.json: "), qPrintable(text));
        found = found || (QString::fromStdString(error.where) == where && text.contains(part));
    }
    QVERIFY2(found, qPrintable("expected \"" + where + "\" with \"" + part + "\" among:\n" + all));
    QVERIFY2(errors.size() == 1, qPrintable("one fault, one message:\n" + all));
}

void tst_config::everyErrorOfAFileAtOnce()
{
    const std::vector<Error> errors =
        errorsOf(patched(R"({"foo": 1, "model": {"n_layers": 0, "moe": {"experts_per_token": 9}},
        "training": {"batch_size": -1, "steps": "many"}, "sweep": {"family": ["a"], "seed": [0, -1]}})"));
    std::set<std::string> places;
    for (const Error &error : errors)
        places.insert(error.where);
    const std::set<std::string> expected{"foo",
                                         "model.n_layers",
                                         "model.moe.experts_per_token",
                                         "training.batch_size",
                                         "training.steps",
                                         "sweep.family[0]",
                                         "sweep.seed[1]"};
    QVERIFY(places == expected);
}

void tst_config::messageNamesFilePathFoundAndAllowed()
{
    const std::vector<Error> errors = errorsOf(patched(R"({"model": {"n_layers": 0}})"));
    QCOMPARE(errors.size(), std::size_t(1));
    QCOMPARE(errors[0].text(), std::string("exp.json: model.n_layers: got 0, allowed 1 to 128."));
    QCOMPARE(errors[0].found, std::string("0"));
    QCOMPARE(errors[0].allowed, std::string("1 to 128"));
}

void tst_config::checksSkipWhatWasRefused()
{
    // The width is refused, so nothing is said about the heads that would have to divide it.
    const std::vector<Error> errors = errorsOf(patched(R"({"model": {"d_model": 7, "n_heads": 3}})"));
    QCOMPARE(errors.size(), std::size_t(1));
    QCOMPARE(errors[0].where, std::string("model.d_model"));
}

void tst_config::defaultsAreThoseOfTheContract_data()
{
    QTest::addColumn<QString>("path");
    QTest::addColumn<QString>("value");
    const std::pair<const char *, const char *> table[] = {
        {"question", "\"\""},
        {"data.source", "\"stories\""},
        {"data.separator", "\"\\n\\n\""},
        {"data.validation", "0.1"},
        {"data.tokenizer", "\"bytes\""},
        {"data.options", "{}"},
        {"model.family", "\"sparse\""},
        {"model.selection.top_k", "\"L/8\""},
        {"model.d_model", "256"},
        {"model.n_layers", "4"},
        {"model.n_heads", "8"},
        {"model.rotary_fraction", "1.0"},
        {"model.qk_norm", "false"},
        {"model.mla.kv_lora_rank", "64"},
        {"model.mla.q_lora_rank", "96"},
        {"model.mla.qk_nope_head_dim", "32"},
        {"model.mla.qk_rope_head_dim", "16"},
        {"model.mla.v_head_dim", "32"},
        {"model.indexer.n_heads", "4"},
        {"model.indexer.head_dim", "64"},
        {"model.indexer.rope", "\"half-split\""},
        {"model.indexer.activation", "\"relu\""},
        {"model.share_pattern", "null"},
        {"model.d_ff", "512"},
        {"model.moe.n_experts", "4"},
        {"model.moe.experts_per_token", "2"},
        {"model.moe.d_expert", "512"},
        {"model.moe.n_shared", "1"},
        {"model.moe.n_groups", "1"},
        {"model.moe.top_groups", "1"},
        {"model.moe.scale", "1.0"},
        {"model.moe.first_dense", "0"},
        {"model.moe.bias_rate", "0.001"},
        {"model.rope_theta", "10000.0"},
        {"model.norm_eps", "1e-6"},
        {"model.tie_embeddings", "false"},
        {"model.yarn", "null"},
        {"training.sequence_length", "128"},
        {"training.batch_size", "16"},
        {"training.steps", "1000"},
        {"training.recipe", "\"joint\""},
        {"training.schedule", "\"cosine\""},
        {"training.weight_decay", "0.1"},
        {"training.beta1", "0.9"},
        {"training.beta2", "0.95"},
        {"training.grad_clip", "1.0"},
        {"training.precision", "\"auto\""},
        {"training.captured", "\"auto\""},
        {"training.kernels", "\"auto\""},
        {"training.seed", "0"},
        {"training.eval_batches", "16"},
        {"training.checkpoint_seconds", "60.0"},
        {"training.keep_checkpoints", "2"},
        {"sweep", "{}"},
        {"run.order", "\"lockstep\""},
    };
    for (const auto &[path, value] : table)
        QTest::newRow(path) << path << value;
}

void tst_config::defaultsAreThoseOfTheContract()
{
    QFETCH(QString, path);
    QFETCH(QString, value);
    const auto &fields = configFields();
    const auto field = std::find_if(fields.begin(), fields.end(),
                                    [&](const FieldInfo &info) { return info.path == path.toStdString(); });
    QVERIFY2(field != fields.end(), "no such field");
    const nlohmann::json expected = nlohmann::json::parse(value.toStdString());
    QVERIFY2(field->defaultValue == expected, field->defaultValue.dump().c_str());
    if (path == "sweep")
        return;
    // And a run that leaves it out has it.
    ordered_json node = toJson(onlyRun(minimal()));
    std::string pointer = "/" + path.toStdString();
    std::replace(pointer.begin(), pointer.end(), '.', '/');
    QVERIFY2(nlohmann::json(node.at(ordered_json::json_pointer(pointer))) == expected, node.dump().c_str());
}

void tst_config::derivedDefaults()
{
    const RunConfig run = onlyRun(minimal());
    QCOMPARE(run.model.nKvHeads, 8);
    QCOMPARE(run.model.headDim, 32);
    QVERIFY(run.model.attention == AttentionKind::Mha);
    QCOMPARE(run.model.selection.kind, std::string("lightning"));
    QCOMPARE(run.training.warmupSteps, std::int64_t(50));
    QCOMPARE(run.training.evalEvery, std::int64_t(50));
    QCOMPARE(run.probe.every, std::int64_t(20));
    QCOMPARE(run.training.learningRate, 1.5e-3);
    QCOMPARE(run.training.indexerLearningRate, 2e-3);
    QCOMPARE(run.topK(), std::int64_t(16));
    const RunConfig shortRun = onlyRun(patched(R"({"training": {"steps": 3}})"));
    QCOMPARE(shortRun.training.warmupSteps, std::int64_t(0));
    QCOMPARE(shortRun.training.evalEvery, std::int64_t(1));
    QCOMPARE(shortRun.probe.every, std::int64_t(1));
    QCOMPARE(onlyRun(patched(R"({"probe": {"every": "L/4"}})")).probe.every, std::int64_t(32));
}

void tst_config::ratesFollowWidthAndTask()
{
    const auto rates = [](const char *patch) {
        const RunConfig run = onlyRun(patched(patch));
        return std::pair(run.training.learningRate, run.training.indexerLearningRate);
    };
    QVERIFY(rates(R"({"model": {"d_model": 64}})") == std::pair(4e-3, 5e-3));
    QVERIFY(rates(R"({"model": {"d_model": 64}, "data": {"source": "needle"}})") == std::pair(3e-3, 3e-3));
    QVERIFY(rates(R"({"model": {"d_model": 128}})") == std::pair(2e-3, 4e-3));
    QVERIFY(rates(R"({"training": {"learning_rate": 0.01}})") == std::pair(0.01, 2e-3));
}

void tst_config::familyIsAPresetOfTheKinds()
{
    const auto familyOf = [](const char *patch) { return onlyRun(patched(patch)).model.family; };
    QVERIFY(familyOf(R"({"model": {"attention": {"kind": "mla"}}})") == Family::MhlaSparse);
    QVERIFY(familyOf(R"({"model": {"attention": {"kind": "mla"}, "selection": {"kind": "none"}}})") == Family::Mhla);
    QVERIFY(familyOf(R"({"model": {"selection": {"kind": "none"}}})") == Family::Classic);
    // A selection kind beside swept families belongs to the sparse ones.
    const auto runs = expand(parseExperiment(
        patched(R"({"model": {"selection": {"kind": "recency"}}, "sweep": {"family": ["classic", "sparse"]}})"), ""));
    QCOMPARE(runs[0].model.selection.kind, std::string("none"));
    QCOMPARE(runs[1].model.selection.kind, std::string("recency"));
    // Swept as well, each kind has a dense run beside it.
    std::vector<std::string> kinds;
    for (const RunConfig &run : expand(parseExperiment(
             patched(
                 R"({"sweep": {"model.selection.kind": ["lightning", "recency"], "family": ["classic", "sparse"]}})"),
             "")))
        kinds.push_back(run.extraAxes[0].second + ": " + run.model.selection.kind);
    QCOMPARE(kinds, (std::vector<std::string>{"lightning: none", "lightning: lightning", "recency: none",
                                              "recency: recency"}));
}

void tst_config::dataPathAloneImpliesText()
{
    const RunConfig run = onlyRun(minimal(), {{"data.path", "corpus.txt"}});
    QCOMPARE(run.data.source, std::string("text"));
    QCOMPARE(run.data.path, std::string("corpus.txt"));
    QVERIFY(
        errorsOf(patched(R"({"data": {"source": "needle", "path": "a.txt", "options": {"filler": "text"}}})")).empty());
}

void tst_config::overridesReplaceValuesAndSweeps()
{
    const ordered_json document =
        patched(R"({"sweep": {"sequence_length": [64, 128], "seed": [0, 1]}, "model": {"d_model": 64}})");
    auto runs = expand(parseExperiment(
        document, "",
        {{"training.sequence_length", "32"}, {"model.d_model", "128"}, {"model.selection.top_k", "L/4"}}));
    QCOMPARE(runs.size(), std::size_t(2)); // the axis asked for by hand is gone, the other stands
    QCOMPARE(runs[0].training.sequenceLength, std::int64_t(32));
    QCOMPARE(runs[0].model.dModel, 128);
    QCOMPARE(runs[0].topK(), std::int64_t(8));
    runs = expand(parseExperiment(document, "", {{"sweep.training.seed", "[7]"}, {"sweep.family", "[\"mhla\"]"}}));
    QCOMPARE(runs.size(), std::size_t(2));
    QCOMPARE(runs[1].folder(), std::string("seq_128/mhla/seed_7"));
    runs = expand(
        parseExperiment(document, "", {{"sweep", "{}"}, {"data.options.pairs", "2"}, {"data.source", "needle"}}));
    QCOMPARE(runs.size(), std::size_t(1));
    QCOMPARE(runs[0].data.options.dump(), std::string("{\"pairs\":2}"));
    // Nothing given, nothing changed.
    QVERIFY(parseExperiment(document, "").document == document);
}

void tst_config::textOverridesStayText()
{
    QCOMPARE(onlyRun(minimal(), {{"name", "2026"}}).experiment, std::string("2026"));
    QCOMPARE(onlyRun(minimal(), {{"question", "true"}}).question, std::string("true"));
    QCOMPARE(onlyRun(minimal(), {{"question", "\"quoted\""}}).question, std::string("quoted"));
    QVERIFY(onlyRun(minimal(), {{"model.share_pattern", "null"}}).model.sharePattern.empty());
}

void tst_config::badOverridesAreExplained()
{
    auto errors = errorsOf(minimal(), {{"model.selection.topk", "4"}});
    QCOMPARE(errors.size(), std::size_t(1));
    QCOMPARE(errors[0].where, std::string("model.selection.topk"));
    QCOMPARE(errors[0].remedy, std::string("Did you mean model.selection.top_k?"));
    errors = errorsOf(minimal(), {{"training.steps", "many"}});
    QCOMPARE(errors.at(0).found, std::string("\"many\""));
    errors = errorsOf(minimal(), {{"model.n_heads", std::string(100, '[')}}); // no JSON, so a text of brackets
    QCOMPARE(errors.at(0).where, std::string("model.n_heads"));
}

void tst_config::nullWhereAllowed()
{
    QVERIFY(
        !onlyRun(patched(R"({"model": {"family": "mhla"}})"), {{"model.mla.q_lora_rank", "null"}}).model.mla.qLoraRank);
    QCOMPARE(errorsOf(minimal(), {{"model.d_model", "null"}}).at(0).found, std::string("null"));
    const RunConfig run = onlyRun(patched(R"({"model": {"yarn": {"factor": 4}}})"));
    QCOMPARE(run.model.yarn.value().factor, 4.0);
    QCOMPARE(run.model.yarn->betaFast, 32.0);
}

void tst_config::batchFollowsTheLength()
{
    const auto runs = expand(parseExperiment(
        patched(R"({"training": {"batch_size": "4096/L"}, "sweep": {"sequence_length": [64, 1024]}})"), ""));
    QCOMPARE(runs[0].training.batchSize, 64);
    QCOMPARE(runs[1].training.batchSize, 4);
}

void tst_config::stages_data()
{
    QTest::addColumn<QString>("model");
    QTest::addColumn<QString>("recipe");
    QTest::addColumn<QString>("expected");
    const auto row = [](const char *name, const char *model, const char *recipe, const char *expected) {
        QTest::newRow(name) << QString(model) << QString(recipe) << QString(expected);
    };
    const char *lightning = R"({"family": "sparse"})";
    row("classic, any recipe", R"({"family": "classic"})", "warmup", "Dense training 100 dense main none; ");
    row("mhla, scratch", R"({"family": "mhla"})", "scratch", "Dense training 100 dense main none; ");
    row("scratch", lightning, "scratch", "Sparse training 100 sparse all selected; ");
    row("warmup", lightning, "warmup",
        "Dense training 70 dense main none; Indexer warm-up 150 dense indexer visible; Sparse training 30 sparse all "
        "selected; ");
    row("joint", lightning, "joint", "Dense training 70 dense all visible; Sparse training 30 sparse all selected; ");
    row("frozen", lightning, "frozen-warmup",
        "Indexer warm-up 150 dense indexer visible; Sparse training 100 sparse all selected; ");
    row("mhla_sparse", R"({"family": "mhla_sparse"})", "joint",
        "Dense training 70 dense all visible; Sparse training 30 sparse all selected; ");
    for (const char *kind : {"recency", "random", "oracle", "sink-window", "untrained"}) {
        const QByteArray model = QByteArray(R"({"selection": {"kind": ")") + kind + "\"}}";
        row(kind, model.constData(), "warmup",
            "Dense training 70 dense main none; Sparse training 30 sparse main none; ");
    }
    row("recency scratch", R"({"selection": {"kind": "recency"}})", "scratch",
        "Sparse training 100 sparse main none; ");
    row("recency frozen", R"({"selection": {"kind": "recency"}})", "frozen-warmup",
        "Sparse training 100 sparse main none; ");
}

void tst_config::stages()
{
    QFETCH(QString, model);
    QFETCH(QString, recipe);
    QFETCH(QString, expected);
    ordered_json document = minimal();
    document["model"] = ordered_json::parse(model.toStdString());
    document["training"] = {{"recipe", recipe.toStdString()}, {"steps", 100}};
    QCOMPARE(QString::fromStdString(stageText(onlyRun(document))), expected);
    // Every main step is in exactly one stage, whatever the number.
    for (int steps : {1, 2, 3, 7, 99}) {
        document["training"]["steps"] = steps;
        std::int64_t counted = 0;
        for (const StageConfig &stage : stagesOf(onlyRun(document)))
            counted += countsOnAxis(stage) ? stage.steps : 0;
        QCOMPARE(counted, std::int64_t(steps));
    }
}

void tst_config::warmUpByAnotherObjective()
{
    const auto stagesBy = [](const char *recipe, const char *objective) {
        ordered_json document = minimal();
        document["model"] = {{"family", "sparse"}};
        document["training"] = {{"recipe", recipe}, {"steps", 100}, {"warmup_objective", objective}};
        return stageText(onlyRun(document));
    };
    const std::string entropy = stagesBy("warmup", "entropy");
    QVERIFY2(entropy.find("150 dense indexer entropy; ") != std::string::npos, entropy.c_str());
    const std::string diversity = stagesBy("frozen-warmup", "diversity");
    QVERIFY2(diversity.find("150 dense indexer diversity; ") == diversity.find("150"), diversity.c_str());
    const std::string none = stagesBy("warmup", "none");
    QVERIFY2(none.find("indexer") == std::string::npos && none.find("sparse all selected") != std::string::npos,
             none.c_str());
    QVERIFY_THROWS_EXCEPTION(ConfigFailure, stagesBy("scratch", "entropy"));
}

void tst_config::customStages()
{
    const ordered_json document = patched(R"({"training": {"recipe": "custom", "stages": [
        {"name": "First", "steps": 20, "attention": "dense", "train": "indexer", "kl": "visible", "learning_rate": 0.01},
        {"steps": 30, "attention": "sparse", "train": "all", "kl": "selected"}]}})");
    const RunConfig run = onlyRun(document);
    QCOMPARE(run.training.steps, std::int64_t(30)); // what the main model does
    QCOMPARE(stageText(run), std::string("First 20 dense indexer visible; Sparse training 30 sparse all selected; "));
    QCOMPARE(stagesOf(run)[0].learningRate.value(), 0.01);
    ordered_json classic = document;
    classic["model"]["family"] = "classic";
    QCOMPARE(stageText(onlyRun(classic)), std::string("Dense training 30 dense main none; "));
}

void tst_config::roundTripOfEveryPreset()
{
    const std::vector<PresetInfo> all = presets();
    std::vector<std::string> names;
    for (const PresetInfo &preset : all)
        names.push_back(preset.name);
    QCOMPARE(names.front(), std::string("demo"));
    for (const char *name : {"adaptive-k",
                             "demo-text",
                             "exp1-binding",
                             "exp1-larger",
                             "exp1-sparse-vs-classic",
                             "exp2-mhla-vs-sparse",
                             "expert-search",
                             "four-families",
                             "frozen-warmup",
                             "indexer-activation",
                             "indexer-heads",
                             "indexer-width",
                             "mask-precision",
                             "noise-floor",
                             "rate-grid",
                             "rate-search",
                             "needle-length",
                             "recall-brackets",
                             "recall-documents",
                             "recall-length",
                             "recall-mqar",
                             "recall-recipes",
                             "recall-selectors",
                             "recall-trained-selectors",
                             "selectors-text",
                             "smoke",
                             "sparsity-level",
                             "the-302-percent",
                             "warmup-objective"})
        QVERIFY2(std::count(names.begin(), names.end(), name) == 1, name);
    for (const PresetInfo &preset : all) {
        QVERIFY(!preset.question.empty());
        for (const RunConfig &run : expand(loadExperiment(preset.path))) {
            const ordered_json document = toJson(run);
            const RunConfig again = runConfigFromJson(ordered_json::parse(document.dump()), "run.json");
            QVERIFY2(toJson(again) == document, preset.name.c_str());
            QCOMPARE(again.folder(), run.folder());
            QCOMPARE(again.lockstepGroup(), run.lockstepGroup());
            QCOMPARE(stageText(again), stageText(run));
        }
    }
}

void tst_config::roundTripKeepsEveryField()
{
    const RunConfig run = onlyRun(
        patched(
            R"({"question": "ü?", "data": {"path": "a.txt", "separator": "\n", "validation": 0.25, "tokenizer": "sentencepiece:400"},
        "model": {"family": "mhla_sparse", "selection": {"kind": "oracle", "top_k": "3*L/4"}, "share_pattern": "FSFS",
                  "yarn": {"factor": 8, "mscale": 0.7}, "tie_embeddings": true, "qk_norm": true, "head_dim": 20},
        "training": {"recipe": "custom", "seed": 9007199254740992, "precision": "bf16", "captured": "off", "schedule": "constant",
                     "stages": [{"steps": 5, "attention": "sparse", "train": "main", "kl": "none", "learning_rate": null}]},
        "probe": {"text": "look here"}, "run": {"order": "sequential"}, "sweep": {"model.d_ff": [64]}})"),
        {{"model.mla.q_lora_rank", "null"}});
    const ordered_json document = toJson(run);
    QVERIFY(toJson(runConfigFromJson(ordered_json::parse(document.dump()), "")) == document);
    QCOMPARE(run.folder(), std::string("seq_128/mhla_sparse/seed_9007199254740992/d_ff_64"));
    QCOMPARE(document["training"]["seed"].dump(), std::string("9007199254740992"));
    QCOMPARE(document["model"]["mla"]["q_lora_rank"].dump(), std::string("null"));
    QCOMPARE(document["model"]["selection"]["top_k"].dump(), std::string("\"3*L/4\""));
    // Every described field but the sweep is in the document.
    for (const FieldInfo &info : configFields()) {
        std::string pointer = "/" + info.path;
        std::replace(pointer.begin(), pointer.end(), '.', '/');
        if (info.path != "sweep")
            QVERIFY2(document.contains(ordered_json::json_pointer(pointer)), info.path.c_str());
    }
}

void tst_config::runJsonIsChecked()
{
    ordered_json document = toJson(onlyRun(minimal()));
    document["model"]["n_heads"] = 7;
    document["surprise"] = true;
    document["extra_axes"] = {3};
    try {
        runConfigFromJson(document, "run.json");
        QFAIL("accepted");
    } catch (const ConfigFailure &failure) {
        const QString text(failure.what());
        QVERIFY2(text.contains("run.json: surprise: unknown field"), failure.what());
        QVERIFY2(text.contains("run.json: model.n_kv_heads: got 8, allowed a divisor of model.n_heads = 7"),
                 failure.what());
        QVERIFY2(text.contains("run.json: extra_axes: got 3"), failure.what());
    }
    for (const char *hostile : {"[]", "3", "null", "{}", "{\"schema\": 1}"})
        QVERIFY_THROWS_EXCEPTION(ConfigFailure, runConfigFromJson(ordered_json::parse(hostile), "run.json"));
}

void tst_config::schemaListsEveryField()
{
    const ordered_json schema = configSchema();
    QCOMPARE(schema["$schema"].get<std::string>(), std::string("https://json-schema.org/draft/2020-12/schema"));
    for (const FieldInfo &info : configFields()) {
        const ordered_json *node = &schema;
        std::string rest = info.path;
        while (!rest.empty()) {
            const std::size_t dot = rest.find('.');
            const std::string key = rest.substr(0, dot);
            rest = dot == std::string::npos ? "" : rest.substr(dot + 1);
            const ordered_json &owner = node->contains("anyOf") ? (*node)["anyOf"][0] : *node;
            QVERIFY2(owner.contains("properties") && owner["properties"].contains(key), info.path.c_str());
            node = &owner["properties"][key];
        }
        QCOMPARE((*node)["description"].get<std::string>(), info.help);
    }
}

void tst_config::presetsSatisfyTheSchema()
{
    // Every path of a preset is one that the schema has; the values are checked by the reader.
    const ordered_json schema = configSchema();
    const std::function<void(const ordered_json &, const ordered_json &)> walk = [&](const ordered_json &value,
                                                                                     const ordered_json &rule) {
        if (!value.is_object() || !rule.contains("properties"))
            return;
        for (const auto &[key, child] : value.items()) {
            QVERIFY2(rule["properties"].contains(key), key.c_str());
            walk(child, rule["properties"][key]);
        }
    };
    QVERIFY(!presets().empty());
    for (const PresetInfo &preset : presets())
        walk(readJsonFile(preset.path), schema);
}

void tst_config::everyFieldIsDescribed()
{
    std::set<std::string> paths;
    for (const FieldInfo &info : configFields()) {
        QVERIFY2(paths.insert(info.path).second, info.path.c_str());
        QVERIFY2(!info.help.empty() && !info.label.empty(), info.path.c_str());
        QVERIFY2(info.defaultText.empty() || info.defaultValue.is_null(), info.path.c_str());
        QVERIFY2(info.kind != FieldInfo::Kind::Choice || info.choices.size() > 1, info.path.c_str());
        const bool ranged = info.kind == FieldInfo::Kind::Integer || info.kind == FieldInfo::Kind::Number ||
                            info.kind == FieldInfo::Kind::Expression;
        QVERIFY2(ranged == (info.low.has_value() && info.high.has_value()), info.path.c_str());
    }
}

QTEST_GUILESS_MAIN(tst_config)
#include "tst_config.moc"
