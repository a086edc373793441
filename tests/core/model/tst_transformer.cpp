#include "core/base/error.h"
#include "core/model/transformer.h"
#include "tests/core/model/small_models.h"
#include "tests/truth/truth_support.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/stack.h>
#include <c10/core/GradMode.h>

#include <QtTest>

#include <cmath>

using at::Tensor;
using namespace sparsescope;
using sparsescope::testing::families;
using sparsescope::testing::randomTokens;
using sparsescope::testing::smallOptions;

// B batch, S tokens, V vocabulary
class tst_Transformer : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void sharedWeightsStartEqualInEveryFamily();
    void startFollowsTheRules();
    void futureTokensMoveNoEarlierLogit_data() { everyFamily(); }
    void futureTokensMoveNoEarlierLogit();
    void topKCoveringTheTextEqualsDense_data() { everyFamily(); }
    void topKCoveringTheTextEqualsDense();
    void lossesKeepToTheirOwnWeights_data();
    void lossesKeepToTheirOwnWeights();
    void indexerOnlyForwardTrainsTheIndexer();
    void sharedLayersReuseTheSelection();
    void counterfactualSelectorReplacesTheOwn();
    void traceIsComplete_data() { everyFamily(); }
    void traceIsComplete();
    void uniformDivergenceIsThatOfEqualScores();
    void bfloat16KeepsTheRouterInFloat32();
    void tiedHeadIsTheEmbedding();
    void impossibleSizesAreAllNamed();

private:
    static void everyFamily();
};

void tst_Transformer::everyFamily()
{
    QTest::addColumn<QString>("family");
    for (const std::string &name : families()) {
        QTest::addRow("%s", name.c_str()) << QString::fromStdString(name);
    }
}

void tst_Transformer::sharedWeightsStartEqualInEveryFamily()
{
    std::vector<std::unique_ptr<Transformer>> models;
    for (const std::string &family : families()) {
        models.push_back(std::make_unique<Transformer>(smallOptions(family)));
    }
    int shared = 0;
    for (std::size_t i = 1; i < models.size(); ++i) {
        for (const Parameters::Entry &entry : models[i]->parameters().entries()) {
            const Parameters::Entry *other = models[0]->parameters().find(entry.name);
            if (other && other->tensor.sizes() == entry.tensor.sizes()) {
                QVERIFY2(at::equal(other->tensor, entry.tensor), entry.name.c_str());
                ++shared;
            }
        }
    }
    QVERIFY(shared > 40);
    // Sparse is classic plus an indexer, weight for weight.
    for (const Parameters::Entry &entry : models[0]->parameters().entries()) {
        const Parameters::Entry *other = models[1]->parameters().find(entry.name);
        QVERIFY2(other && at::equal(other->tensor, entry.tensor), entry.name.c_str());
    }
    // Weights of one shape but two names start differently.
    const auto named = [&](const char *name) { return models[0]->parameters().find(name)->tensor; };
    QVERIFY(
        !at::equal(named("model.layers.0.self_attn.q_proj.weight"), named("model.layers.0.self_attn.k_proj.weight")));
    QVERIFY(
        !at::equal(named("model.layers.0.self_attn.q_proj.weight"), named("model.layers.1.self_attn.q_proj.weight")));
    ModelOptions reseeded = smallOptions("classic");
    reseeded.seed = 8;
    const Transformer again(reseeded);
    QVERIFY(!at::equal(again.parameters().find("lm_head.weight")->tensor,
                       models[0]->parameters().find("lm_head.weight")->tensor));
}

void tst_Transformer::startFollowsTheRules()
{
    ModelOptions options = smallOptions("mhla_sparse");
    options.dModel = 128;
    options.dFf = 256;
    const Transformer model(options);
    const auto spread = [&](const std::string &name) {
        return model.parameters().find(name)->tensor.std().item<double>();
    };
    const auto near = [](double found, double expected) { return std::abs(found - expected) < 0.05 * expected; };
    QVERIFY(near(spread("model.embed_tokens.weight"), 0.02));
    QVERIFY(near(spread("lm_head.weight"), 0.02));
    QVERIFY(near(spread("model.layers.0.mlp.gate_proj.weight"), 1 / std::sqrt(128.0)));
    QVERIFY(near(spread("model.layers.0.mlp.down_proj.weight"), 1 / std::sqrt(256.0) / 2)); // sqrt(2 layers) = 2
    QVERIFY(near(spread("model.layers.1.self_attn.o_proj.weight"), 1 / std::sqrt(32.0) / 2));
    QVERIFY(near(spread("model.layers.1.self_attn.indexer.wk.weight"), 1 / std::sqrt(128.0)));
    for (const char *name : {"model.norm.weight", "model.layers.0.self_attn.indexer.k_norm.weight"}) {
        const Tensor norm = model.parameters().find(name)->tensor;
        QVERIFY(at::equal(norm, at::ones(norm.sizes())));
    }
    for (const char *name :
         {"model.layers.0.self_attn.indexer.k_norm.bias", "model.layers.1.mlp.gate.e_score_correction_bias"}) {
        QVERIFY(!model.parameters().find(name)->tensor.any().item<bool>());
    }
}

