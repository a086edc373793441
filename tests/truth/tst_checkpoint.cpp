#include "core/base/error.h"
#include "core/base/json_reader.h"
#include "core/model/forward_door.h"
#include "core/model/hf_weights.h"
#include "kernels/ops/dsa.h"
#include "tests/core/model/small_models.h"
#include "tests/truth/checkpoint_draft.h"
#include "tests/truth/truth_support.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/stack.h>
#include <c10/core/GradMode.h>

#include <QTemporaryDir>
#include <QtTest>

#include <fmt/format.h>
#include <fstream>

using at::Tensor;
using namespace sparsescope;
using truth::contentOf;
using truth::Draft;
using truth::refusal;
using Json = nlohmann::ordered_json;

namespace {

std::filesystem::path pathOf(const QTemporaryDir &folder) { return folder.path().toStdString(); }

/// The first folder of a model of that type, whatever its shapes.
std::filesystem::path dsaFolder(const std::string &type = "deepseek_v32")
{
    for (const auto &path : truth::entries("hf-")) {
        if (readJsonFile(path / "config.json").at("model_type") == type) {
            return path;
        }
    }
    return truth::folder() / ("no hf folder of " + type);
}

Tensor logitsOf(Transformer &model, const Tensor &ids)
{
    const c10::NoGradGuard noGrad;
    ForwardOptions options;
    options.sparse = true;
    return model.forward(ids, options).logits;
}

} // namespace

/// Checkpoints: written and read again bit for bit, old spellings read, everything else refused in words.
class tst_Checkpoint : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void everyTruthFolderComesBack_data();
    void everyTruthFolderComesBack();
    void ownModelsComeBack_data();
    void ownModelsComeBack();
    void oldSpellingReadsTheSame_data() { everyTruthFolderComesBack_data(); }
    void oldSpellingReadsTheSame();
    void shardsReadTheSame();
    void fusedExpertsReadTheSame();
    void fp8BlocksAreTheirScales();
    void sharePatternSpellings();
    void allErrorsOfAConfigAtOnce();
    void forwardDoorWritesWhatTruthHolds_data() { everyTruthFolderComesBack_data(); }
    void forwardDoorWritesWhatTruthHolds();
    void forwardDoorRefusesBadTokens();
};

void tst_Checkpoint::everyTruthFolderComesBack_data()
{
    QTest::addColumn<QString>("folder");
    QVERIFY(!truth::entries("hf-").empty());
    for (const auto &path : truth::entries("hf-")) {
        QTest::addRow("%s", path.filename().c_str()) << QString::fromStdString(path.string());
    }
}

void tst_Checkpoint::everyTruthFolderComesBack()
{
    QFETCH(QString, folder);
    const std::filesystem::path path = folder.toStdString();
    QTemporaryDir target;
    saveCheckpoint(*loadCheckpoint(path, at::kFloat), pathOf(target), {{"note", "kept"}});
    const Draft before(path), after(pathOf(target));
    QCOMPARE(after.tensors.size(), before.tensors.size());
    for (const auto &[name, tensor] : before.tensors) {
        QVERIFY2(after.tensors.count(name), name.c_str());
        QCOMPARE(after.tensors.at(name).scalar_type(), tensor.scalar_type());
        QVERIFY2(at::equal(after.tensors.at(name), tensor), name.c_str());
    }
    QCOMPARE(after.config.at("note"), "kept");
    // Every key that shapes the model says the same; the rest are defaults.
    for (const char *key : {"model_type",
                            "vocab_size",
                            "hidden_size",
                            "num_hidden_layers",
                            "num_attention_heads",
                            "num_key_value_heads",
                            "max_position_embeddings",
                            "rms_norm_eps",
                            "first_k_dense_replace",
                            "n_routed_experts",
                            "n_group",
                            "topk_group",
                            "routed_scaling_factor",
                            "moe_intermediate_size",
                            "intermediate_size",
                            "architectures",
                            "dtype",
                            "tie_word_embeddings",
                            "attention_bias",
                            "rope_parameters"}) {
        QVERIFY2(nlohmann::json(after.config.at(key)) == nlohmann::json(before.config.at(key)), key);
    }
    const Tensor ids = truth::read(SafetensorsFile(path / "vectors.safetensors"), "input_ids");
    const auto one = loadCheckpoint(path, at::kFloat), other = loadCheckpoint(pathOf(target), at::kFloat);
    QVERIFY(at::equal(logitsOf(*one, ids), logitsOf(*other, ids)));
}

