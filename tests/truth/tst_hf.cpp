#include "core/model/hf_weights.h"
#include "kernels/ops/dsa.h"
#include "tests/truth/truth_support.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/sort.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>

#include <QtTest>

#include <fmt/format.h>

#include <map>

using at::Tensor;
using namespace sparsescope;

// B batch, S tokens, H heads, E experts
namespace {

constexpr double kRtol = 1e-4, kAtol = 3e-5, kScoreAtol = 1e-4; // truth/README.md

/// Next-token targets: position t predicts token t+1, the last one nothing.
Tensor nextTokens(const Tensor &ids)
{
    Tensor targets = at::full(ids.sizes(), -1, ids.options());
    targets.narrow(1, 0, ids.size(1) - 1).copy_(ids.narrow(1, 1, ids.size(1) - 1));
    return targets;
}

/// Attention probabilities [H,queries,S] of batch row 0 from what a trace holds.
Tensor probabilities(const AttentionTrace &trace, double scale, const Tensor &queries)
{
    const std::int64_t heads = trace.q.size(1), keyHeads = trace.k.size(1), tokens = trace.q.size(2);
    const Tensor k = trace.k.select(0, 0).repeat_interleave(heads / keyHeads, 0);
    Tensor logits =
        at::matmul(trace.q.select(0, 0), k.transpose(-2, -1)) * scale - trace.lse.select(0, 0).unsqueeze(-1);
    Tensor p = logits.exp().tril();
    if (trace.selection.count.defined()) {
        p = p * dsa::unpack_mask(trace.selection, tokens).select(0, 0).to(p.scalar_type());
    }
    return p.index_select(1, queries);
}

/// [B,S,S] from chosen keys with -1 for no key.
Tensor chosenMask(const Tensor &indices, std::int64_t tokens)
{
    const Tensor padded = indices.to(at::kLong).remainder(tokens + 1); // -1 becomes the extra column
    return at::zeros({indices.size(0), indices.size(1), tokens + 1}, at::TensorOptions().dtype(at::kBool))
        .scatter_(2, padded, true)
        .narrow(2, 0, tokens);
}

std::pair<Tensor, Tensor> sortedByExpert(const RouterTrace &router)
{
    const auto [experts, order] = at::sort(router.experts, 1);
    return {experts, router.weights.gather(1, order)};
}

} // namespace

/// The published classes: forward, choices and language-model gradients as transformers has them.
class tst_Hf : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void forward_data() { cases(); }
    void forward();
    void gradients_data() { cases(); }
    void gradients();
    void absorbedEqualsExpanded_data() { cases(); }
    void absorbedEqualsExpanded();
    void anyTopKCoveringTheTextIsDense_data() { cases(); }
    void anyTopKCoveringTheTextIsDense();

private:
    static void cases();
};

void tst_Hf::initTestCase()
{
    QVERIFY2(!truth::entries("hf-").empty(),
             qPrintable("no hf-* folder in " + QString::fromStdString(truth::folder().string())));
}

void tst_Hf::cases()
{
    QTest::addColumn<QString>("folder");
    QTest::addColumn<bool>("exact");
    for (const auto &path : truth::entries("hf-")) {
        for (const bool exact : {false, true}) {
            QTest::addRow("%s %s", path.filename().c_str(), exact ? "float64" : "float32")
                << QString::fromStdString(path.string()) << exact;
        }
    }
}