void tst_Transformer::futureTokensMoveNoEarlierLogit()
{
    QFETCH(QString, family);
    const std::int64_t tokens = 24, topK = 6;
    for (const bool experts : {false, true}) {
        ModelOptions sizes = smallOptions(family.toStdString(), topK);
        sizes.moe.nExperts = experts ? sizes.moe.nExperts : 0;
        Transformer model(sizes);
        const c10::NoGradGuard noGrad;
        const Tensor ids = randomTokens(2, tokens, 61, 3);
        ForwardOptions options;
        for (const bool sparse : {false, true}) {
            options.sparse = sparse;
            const Tensor before = model.forward(ids, options).logits;
            for (const std::int64_t t : {std::int64_t{2}, topK - 1, topK, topK + 7, tokens - 2}) { // t < k and t >= k
                Tensor changed = ids.clone();
                changed.narrow(1, t + 1, tokens - t - 1).add_(17).remainder_(61);
                const Tensor after = model.forward(changed, options).logits;
                const double moved =
                    (after.narrow(1, 0, t + 1) - before.narrow(1, 0, t + 1)).abs().max().item<double>();
                // Without experts not a bit moves. With them other tokens change how many rows an expert gets, hence which
                // matrix routine sums its rows, hence last bits; a leak moves logits by 0.1 and more.
                QVERIFY2(moved <= (experts ? 1e-5 : 0.0), qPrintable(QString::number(moved)));
                QVERIFY((after - before).abs().max().item<double>() > 1e-2);
            }
        }
    }
}

void tst_Transformer::topKCoveringTheTextEqualsDense()
{
    QFETCH(QString, family);
    Transformer model(smallOptions(family.toStdString(), 20));
    const Tensor ids = randomTokens(2, 20, 61, 4);
    const c10::NoGradGuard noGrad;
    ForwardOptions options;
    options.sparse = true;
    const Tensor dense = model.forward(ids).logits;
    TRUTH_CLOSE("k = L", model.forward(ids, options).logits, dense, 1e-5, 1e-5);
    options.topK = 500;
    TRUTH_CLOSE("k > L", model.forward(ids, options).logits, dense, 1e-5, 1e-5);
    if (family.contains("sparse")) {
        options.topK = 4;
        QVERIFY(!truth::difference(model.forward(ids, options).logits, dense, 1e-5, 1e-5).isEmpty());
    }
}

void tst_Transformer::lossesKeepToTheirOwnWeights_data()
{
    QTest::addColumn<QString>("family");
    QTest::addColumn<bool>("sparse");
    QTest::addColumn<int>("kl");
    for (const char *family : {"sparse", "mhla_sparse"}) {
        QTest::addRow("%s dense visible", family) << family << false << static_cast<int>(KlTarget::Visible);
        QTest::addRow("%s sparse selected", family) << family << true << static_cast<int>(KlTarget::Selected);
        QTest::addRow("%s sparse visible", family) << family << true << static_cast<int>(KlTarget::Visible);
        QTest::addRow("%s dense selected", family) << family << false << static_cast<int>(KlTarget::Selected);
    }
}

void tst_Transformer::lossesKeepToTheirOwnWeights()
{
    QFETCH(QString, family);
    QFETCH(bool, sparse);
    QFETCH(int, kl);
    Transformer model(smallOptions(family.toStdString()));
    const Tensor ids = randomTokens(2, 16, 61, 5);
    ForwardOptions options;
    options.sparse = sparse;
    options.kl = static_cast<KlTarget>(kl);
    const auto clear = [&] {
        for (const Parameters::Entry &entry : model.parameters().entries()) {
            entry.tensor.mutable_grad() = Tensor();
        }
    };
    const auto reached = [](const Tensor &gradient) { return gradient.defined() && gradient.any().item<bool>(); };
    ForwardOutput output = model.forward(ids, options);
    QCOMPARE(output.klLosses.size(), std::size_t(2));
    languageModelLoss(output.logits, ids).backward();
    for (const Parameters::Entry &entry : model.parameters().entries()) {
        const bool indexer = Transformer::isIndexer(entry.name);
        QVERIFY2(reached(entry.tensor.grad()) == (!indexer && entry.trainable), entry.name.c_str());
        QVERIFY2(!indexer || !entry.tensor.grad().defined(), entry.name.c_str());
    }
    clear();
    output = model.forward(ids, options);
    at::stack(output.klLosses).sum().backward();
    for (const Parameters::Entry &entry : model.parameters().entries()) {
        QVERIFY2(reached(entry.tensor.grad()) == Transformer::isIndexer(entry.name), entry.name.c_str());
        QVERIFY2(Transformer::isIndexer(entry.name) || !entry.tensor.grad().defined(), entry.name.c_str());
    }
}

