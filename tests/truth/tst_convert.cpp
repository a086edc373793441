#include "core/model/convert_door.h"
#include "core/model/hf_weights.h"
#include "tests/core/model/small_models.h"
#include "tests/truth/checkpoint_draft.h"
#include "tests/truth/truth_support.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/ones.h>
#include <c10/core/GradMode.h>

#include <QTemporaryDir>
#include <QtTest>

#include <cmath>

using at::Tensor;
using namespace sparsescope;
using truth::Draft;
namespace fs = std::filesystem;

namespace {

fs::path pathOf(const QTemporaryDir &folder) { return folder.path().toStdString(); }

ConvertRequest request(const fs::path &source, const fs::path &target)
{
    ConvertRequest result;
    result.source = source;
    result.target = target;
    return result;
}

Tensor logitsOf(const fs::path &folder, const Tensor &ids)
{
    const c10::NoGradGuard noGrad;
    ForwardOptions options;
    options.sparse = true;
    return loadCheckpoint(folder, at::kFloat)->forward(ids, options).logits;
}

/// All files of a sharded folder together.
std::map<std::string, Tensor> tensorsIn(const fs::path &folder)
{
    std::map<std::string, Tensor> tensors;
    const WeightFiles files(folder);
    for (const auto &[name, place] : files.tensors()) {
        tensors[name] = toTensor(*place.view, name);
    }
    return tensors;
}

/// Says which tensor differs; empty: none does.
QString firstDifference(const std::map<std::string, Tensor> &found, const std::map<std::string, Tensor> &expected)
{
    if (found.size() != expected.size()) {
        return QString("%1 tensors, expected %2").arg(found.size()).arg(expected.size());
    }
    for (const auto &[name, tensor] : expected) {
        const auto other = found.find(name);
        if (other == found.end() || other->second.scalar_type() != tensor.scalar_type() ||
            !at::equal(other->second, tensor)) {
            return QString::fromStdString(name);
        }
    }
    return {};
}

bool staysFloat32(const std::string &name)
{
    return name.ends_with("mlp.gate.weight") || name.ends_with("e_score_correction_bias");
}

QString refusalOf(const ConvertRequest &request)
{
    try {
        convertCheckpoint(request);
        return {};
    } catch (const std::exception &failure) {
        return QString::fromUtf8(failure.what());
    }
}

bool isEmpty(const fs::path &folder) { return fs::is_empty(folder); }

} // namespace

/// From one checkpoint folder to another: nothing is lost, types and files are those asked for, and a failure leaves nothing.
class tst_Convert : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void thereAndBack_data();
    void thereAndBack();
    void otherTypes_data();
    void otherTypes();
    void ownFamilies_data();
    void ownFamilies();
    void fusedAndFp8ComeApart();
    void failuresLeaveNothing();
};

void tst_Convert::thereAndBack_data()
{
    QTest::addColumn<QString>("folder");
    QVERIFY(!truth::entries("hf-").empty());
    for (const auto &path : truth::entries("hf-")) {
        QTest::addRow("%s", path.filename().c_str()) << QString::fromStdString(path.string());
    }
}

void tst_Convert::thereAndBack()
{
    QFETCH(QString, folder);
    const fs::path source = folder.toStdString();
    QTemporaryDir place;
    ConvertRequest there = request(source, pathOf(place) / "hf");
    there.shardBytes = 30000;
    const ConvertSummary sharded = convertCheckpoint(there);
    QVERIFY(sharded.files > 2);
    const auto index = readJsonFile(there.target / "model.safetensors.index.json");
    QCOMPARE(index.at("metadata").at("total_size").get<std::uint64_t>(), sharded.bytes);
    std::uint64_t total = 0;
    std::map<std::string, int> tensorsOfFile;
    for (const auto &[name, file] : index.at("weight_map").items()) {
        ++tensorsOfFile[file.get<std::string>()];
    }
    QCOMPARE(static_cast<int>(tensorsOfFile.size()), sharded.files);
    for (const auto &[name, count] : tensorsOfFile) {
        const SafetensorsFile file(there.target / name);
        QCOMPARE(static_cast<int>(file.tensors().size()), count);
        std::uint64_t bytes = 0;
        for (const auto &[tensor, view] : file.tensors()) {
            bytes += view.bytes;
        }
        QVERIFY(bytes <= there.shardBytes || count == 1);
        total += bytes;
    }
    QCOMPARE(total, sharded.bytes);

    ConvertRequest back = request(there.target, pathOf(place) / "native");
    back.native = true;
    const ConvertSummary whole = convertCheckpoint(back);
    QCOMPARE(whole.files, 1);
    QCOMPARE(whole.bytes, sharded.bytes);
    QCOMPARE(firstDifference(tensorsIn(back.target), tensorsIn(source)), QString());
    const Tensor ids = truth::read(SafetensorsFile(source / "vectors.safetensors"), "input_ids");
    QVERIFY(at::equal(logitsOf(there.target, ids), logitsOf(source, ids)));
    QVERIFY(at::equal(logitsOf(back.target, ids), logitsOf(source, ids)));
}