void tst_Checkpoint::ownModelsComeBack_data()
{
    QTest::addColumn<QString>("family");
    QTest::addColumn<QString>("change");
    for (const std::string &family : sparsescope::testing::families()) {
        for (const char *change :
             {"none", "dense feed-forward", "tied", "yarn", "no query latent", "random", "share", "partial rotary"}) {
            QTest::addRow("%s %s", family.c_str(), change) << QString::fromStdString(family) << QString(change);
        }
    }
}

void tst_Checkpoint::ownModelsComeBack()
{
    QFETCH(QString, family);
    QFETCH(QString, change);
    RunConfig config;
    const bool latent = family.startsWith("mhla"), sparse = family.contains("sparse");
    config.model.attention = latent ? AttentionKind::Mla : AttentionKind::Mha;
    config.model.selection.kind = sparse ? (change == "random" ? "random" : "lightning") : "none";
    config.model.dModel = 32;
    config.model.nLayers = 2;
    config.model.nHeads = 4;
    config.model.mla = {16, change == "no query latent" ? std::nullopt : std::optional(24), 8, 8, 8};
    config.model.indexer = {4, 16, RopeStyle::HalfSplit};
    config.model.moe.dExpert = 24;
    config.model.dFf = 40;
    config.model.moe.nExperts = change == "dense feed-forward" ? 0 : 4;
    config.model.tieEmbeddings = change == "tied";
    config.model.sharePattern = change == "share" ? "FS" : "";
    config.model.rotaryFraction = change == "partial rotary" ? 0.5 : 1.0;
    if (change == "yarn") {
        config.model.yarn = YarnConfig{4.0, 16, 32.0, 1.0, 1.0, 1.0};
    }
    config.training.sequenceLength = 24;
    config.training.seed = 3;
    Transformer model(modelOptions(config, 61));
    QTemporaryDir target;
    saveCheckpoint(model, pathOf(target));
    const auto back = loadCheckpoint(pathOf(target), at::kFloat);
    QCOMPARE(back->options().modelType, model.options().modelType);
    QCOMPARE(back->options().selector, model.options().selector);
    const Tensor ids = sparsescope::testing::randomTokens(2, 24, 61, 5);
    QVERIFY(at::equal(logitsOf(*back, ids), logitsOf(model, ids)));
    const std::string expected = !sparse   ? (latent ? "deepseek_v3" : "glm4_moe")
                                 : !latent ? "sparsescope_mha_dsa"
                                 : change == "random" || change == "share" || change == "no query latent"
                                     ? "sparsescope_mla_dsa"
                                     : "deepseek_v32";
    QCOMPARE(model.options().modelType, expected);
    // Into a model that is there already.
    ModelOptions reseeded = model.options();
    reseeded.seed = 99;
    Transformer other(reseeded);
    loadWeights(other, pathOf(target));
    for (const Parameters::Entry &entry : other.parameters().entries()) {
        QVERIFY2(at::equal(entry.tensor, model.parameters().find(entry.name)->tensor), entry.name.c_str());
        QCOMPARE(entry.tensor.requires_grad(), entry.trainable);
    }
}

void tst_Checkpoint::oldSpellingReadsTheSame()
{
    QFETCH(QString, folder);
    const std::filesystem::path path = folder.toStdString();
    Draft draft(path);
    Json rope = draft.config.at("rope_parameters");
    draft.config.erase("rope_parameters");
    draft.config["rope_theta"] = rope.at("rope_theta");
    draft.config["rope_scaling"] = nullptr;
    if (rope.contains("partial_rotary_factor")) {
        draft.config["partial_rotary_factor"] = rope.at("partial_rotary_factor");
    }
    if (rope.at("rope_type") == "yarn") {
        rope["type"] = "yarn";
        rope.erase("rope_type");
        rope.erase("rope_theta");
        draft.config["rope_scaling"] = rope;
    }
    draft.config["torch_dtype"] = "float32";
    draft.config["scoring_func"] = "sigmoid";
    draft.config["topk_method"] = "noaux_tc";
    QTemporaryDir target;
    draft.write(pathOf(target));
    const Tensor ids = truth::read(SafetensorsFile(path / "vectors.safetensors"), "input_ids");
    QVERIFY(at::equal(logitsOf(*loadCheckpoint(pathOf(target), at::kFloat), ids),
                      logitsOf(*loadCheckpoint(path, at::kFloat), ids)));
}

void tst_Checkpoint::shardsReadTheSame()
{
    const Draft draft(dsaFolder());
    QTemporaryDir target;
    draft.writeShards(pathOf(target), 2);
    const Tensor ids = truth::read(SafetensorsFile(dsaFolder() / "vectors.safetensors"), "input_ids");
    QVERIFY(at::equal(logitsOf(*loadCheckpoint(pathOf(target), at::kFloat), ids),
                      logitsOf(*loadCheckpoint(dsaFolder(), at::kFloat), ids)));
}