void tst_Hf::forward()
{
    QFETCH(QString, folder);
    QFETCH(bool, exact);
    const std::filesystem::path path = folder.toStdString();
    const auto model = loadCheckpoint(path, exact ? at::kDouble : at::kFloat);
    const SafetensorsFile vectors(path / "vectors.safetensors");
    const Tensor ids = truth::read(vectors, "input_ids");
    const ModelOptions &options = model->options();

    const c10::NoGradGuard noGrad;
    std::vector<Tensor> hidden;
    std::vector<AttentionTrace> traces;
    std::vector<RouterTrace> routers;
    ForwardOptions forward;
    forward.sparse = true;
    forward.hidden = &hidden;
    forward.trace = &traces;
    forward.routers = &routers;
    const Tensor logits = model->forward(ids, forward).logits;
    TRUTH_CLOSE("logits", logits, truth::read(vectors, "logits"), kRtol, kAtol);
    TRUTH_CLOSE("loss", languageModelLoss(logits, nextTokens(ids)).view({1}), truth::read(vectors, "loss"), kRtol,
                kAtol);
    QCOMPARE(hidden.size(), static_cast<std::size_t>(options.nLayers + 1));
    QCOMPARE(traces.size(), static_cast<std::size_t>(options.nLayers));

    // Every tensor of the file is looked at: an unknown one means that something is not compared.
    std::map<int, const RouterTrace *> routerOf;
    for (const RouterTrace &router : routers) {
        routerOf[router.layer] = &router;
    }
    for (const auto &[name, view] : vectors.tensors()) {
        const Tensor expected = truth::read(vectors, name);
        if (name == "logits" || name == "loss" || name == "input_ids" || name == "attn_query_positions" ||
            name.starts_with("grad")) {
            continue;
        }
        if (name.starts_with("hidden.")) {
            TRUTH_CLOSE(name, hidden.at(std::stoul(name.substr(7))), expected, kRtol, kAtol);
            continue;
        }
        if (name == "logits_dense") {
            ForwardOptions dense;
            const Tensor last = model->forward(ids, dense).logits.select(1, ids.size(1) - 1);
            TRUTH_CLOSE(name, last, expected, kRtol, kAtol);
            continue;
        }
        QVERIFY2(name.starts_with("layer") && name.find('.') != std::string::npos, name.c_str());
        const int layer = std::stoi(name.substr(5));
        const std::string what = name.substr(name.find('.') + 1);
        const AttentionTrace &trace = traces.at(layer);
        if (what == "attn_probs") {
            const Tensor found =
                probabilities(trace, options.attentionScale(), truth::read(vectors, "attn_query_positions"));
            TRUTH_CLOSE(name, found, expected, kRtol, kAtol);
        } else if (what == "index_scores") {
            const Tensor scores = dsa::index_scores(trace.index.q, trace.index.k, trace.index.w).tril();
            TRUTH_CLOSE(name, scores, expected.tril(), kRtol, kScoreAtol);
        } else if (what == "topk_indices") {
            const Tensor selected = dsa::unpack_mask(trace.selection, ids.size(1));
            QVERIFY2(at::equal(selected, chosenMask(expected, ids.size(1))), name.c_str());
        } else if (what == "router_logits") {
            TRUTH_CLOSE(name, routerOf.at(layer)->logits, expected, kRtol, kAtol);
        } else if (what == "router_indices") {
            QVERIFY2(at::equal(sortedByExpert(*routerOf.at(layer)).first, expected.to(at::kLong)), name.c_str());
        } else if (what == "router_weights") {
            TRUTH_CLOSE(name, sortedByExpert(*routerOf.at(layer)).second, expected, kRtol, kAtol);
        } else {
            QFAIL(("not compared: " + name).c_str());
        }
    }
    // IndexShare: a layer without an indexer attends to exactly what the nearest earlier one selected.
    for (int layer = 1; layer < options.nLayers && !options.ownsIndexer.empty(); ++layer) {
        if (!options.ownsIndexer[layer]) {
            QVERIFY(at::equal(traces[layer].selection.bits, traces[layer - 1].selection.bits));
        }
    }
}