void tst_Convert::otherTypes_data()
{
    QTest::addColumn<QString>("folder");
    QTest::addColumn<QString>("dtype");
    for (const auto &path : truth::entries("hf-")) {
        for (const char *dtype : {"bfloat16", "float16"}) {
            QTest::addRow("%s %s", path.filename().c_str(), dtype) << QString::fromStdString(path.string()) << dtype;
        }
    }
}

void tst_Convert::otherTypes()
{
    QFETCH(QString, folder);
    QFETCH(QString, dtype);
    const fs::path source = folder.toStdString();
    QTemporaryDir place;
    ConvertRequest asked = request(source, pathOf(place) / "hf");
    asked.dtype = dtype.toStdString();
    QCOMPARE(convertCheckpoint(asked).dtype, asked.dtype);
    QCOMPARE(readJsonFile(asked.target / "config.json").at("dtype").get<std::string>(), asked.dtype);
    std::map<std::string, Tensor> expected = tensorsIn(source);
    const at::ScalarType type = typeOfName(asked.dtype, "");
    for (auto &[name, tensor] : expected) {
        tensor = staysFloat32(name) ? tensor : tensor.to(type);
    }
    QCOMPARE(firstDifference(tensorsIn(asked.target), expected), QString());
    // Read again, the numbers are the rounded ones, in fp32.
    const auto model = loadCheckpoint(asked.target, at::kFloat);
    const Tensor embedding = model->parameters().find("model.embed_tokens.weight")->tensor;
    QCOMPARE(embedding.scalar_type(), at::kFloat);
    QVERIFY(at::equal(embedding, expected.at("model.embed_tokens.weight").to(at::kFloat)));
}

void tst_Convert::ownFamilies_data()
{
    QTest::addColumn<QString>("family");
    QTest::addColumn<QString>("architecture");
    QTest::newRow("classic") << "classic"
                             << "Glm4MoeForCausalLM";
    QTest::newRow("sparse") << "sparse"
                            << "";
    QTest::newRow("mhla") << "mhla"
                          << "DeepseekV3ForCausalLM";
    QTest::newRow("mhla_sparse") << "mhla_sparse"
                                 << "DeepseekV32ForCausalLM";
}

void tst_Convert::ownFamilies()
{
    QFETCH(QString, family);
    QFETCH(QString, architecture);
    QTemporaryDir place;
    const Transformer model(sparsescope::testing::smallOptions(family.toStdString()));
    const fs::path run = pathOf(place) / "run", hf = pathOf(place) / "hf";
    saveCheckpoint(model, run, {{"sparsescope_run", {{"data", {{"path", "private/corpus.txt"}}}}}});
    const ConvertSummary done = convertCheckpoint(request(run, hf));
    QCOMPARE(QString::fromStdString(done.architecture), architecture);
    QCOMPARE(done.dtype, std::string("float32"));
    // What the run was about stays behind, with the paths of its machine.
    QVERIFY(!QString::fromStdString(truth::contentOf(hf / "config.json")).contains("private"));
    QCOMPARE(firstDifference(tensorsIn(hf), tensorsIn(run)), QString());
    ConvertRequest back = request(run, pathOf(place) / "native");
    back.native = true;
    convertCheckpoint(back);
    QVERIFY(readJsonFile(back.target / "config.json").contains("sparsescope_run"));
    const Tensor ids = sparsescope::testing::randomTokens(2, 20, 61, 5);
    QVERIFY(at::equal(logitsOf(hf, ids), logitsOf(run, ids)));
}

