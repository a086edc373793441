#include "core/model/multi_head_attention.h"
#include "core/model/multi_head_latent_attention.h"
#include "tests/truth/truth_support.h"

#include <ATen/ops/equal.h>
#include <c10/core/GradMode.h>

#include <QtTest>

#include <memory>

using at::Tensor;
using namespace sparsescope;

// B batch, S tokens, D model width
namespace {

/// The options that the metadata of a grads file describes.
ModelOptions optionsOf(const SafetensorsFile &file)
{
    const auto text = [&](const char *key) { return file.metadata().at(key); };
    const auto number = [&](const char *key) { return std::stoi(text(key)); };
    ModelOptions options;
    options.nLayers = 1;
    options.dModel = number("D");
    options.nHeads = number("H");
    options.topK = number("k");
    options.ropeTheta = std::stod(text("theta"));
    options.selector = "lightning";
    options.ownsIndexer = {true};
    options.indexHeads = number("Hi");
    options.indexHeadDim = number("di");
    const bool interleaved =
        file.metadata().count("index_rope") && text("index_rope").find("inter") != std::string::npos;
    options.indexRope = interleaved ? RopeStyle::Interleaved : RopeStyle::HalfSplit;
    if (file.contains("w.kv_b_proj.weight")) {
        options.attention = AttentionKind::Mla;
        options.rope = RopeStyle::Interleaved;
        if (file.contains("w.q_a_proj.weight")) {
            options.qLoraRank = number("ql");
        }
        options.kvLoraRank = number("kl");
        options.qkNopeHeadDim = number("dn");
        options.qkRopeHeadDim = number("rot");
        options.vHeadDim = number("dv");
    } else {
        options.nKvHeads = number("KV");
        options.headDim = number("dh");
        options.rotaryDim = number("rot");
    }
    return options;
}

} // namespace

/// One DSA training step through the attention classes and the indexer: what each loss reaches, and what it does not.
class tst_GradsModel : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void step_data();
    void step();
};

void tst_GradsModel::step_data()
{
    QTest::addColumn<QString>("path");
    QTest::addColumn<int>("stage");
    QTest::addColumn<bool>("exact");
    QTest::addColumn<bool>("absorbed");
    const auto files = truth::entries("grads-");
    QVERIFY2(!files.empty(), qPrintable("no grads-* file in " + QString::fromStdString(truth::folder().string())));
    for (const auto &file : files) {
        const bool latent = SafetensorsFile(file).contains("w.kv_b_proj.weight");
        for (const int stage : {1, 2}) {
            for (const bool exact : {false, true}) {
                for (int absorbed = 0; absorbed <= (latent ? 1 : 0); ++absorbed) {
                    QTest::addRow("%s stage %d %s%s", file.stem().c_str(), stage, exact ? "float64" : "float32",
                                  absorbed ? " absorbed" : "")
                        << QString::fromStdString(file.string()) << stage << exact << (absorbed == 1);
                }
            }
        }
    }
}

void tst_GradsModel::step()
{
    QFETCH(QString, path);
    QFETCH(int, stage);
    QFETCH(bool, exact);
    QFETCH(bool, absorbed);
    const SafetensorsFile file(path.toStdString());
    const at::ScalarType type = exact ? at::kDouble : at::kFloat;
    const ModelOptions options = optionsOf(file);
    Parameters parameters;
    std::unique_ptr<Attention> attention;
    if (options.attention == AttentionKind::Mla) {
        attention = std::make_unique<MultiHeadLatentAttention>(options, 0, parameters, "");
    } else {
        attention = std::make_unique<MultiHeadAttention>(options, 0, parameters, "");
    }
    parameters.convertTo(type);
    std::size_t weights = 0;
    for (const auto &[name, view] : file.tensors()) {
        weights += name.starts_with("w.") ? 1 : 0;
    }
    QCOMPARE(weights, parameters.entries().size());
    for (const Parameters::Entry &entry : parameters.entries()) {
        const c10::NoGradGuard noGrad;
        const Tensor value = truth::read(file, "w." + entry.name);
        QCOMPARE(value.sizes(), entry.tensor.sizes());
        entry.tensor.copy_(value);
    }
    Tensor x = truth::read(file, "x").to(type);
    x.set_requires_grad(true);

    // The file's tolerance: rtol, and in fp32 a share of the largest entry.
    const auto close = [&](const Tensor &found, const std::string &name) {
        const Tensor expected = truth::read(file, name);
        const double largest = expected.abs().max().item<double>();
        return truth::difference(found, expected, exact ? 1e-9 : 1e-4, (exact ? 1e-12 : 1e-5) * largest);
    };
    const auto check = [&](const Tensor &found, const std::string &name) {
        const QString wrong = close(found, name);
        QVERIFY2(wrong.isEmpty(), qPrintable(QString::fromStdString(name) + ": " + wrong));
    };

    AttentionContext context;
    context.rotary = rotaryTables(options, x.size(1), type, at::kCPU);
    check(context.rotary.cos, "rope_cos");
    check(context.rotary.sin, "rope_sin");
    std::vector<AttentionTrace> traces;
    context.trace = &traces;
    context.topK = options.topK;
    context.sparse = stage == 2;
    context.kl = stage == 2 ? KlTarget::Selected : KlTarget::Visible;
    context.absorbed = absorbed;
    const Tensor out = attention->forward(x, context);
    const std::string prefix = "stage" + std::to_string(stage) + ".";
    check(out, prefix + "out");
    check(dsa::index_scores(traces[0].index.q, traces[0].index.k, traces[0].index.w).tril(), "index_scores");
    QVERIFY(at::equal(dsa::unpack_mask(traces[0].selection, x.size(1)), truth::read(file, "selected").to(at::kBool)));
    QCOMPARE(context.klLosses.size(), std::size_t(1));
    check(context.klLosses[0].view({1}), prefix + "loss_index");
    QVERIFY(at::equal(traces[0].kl, context.klLosses[0].detach()));

    // The indexer's loss first: nothing outside of the indexer may feel it.
    context.klLosses[0].backward({}, true);
    QVERIFY2(!x.grad().defined(), "the indexer's loss reaches the layer's input");
    for (const Parameters::Entry &entry : parameters.entries()) {
        const bool indexer = entry.name.starts_with("indexer.");
        QVERIFY2(entry.tensor.grad().defined() == indexer, entry.name.c_str());
        if (indexer) {
            check(entry.tensor.grad(), prefix + "grad." + entry.name);
            entry.tensor.mutable_grad() = Tensor();
        }
    }
    const Tensor loss = out.square().sum();
    check(loss.view({1}), prefix + "loss_lm");
    loss.backward();
    check(x.grad(), prefix + "grad.x");
    for (const Parameters::Entry &entry : parameters.entries()) {
        const bool indexer = entry.name.starts_with("indexer.");
        QVERIFY2(entry.tensor.grad().defined() != indexer, entry.name.c_str());
        if (!indexer) {
            check(entry.tensor.grad(), prefix + "grad." + entry.name);
        }
    }
}

QTEST_GUILESS_MAIN(tst_GradsModel)
#include "tst_grads_model.moc"