void tst_Transformer::indexerOnlyForwardTrainsTheIndexer()
{
    Transformer model(smallOptions("mhla_sparse"));
    const Tensor ids = randomTokens(2, 16, 61, 6);
    ForwardOptions options;
    options.kl = KlTarget::Visible;
    const ForwardOutput whole = model.forward(ids, options);
    options.needLogits = false;
    const ForwardOutput only = model.forward(ids, options);
    QVERIFY(!only.logits.defined());
    QCOMPARE(only.klLosses.size(), whole.klLosses.size());
    for (std::size_t i = 0; i < only.klLosses.size(); ++i) {
        QVERIFY(at::equal(only.klLosses[i], whole.klLosses[i]));
        QVERIFY(only.klLosses[i].requires_grad());
    }
    at::stack(only.klLosses).sum().backward();
    QVERIFY(model.parameters().find("model.layers.1.self_attn.indexer.wq_b.weight")->tensor.grad().defined());
    const c10::NoGradGuard noGrad;
    for (const Tensor &loss : model.forward(ids, options).klLosses) {
        QVERIFY(!loss.requires_grad());
    }
}

void tst_Transformer::sharedLayersReuseTheSelection()
{
    ModelOptions options = smallOptions("mhla_sparse", 5);
    options.nLayers = 4;
    options.ownsIndexer = {true, false, false, true};
    Transformer model(options);
    QVERIFY(!model.parameters().find("model.layers.1.self_attn.indexer.wk.weight"));
    QVERIFY(model.parameters().find("model.layers.3.self_attn.indexer.wk.weight"));
    std::vector<AttentionTrace> traces;
    ForwardOptions forward;
    forward.sparse = true;
    forward.kl = KlTarget::Selected;
    forward.trace = &traces;
    const Tensor ids = randomTokens(2, 20, 61, 7);
    QCOMPARE(model.forward(ids, forward).klLosses.size(), std::size_t(2)); // one a layer that owns an indexer
    QVERIFY(at::equal(traces[1].selection.bits, traces[0].selection.bits));
    QVERIFY(at::equal(traces[2].selection.bits, traces[0].selection.bits));
    QVERIFY(!at::equal(traces[3].selection.bits, traces[0].selection.bits));
    QVERIFY(at::equal(traces[2].index.q, traces[0].index.q));
    QVERIFY(!traces[1].kl.defined() && traces[3].kl.defined());
}

void tst_Transformer::counterfactualSelectorReplacesTheOwn()
{
    Transformer model(smallOptions("sparse", 4));
    const c10::NoGradGuard noGrad;
    const Tensor ids = randomTokens(1, 16, 61, 8);
    const auto recency = selectorKind("recency").make();
    std::vector<AttentionTrace> traces;
    ForwardOptions options;
    options.sparse = true;
    options.selector = recency.get();
    options.trace = &traces;
    const Tensor logits = model.forward(ids, options).logits;
    const Tensor mask = dsa::unpack_mask(traces[1].selection, 16).select(0, 0);
    const Tensor band = at::ones({16, 16}, at::TensorOptions().dtype(at::kBool)).tril().triu(-3);
    QVERIFY(at::equal(mask, band));
    options.selector = nullptr;
    QVERIFY(!at::equal(logits, model.forward(ids, options).logits));
    // A dense model can be asked the same question.
    Transformer classic(smallOptions("classic"));
    ForwardOptions restricted;
    restricted.sparse = true;
    restricted.selector = recency.get();
    restricted.topK = 4;
    QVERIFY(at::equal(classic.forward(ids, restricted).logits, logits));
}