void tst_Convert::fusedAndFp8ComeApart()
{
    QTemporaryDir place;
    const fs::path source = pathOf(place) / "source";
    const Transformer model(sparsescope::testing::smallOptions("mhla_sparse"));
    saveCheckpoint(model, source);
    const std::map<std::string, Tensor> apart = tensorsIn(source);
    Draft draft(source);
    const std::string layer = "model.layers.1.mlp.experts.";
    for (const char *fused : {"gate_up_proj", "down_proj"}) {
        draft.tensors[layer + fused] = model.parameters().find(layer + fused)->tensor.detach().clone();
    }
    for (const auto &[name, tensor] : apart) {
        if (name.starts_with(layer)) {
            draft.tensors.erase(name);
        }
    }
    draft.write(source);
    convertCheckpoint(request(source, pathOf(place) / "apart"));
    QCOMPARE(firstDifference(tensorsIn(pathOf(place) / "apart"), apart), QString());

    const std::string quantised = "model.layers.0.self_attn.o_proj.weight";
    const Tensor eighth = draft.tensors.at(quantised).mul(4).to(at::kFloat8_e4m3fn);
    draft.tensors[quantised] = eighth;
    draft.tensors[scaleName(quantised)] = at::ones({1, 1}).mul(0.25);
    draft.write(source);
    convertCheckpoint(request(source, pathOf(place) / "plain"));
    std::map<std::string, Tensor> expected = apart;
    expected[quantised] = eighth.to(at::kFloat).mul(0.25);
    QCOMPARE(firstDifference(tensorsIn(pathOf(place) / "plain"), expected), QString());
}

void tst_Convert::failuresLeaveNothing()
{
    QTemporaryDir place, other;
    const fs::path source = pathOf(place) / "source", targets = pathOf(other);
    saveCheckpoint(Transformer(sparsescope::testing::smallOptions("classic")), source);
    const Draft good(source);

    QVERIFY(refusalOf(request(source, source)).contains("there already"));
    QVERIFY(refusalOf(request(source, source / "config.json")).contains("there already"));
    QVERIFY(refusalOf(request(targets, targets / "hf")).contains("no config.json"));
    QVERIFY(refusalOf(request(source, "")).contains("target"));
    QVERIFY(isEmpty(targets));

    const std::string last = "model.layers.1.self_attn.v_proj.weight";
    Draft damaged = good;
    damaged.tensors[last] = damaged.tensors.at(last).clone();
    damaged.tensors.at(last)[0][0].fill_(std::nan(""));
    damaged.write(source);
    QVERIFY(refusalOf(request(source, targets / "hf")).contains(QString::fromStdString(last)));
    QVERIFY(isEmpty(targets));

    damaged.tensors.at(last)[0][0].fill_(1e6); // finite, and too large for half precision
    damaged.write(source);
    ConvertRequest half = request(source, targets / "hf");
    half.dtype = "float16";
    QVERIFY(refusalOf(half).contains("float16"));
    QVERIFY(refusalOf(half).contains(QString::fromStdString(last)));
    QVERIFY(isEmpty(targets));
    half.dtype = "bfloat16";
    QCOMPARE(refusalOf(half), QString());
    // Into an empty folder, and not into a full one.
    QVERIFY(refusalOf(half).contains("there already"));
    fs::create_directory(targets / "empty");
    half.target = targets / "empty/"; // with the slash that a shell completes
    QCOMPARE(refusalOf(half), QString());
    QVERIFY(fs::exists(targets / "empty" / "config.json"));
    QCOMPARE(static_cast<int>(std::distance(fs::directory_iterator(targets), {})), 2);
}

QTEST_GUILESS_MAIN(tst_Convert)
#include "tst_convert.moc"