void tst_Checkpoint::fusedExpertsReadTheSame()
{
    Draft draft(dsaFolder());
    std::string prefix;
    for (const auto &[name, tensor] : draft.tensors) {
        if (name.ends_with(".mlp.experts.0.gate_proj.weight")) {
            prefix = name.substr(0, name.size() - std::string("0.gate_proj.weight").size());
            break;
        }
    }
    std::vector<Tensor> gateUp, down;
    for (int e = 0; draft.tensors.count(fmt::format("{}{}.gate_proj.weight", prefix, e)); ++e) {
        const std::string one = fmt::format("{}{}.", prefix, e);
        gateUp.push_back(
            at::cat({draft.tensors.at(one + "gate_proj.weight"), draft.tensors.at(one + "up_proj.weight")}));
        down.push_back(draft.tensors.at(one + "down_proj.weight"));
        for (const char *name : {"gate_proj.weight", "up_proj.weight", "down_proj.weight"}) {
            draft.tensors.erase(one + name);
        }
    }
    QVERIFY(gateUp.size() > 1);
    draft.tensors[prefix + "gate_up_proj"] = at::stack(gateUp);
    draft.tensors[prefix + "down_proj"] = at::stack(down);
    QTemporaryDir target;
    draft.write(pathOf(target));
    const Tensor ids = truth::read(SafetensorsFile(dsaFolder() / "vectors.safetensors"), "input_ids");
    QVERIFY(at::equal(logitsOf(*loadCheckpoint(pathOf(target), at::kFloat), ids),
                      logitsOf(*loadCheckpoint(dsaFolder(), at::kFloat), ids)));
}

void tst_Checkpoint::fp8BlocksAreTheirScales()
{
    ModelOptions options = sparsescope::testing::smallOptions("mhla");
    options.dModel = 136; // two blocks wide, the second one cut
    options.dFf = 200;
    options.moe.nExperts = 0;
    options.moe.firstDense = 2;
    const Transformer model(options);
    QTemporaryDir target;
    saveCheckpoint(model, pathOf(target));
    Draft draft(pathOf(target));
    const std::string name = "model.layers.0.mlp.gate_proj.weight";
    const Tensor eighth = draft.tensors.at(name).mul(8).to(at::kFloat8_e4m3fn);
    Tensor scale = draft.tensors.at(name).new_empty({2, 2});
    scale[0][0].fill_(0.125);
    scale[0][1].fill_(0.25);
    scale[1][0].fill_(0.5);
    scale[1][1].fill_(1.0);
    draft.tensors[name] = eighth;
    draft.tensors[name + "_scale_inv"] = scale;
    draft.config["quantization_config"] = {{"quant_method", "fp8"}, {"weight_block_size", {128, 128}}};
    draft.write(pathOf(target));
    const Tensor found = loadCheckpoint(pathOf(target), at::kFloat)->parameters().find(name)->tensor;
    const Tensor plain = eighth.to(at::kFloat);
    for (const auto &[row, column] : {std::pair{0, 0}, {127, 127}, {127, 128}, {128, 127}, {199, 135}}) {
        const float expected = plain[row][column].item<float>() * scale[row / 128][column / 128].item<float>();
        QCOMPARE(found[row][column].item<float>(), expected);
    }
    draft.tensors.erase(name + "_scale_inv");
    draft.write(pathOf(target));
    QVERIFY(refusal(pathOf(target)).contains("scales"));
}

void tst_Checkpoint::sharePatternSpellings()
{
    nlohmann::json config = nlohmann::json(readJsonFile(dsaFolder("glm_moe_dsa") / "config.json"));
    config["num_hidden_layers"] = 3;
    config["mlp_layer_types"] = config["layer_types"] = nullptr;
    config["indexer_types"] = {"full", "shared", "full"};
    QCOMPARE(modelOptionsFromHf(config, "c").ownsIndexer, (std::vector<bool>{true, false, true}));
    config.erase("indexer_types");
    QCOMPARE(modelOptionsFromHf(config, "c").ownsIndexer, (std::vector<bool>{true, true, true}));
    config["index_topk_pattern"] = "FSS";
    QCOMPARE(modelOptionsFromHf(config, "c").ownsIndexer, (std::vector<bool>{true, false, false}));
    config.erase("index_topk_pattern");
    config["num_hidden_layers"] = 8;
    config["index_topk_freq"] = 4;
    config["index_skip_topk_offset"] = 3;
    QCOMPARE(modelOptionsFromHf(config, "c").ownsIndexer,
             (std::vector<bool>{true, true, true, false, false, false, true, false}));
}