void tst_Hf::gradients()
{
    QFETCH(QString, folder);
    QFETCH(bool, exact);
    const std::filesystem::path path = folder.toStdString();
    const auto model = loadCheckpoint(path, exact ? at::kDouble : at::kFloat);
    const SafetensorsFile vectors(path / "vectors.safetensors");
    const Tensor ids = truth::read(vectors, "input_ids");
    ForwardOptions forward;
    forward.sparse = true;
    languageModelLoss(model->forward(ids, forward).logits, nextTokens(ids)).backward();

    // Gradients by published name; fused experts are taken apart.
    std::map<std::string, Tensor> gradients;
    for (const Parameters::Entry &entry : model->parameters().entries()) {
        const Tensor gradient = entry.tensor.grad().defined() ? entry.tensor.grad()
                                                              : at::zeros(entry.tensor.sizes(), entry.tensor.options());
        const std::size_t cut = entry.name.find(".experts.gate_up_proj"),
                          downCut = entry.name.find(".experts.down_proj");
        if (Transformer::isIndexer(entry.name)) {
            QVERIFY2(!entry.tensor.grad().defined(), ("the language-model loss reaches " + entry.name).c_str());
        }
        if (cut != std::string::npos) {
            const std::int64_t inner = gradient.size(1) / 2;
            for (std::int64_t e = 0; e < gradient.size(0); ++e) {
                const std::string prefix = fmt::format("{}.experts.{}.", entry.name.substr(0, cut), e);
                gradients[prefix + "gate_proj.weight"] = gradient.select(0, e).narrow(0, 0, inner);
                gradients[prefix + "up_proj.weight"] = gradient.select(0, e).narrow(0, inner, inner);
            }
        } else if (downCut != std::string::npos) {
            for (std::int64_t e = 0; e < gradient.size(0); ++e) {
                gradients[fmt::format("{}.experts.{}.down_proj.weight", entry.name.substr(0, downCut), e)] =
                    gradient.select(0, e);
            }
        } else if (entry.trainable) {
            gradients[entry.name] = gradient;
        } else {
            QVERIFY2(!entry.tensor.grad().defined(), entry.name.c_str());
        }
    }
    int compared = 0;
    for (const auto &[name, view] : vectors.tensors()) {
        if (name.starts_with("grad.")) {
            QVERIFY2(gradients.count(name.substr(5)), name.c_str());
            TRUTH_CLOSE(name, gradients.at(name.substr(5)), truth::read(vectors, name), kRtol, kAtol);
            ++compared;
        }
    }
    QVERIFY(compared > 0);
    const Tensor norms = truth::read(vectors, "grad_norms");
    QCOMPARE(norms.numel(), static_cast<std::int64_t>(gradients.size())); // both in sorted name order
    std::int64_t i = 0;
    for (const auto &[name, gradient] : gradients) {
        TRUTH_CLOSE("norm of grad." + name, gradient.norm().view({1}), norms.narrow(0, i++, 1), kRtol, kAtol);
    }
}

void tst_Hf::absorbedEqualsExpanded()
{
    QFETCH(QString, folder);
    QFETCH(bool, exact);
    const std::filesystem::path path = folder.toStdString();
    const auto model = loadCheckpoint(path, exact ? at::kDouble : at::kFloat);
    if (model->options().attention != AttentionKind::Mla) {
        QSKIP("no latent to absorb");
    }
    const SafetensorsFile vectors(path / "vectors.safetensors");
    const Tensor ids = truth::read(vectors, "input_ids");
    const c10::NoGradGuard noGrad;
    for (const bool sparse : {false, true}) {
        std::vector<AttentionTrace> expandedTrace, absorbedTrace;
        std::vector<Tensor> expandedHidden, absorbedHidden;
        ForwardOptions expanded, absorbed;
        expanded.sparse = absorbed.sparse = sparse;
        expanded.trace = &expandedTrace;
        expanded.hidden = &expandedHidden;
        absorbed.trace = &absorbedTrace;
        absorbed.hidden = &absorbedHidden;
        absorbed.absorbed = true;
        const Tensor one = model->forward(ids, expanded).logits, other = model->forward(ids, absorbed).logits;
        const double tolerance = exact ? 1e-10 : 1e-5;
        TRUTH_CLOSE("logits", other, one, tolerance, tolerance * one.abs().max().item<double>());
        for (std::size_t i = 0; i < expandedHidden.size(); ++i) {
            TRUTH_CLOSE(fmt::format("hidden.{}", i), absorbedHidden[i], expandedHidden[i], tolerance,
                        tolerance * expandedHidden[i].abs().max().item<double>());
        }
        for (std::size_t i = 0; i < expandedTrace.size(); ++i) {
            QCOMPARE(absorbedTrace[i].k.sizes(), expandedTrace[i].k.sizes()); // a trace always shows the expanded keys
            TRUTH_CLOSE("lse", absorbedTrace[i].lse, expandedTrace[i].lse, 10 * tolerance, 10 * tolerance);
        }
    }
}

void tst_Hf::anyTopKCoveringTheTextIsDense()
{
    QFETCH(QString, folder);
    QFETCH(bool, exact);
    const std::filesystem::path path = folder.toStdString();
    const auto model = loadCheckpoint(path, exact ? at::kDouble : at::kFloat);
    const SafetensorsFile vectors(path / "vectors.safetensors");
    const Tensor ids = truth::read(vectors, "input_ids");
    const c10::NoGradGuard noGrad;
    ForwardOptions sparse;
    sparse.sparse = true;
    const Tensor dense = model->forward(ids).logits;
    for (const std::int64_t topK : {ids.size(1), ids.size(1) + 17}) {
        sparse.topK = topK;
        TRUTH_CLOSE("logits", model->forward(ids, sparse).logits, dense, 1e-5, 1e-5);
    }
}

QTEST_GUILESS_MAIN(tst_Hf)
#include "tst_hf.moc"