void tst_Transformer::traceIsComplete()
{
    QFETCH(QString, family);
    const bool indexed = family.contains("sparse"), latent = family.startsWith("mhla");
    Transformer model(smallOptions(family.toStdString(), 5));
    const c10::NoGradGuard noGrad;
    const Tensor ids = randomTokens(2, 12, 61, 9);
    for (const bool sparse : {false, true}) {
        std::vector<AttentionTrace> traces;
        ForwardOptions options;
        options.sparse = sparse;
        options.trace = &traces;
        model.forward(ids, options);
        QCOMPARE(traces.size(), std::size_t(2));
        for (const AttentionTrace &trace : traces) {
            QCOMPARE(trace.q.sizes().vec(), (std::vector<std::int64_t>{2, 4, 12, latent ? 16 : 8}));
            QCOMPARE(trace.k.sizes().vec(), (std::vector<std::int64_t>{2, 4, 12, latent ? 16 : 8}));
            QCOMPARE(trace.lse.sizes().vec(), (std::vector<std::int64_t>{2, 4, 12}));
            QCOMPARE(trace.lseDense.sizes().vec(), (std::vector<std::int64_t>{2, 4, 12}));
            QCOMPARE(at::equal(trace.lse, trace.lseDense), !(sparse && indexed));
            QVERIFY((trace.lse - trace.lseDense).max().item<double>() < 1e-5); // fewer keys, less sum
            QCOMPARE(trace.selection.bits.defined(), indexed);
            QCOMPARE(trace.index.defined(), indexed);
            QCOMPARE(trace.kl.defined(), indexed);
            QCOMPARE(trace.klUniform.defined(), indexed);
            if (indexed) {
                QCOMPARE(trace.tau.sizes().vec(), (std::vector<std::int64_t>{2, 12}));
                QVERIFY(trace.kl.item<double>() >= 0);
                QVERIFY(!trace.index.q.requires_grad());
            }
        }
    }
}

void tst_Transformer::uniformDivergenceIsThatOfEqualScores()
{
    Transformer model(smallOptions("sparse", 5));
    {
        const c10::NoGradGuard noGrad;
        for (int layer = 0; layer < 2; ++layer) {
            model.parameters()
                .find("model.layers." + std::to_string(layer) + ".self_attn.indexer.weights_proj.weight")
                ->tensor.zero_();
        }
    }
    std::vector<AttentionTrace> traces;
    ForwardOptions options;
    options.trace = &traces;
    model.forward(randomTokens(2, 12, 61, 10), options);
    for (const AttentionTrace &trace : traces) {
        QVERIFY(std::abs(trace.kl.item<double>() - trace.klUniform.item<double>()) < 1e-6);
        QVERIFY(trace.klUniform.item<double>() > 0);
    }
}

void tst_Transformer::bfloat16KeepsTheRouterInFloat32()
{
    for (const std::string &family : families()) {
        Transformer model(smallOptions(family));
        const c10::NoGradGuard noGrad;
        const Tensor ids = randomTokens(1, 12, 61, 11);
        const Tensor full = model.forward(ids).logits;
        model.parameters().convertTo(at::kBFloat16);
        QCOMPARE(model.parameters().find("model.layers.1.mlp.gate.weight")->tensor.scalar_type(), at::kFloat);
        QCOMPARE(model.parameters().find("lm_head.weight")->tensor.scalar_type(), at::kBFloat16);
        ForwardOptions options;
        options.sparse = true;
        options.topK = 12;
        const Tensor half = model.forward(ids, options).logits;
        QCOMPARE(half.scalar_type(), at::kBFloat16);
        QVERIFY((half.to(at::kFloat) - full).abs().max().item<double>() < 0.05);
    }
}

void tst_Transformer::tiedHeadIsTheEmbedding()
{
    ModelOptions options = smallOptions("classic");
    options.tieEmbeddings = true;
    Transformer model(options);
    QVERIFY(!model.parameters().find("lm_head.weight"));
    languageModelLoss(model.forward(randomTokens(1, 8, 61, 12)).logits, randomTokens(1, 8, 61, 13)).backward();
    QVERIFY(model.parameters().find("model.embed_tokens.weight")->tensor.grad().defined());
}

void tst_Transformer::impossibleSizesAreAllNamed()
{
    ModelOptions options = smallOptions("sparse", 0);
    options.nKvHeads = 3;
    options.rotaryDim = 7;
    options.moe.nGroups = 3;
    options.ownsIndexer = {false, true};
    options.indexHeadDim = 4;
    try {
        const Transformer model(options);
        QFAIL("no error");
    } catch (const ConfigFailure &failure) {
        QString all;
        for (const Error &error : failure.errors()) {
            all += QString::fromStdString(error.text()) + "\n";
        }
        for (const char *field : {"num_key_value_heads", "partial_rotary_factor", "n_group", "indexer_types[0]",
                                  "index_topk", "index_head_dim"}) {
            QVERIFY2(all.contains(field), qPrintable(QString(field) + " missing in\n" + all));
        }
    }
}

QTEST_GUILESS_MAIN(tst_Transformer)
#include "tst_transformer.moc"