void tst_Checkpoint::allErrorsOfAConfigAtOnce()
{
    nlohmann::json config = nlohmann::json(readJsonFile(dsaFolder() / "config.json"));
    config.erase("vocab_size");
    config["index_n_heads"] = 0;
    config["rope_parameters"] = {
        {"rope_type", "yarn"}, {"rope_theta", 1e4}, {"factor", "four"}, {"original_max_position_embeddings", 16}};
    config["norm_topk_prob"] = 1;
    try {
        modelOptionsFromHf(config, "config.json");
        QFAIL("no error");
    } catch (const ConfigFailure &failure) {
        QStringList places;
        for (const Error &error : failure.errors()) {
            places << QString::fromStdString(error.where);
        }
        places.sort();
        QCOMPARE(places, (QStringList{"config.json: index_n_heads", "config.json: norm_topk_prob",
                                      "config.json: rope_parameters.factor", "config.json: vocab_size"}));
    }
}

void tst_Checkpoint::forwardDoorWritesWhatTruthHolds()
{
    QFETCH(QString, folder);
    const std::filesystem::path path = folder.toStdString();
    QTemporaryDir target;
    const std::filesystem::path out = pathOf(target) / "out.safetensors";
    for (const char *dtype : {"float32", "float64"}) {
        forwardToFile({path, path / "vectors.safetensors", out, dtype});
        const SafetensorsFile found(out), expected(path / "vectors.safetensors");
        QCOMPARE(found.at("logits").dtype, std::string(dtype) == "float32" ? "F32" : "F64");
        for (const auto &[name, view] : expected.tensors()) {
            if (name == "logits" || name.starts_with("hidden.")) {
                TRUTH_CLOSE(name, truth::read(found, name), truth::read(expected, name), 1e-4, 3e-5);
            } else if (name.ends_with(".index_scores")) {
                TRUTH_CLOSE(name, truth::read(found, name), truth::read(expected, name), 1e-4, 1e-4);
            } else if (name.ends_with(".topk_indices")) {
                const Tensor indices = truth::read(expected, name).to(at::kLong);
                const Tensor selected = truth::read(found, name.substr(0, name.find('.')) + ".selected");
                QVERIFY(at::equal(selected.to(at::kLong).sum(-1), indices.ge(0).sum(-1)));
                QVERIFY(selected.gather(2, indices.clamp_min(0)).logical_or(indices.lt(0)).all().item<bool>());
            }
        }
    }
    forwardToFile({path, path / "vectors.safetensors", out, "bfloat16"});
    QCOMPARE(SafetensorsFile(out).at("logits").dtype, std::string("F32"));
}

void tst_Checkpoint::forwardDoorRefusesBadTokens()
{
    QTemporaryDir target;
    const std::filesystem::path ids = pathOf(target) / "ids.safetensors", out = pathOf(target) / "out.safetensors";
    writeFileAtomically(out, "old");
    const auto refused = [&](const Tensor &tensor, const char *word) {
        Draft::writeTensors(ids, {{"input_ids", tensor}});
        try {
            forwardToFile({dsaFolder(), ids, out, "float32"});
            return false;
        } catch (const ConfigFailure &failure) {
            return QString(failure.what()).contains(word) && contentOf(out) == "old";
        }
    };
    const int vocabulary = readJsonFile(dsaFolder() / "config.json").at("vocab_size").get<int>();
    const QByteArray allowed = QByteArray("0 to ") + QByteArray::number(vocabulary - 1);
    const Tensor good = sparsescope::testing::randomTokens(1, 5, vocabulary, 1);
    Tensor high = good.clone(), low = good.clone();
    high[0][3].fill_(vocabulary);
    low[0][3].fill_(-1);
    QVERIFY(refused(high, allowed));
    QVERIFY(refused(low, allowed));
    QVERIFY(refused(good.select(0, 0).contiguous(), "input_ids"));
    QVERIFY(refused(good.to(at::kFloat), "I64"));
    Draft::writeTensors(ids, {{"tokens", good}});
    QVERIFY_EXCEPTION_THROWN(forwardToFile({dsaFolder(), ids, out, "float32"}), ConfigFailure);
    QCOMPARE(contentOf(out), std::string("old"));
}

QTEST_GUILESS_MAIN(tst_Checkpoint)
#include "tst_checkpoint.moc"
