#include "core/base/config_words.h"
#include "core/base/error.h"
#include "core/model/convert_door.h"
#include "core/model/hf_weights.h"
#include "core/model/index_score.h"
#include "tests/core/model/small_models.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/zeros.h>

#include <QTemporaryDir>
#include <QtTest>

#include <algorithm>
#include <cmath>
#include <vector>

using namespace sparsescope;
using sparsescope::testing::randomNumbers;

namespace {

constexpr int kBatch = 2, kTokens = 9, kHeads = 3, kWidth = 4, kTopK = 4, kAttentionHeads = 4, kKeyHeads = 2;
constexpr double kScale = 0.4;

constexpr IndexActivation kAll[] = {IndexActivation::Relu, IndexActivation::Gelu, IndexActivation::Silu,
                                    IndexActivation::Identity, IndexActivation::Prelu};

IndexFactors factorsOf(IndexActivation activation, std::uint64_t seed)
{
    IndexFactors factors{randomNumbers({kBatch, kTokens, kHeads, kWidth}, seed),
                         randomNumbers({kBatch, kTokens, kWidth}, seed + 1),
                         randomNumbers({kBatch, kTokens, kHeads}, seed + 2), activation};
    if (activation == IndexActivation::Prelu)
        factors.slope = randomNumbers({kHeads}, seed + 3) * 0.3;
    return factors;
}

double definition(IndexActivation activation, double x, double slope)
{
    switch (activation) {
    case IndexActivation::Relu:
        return std::max(x, 0.0);
    case IndexActivation::Gelu:
        return x * 0.5 * std::erfc(-x / std::sqrt(2.0));
    case IndexActivation::Silu:
        return x / (1 + std::exp(-x));
    case IndexActivation::Identity:
        return x;
    case IndexActivation::Prelu:
        return std::max(x, 0.0) + slope * std::min(x, 0.0);
    }
    return std::nan("");
}

/// I[b,t,s], number by number.
double scoreOf(const IndexFactors &factors, int b, int t, int s)
{
    double sum = 0;
    for (int j = 0; j < kHeads; ++j) {
        const double dot = factors.q[b][t][j].dot(factors.k[b][s]).item<double>();
        const double slope = factors.slope.defined() ? factors.slope[j].item<double>() : 0;
        sum += factors.w[b][t][j].item<double>() * definition(factors.activation, dot, slope);
    }
    return sum;
}

/// The attention that the indexer imitates.
struct Teacher {
    at::Tensor q = randomNumbers({kBatch, kAttentionHeads, kTokens, 5}, 71);
    at::Tensor k = randomNumbers({kBatch, kKeyHeads, kTokens, 5}, 72);

    double logit(int b, int h, int t, int s) const
    {
        return kScale * q[b][h][t].dot(k[b][h / (kAttentionHeads / kKeyHeads)][s]).item<double>();
    }
    /// [B,H,T] over the keys of `seen`.
    at::Tensor lse(const auto &seen) const
    {
        at::Tensor result = at::zeros({kBatch, kAttentionHeads, kTokens}, at::kDouble);
        for (int b = 0; b < kBatch; ++b) {
            for (int h = 0; h < kAttentionHeads; ++h) {
                for (int t = 0; t < kTokens; ++t) {
                    double sum = 0;
                    for (int s = 0; s <= t; ++s)
                        sum += seen(b, t, s) ? std::exp(logit(b, h, t, s)) : 0;
                    result[b][h][t] = std::log(sum);
                }
            }
        }
        return result;
    }
    /// Mean over the rows of KL(p || softmax I) over those keys.
    double divergence(const IndexFactors &factors, const auto &seen) const
    {
        double loss = 0;
        const at::Tensor logSums = lse(seen);
        for (int b = 0; b < kBatch; ++b) {
            for (int t = 0; t < kTokens; ++t) {
                double sum = 0;
                for (int s = 0; s <= t; ++s)
                    sum += seen(b, t, s) ? std::exp(scoreOf(factors, b, t, s)) : 0;
                for (int s = 0; s <= t; ++s) {
                    if (!seen(b, t, s))
                        continue;
                    double p = 0;
                    for (int h = 0; h < kAttentionHeads; ++h)
                        p += std::exp(logit(b, h, t, s) - logSums[b][h][t].item<double>()) / kAttentionHeads;
                    loss += p * (std::log(p) - scoreOf(factors, b, t, s) + std::log(sum));
                }
            }
        }
        return loss / (kBatch * kTokens);
    }
};

ModelOptions optionsWith(IndexActivation activation)
{
    ModelOptions options = sparsescope::testing::smallOptions("mhla_sparse");
    options.indexActivation = activation;
    options.modelType = activation == IndexActivation::Relu ? "deepseek_v32" : "sparsescope_mla_dsa";
    return options;
}

} // namespace

/// Every activation of the indexer against its definition, and that none of them passes for ReLU.
class tst_IndexScore : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void all_data()
    {
        QTest::addColumn<int>("activation");
        for (const IndexActivation activation : kAll)
            QTest::newRow(wordOf(activation).c_str()) << int(activation);
    }
    void scoresEqualTheirDefinition_data() { all_data(); }
    void scoresEqualTheirDefinition();
    void theSelectionIsOfTheseScores_data() { all_data(); }
    void theSelectionIsOfTheseScores();
    void divergenceEqualsItsDefinition_data() { all_data(); }
    void divergenceEqualsItsDefinition();
    void gradientsAreSlopes_data() { all_data(); }
    void gradientsAreSlopes();
    void preluOfSlopeZeroIsRelu();
    void checkpointsKeepIt_data() { all_data(); }
    void checkpointsKeepIt();
    void publishedClassesDoNotHaveIt();
};

void tst_IndexScore::scoresEqualTheirDefinition()
{
    QFETCH(int, activation);
    const IndexFactors factors = factorsOf(IndexActivation(activation), 5);
    const at::Tensor scores = indexScores(factors);
    for (int b = 0; b < kBatch; ++b) {
        for (int t = 0; t < kTokens; ++t) {
            for (int s = 0; s < kTokens; ++s) {
                const double found = scores[b][t][s].item<double>();
                QVERIFY(s <= t ? std::abs(found - scoreOf(factors, b, t, s)) < 1e-12 : std::isinf(found) && found < 0);
                const float slope = factors.slope.defined() ? factors.slope[1].item<float>() : 0;
                const float dot = factors.q[b][t][1].dot(factors.k[b][s]).item<float>(); // as views compute it
                QVERIFY(std::abs(activated(factors.activation, dot, slope) -
                                 definition(factors.activation, dot, slope)) < 1e-5);
            }
        }
    }
    // The last queries alone, as generation asks.
    IndexFactors last = factors;
    last.q = factors.q.slice(1, 6);
    last.w = factors.w.slice(1, 6);
    QVERIFY((indexScores(last, 6) - scores.slice(1, 6)).nan_to_num(0).abs().max().item<double>() < 1e-12);
}

void tst_IndexScore::theSelectionIsOfTheseScores()
{
    QFETCH(int, activation);
    const IndexFactors factors = factorsOf(IndexActivation(activation), 9);
    const auto [selection, tau, lse] = indexSelect(factors, kTopK, 0, false);
    const at::Tensor chosen = dsa::unpack_mask(selection, kTokens);
    for (int b = 0; b < kBatch; ++b) {
        for (int t = 0; t < kTokens; ++t) {
            std::vector<std::pair<double, int>> order; // of two equal scores the lower key wins
            for (int s = 0; s <= t; ++s)
                order.emplace_back(-scoreOf(factors, b, t, s), s);
            std::sort(order.begin(), order.end());
            order.resize(std::min<std::size_t>(order.size(), kTopK));
            double sum = 0;
            for (const auto &[score, s] : order) {
                QVERIFY(chosen[b][t][s].item<bool>());
                sum += std::exp(-score);
            }
            QCOMPARE(chosen[b][t].sum().item<std::int64_t>(), std::int64_t(order.size()));
            QVERIFY(std::abs(tau[b][t].item<double>() + order.back().first) < 1e-9);
            QVERIFY(std::abs(lse[b][t].item<double>() - std::log(sum)) < 1e-9);
        }
    }
}

void tst_IndexScore::divergenceEqualsItsDefinition()
{
    QFETCH(int, activation);
    const IndexFactors factors = factorsOf(IndexActivation(activation), 13);
    const Teacher teacher;
    const auto all = [](int, int, int) { return true; };
    const double dense =
        indexDivergence(factors, teacher.q, teacher.k, teacher.lse(all), {}, {}, kScale, dsa::KlTarget::Dense)
            .item<double>();
    QVERIFY2(std::abs(dense - teacher.divergence(factors, all)) < 1e-9, qPrintable(QString::number(dense)));
    const dsa::Selection selection = std::get<0>(indexSelect(factors, kTopK, 0, false));
    const at::Tensor chosen = dsa::unpack_mask(selection, kTokens);
    const auto selected = [&](int b, int t, int s) { return chosen[b][t][s].item<bool>(); };
    const double sparse = indexDivergence(factors, teacher.q, teacher.k, teacher.lse(selected), selection, {}, kScale,
                                          dsa::KlTarget::Selected)
                              .item<double>();
    QVERIFY2(std::abs(sparse - teacher.divergence(factors, selected)) < 1e-9, qPrintable(QString::number(sparse)));
}

void tst_IndexScore::gradientsAreSlopes()
{
    QFETCH(int, activation);
    const Teacher teacher;
    const at::Tensor lse = teacher.lse([](int, int, int) { return true; });
    const auto loss = [&](const IndexFactors &factors) {
        return indexDivergence(factors, teacher.q, teacher.k, lse, {}, {}, kScale, dsa::KlTarget::Dense);
    };
    IndexFactors factors = factorsOf(IndexActivation(activation), 17);
    std::vector<at::Tensor *> learned{&factors.q, &factors.k, &factors.w};
    if (factors.slope.defined())
        learned.push_back(&factors.slope);
    for (at::Tensor *tensor : learned)
        *tensor = tensor->detach().requires_grad_(true);
    loss(factors).backward();
    for (at::Tensor *tensor : learned) {
        const at::Tensor at = tensor->detach(), gradient = tensor->grad();
        QVERIFY(gradient.defined() && gradient.abs().max().item<double>() > 0);
        for (std::int64_t i = 0; i < at.numel(); ++i) {
            const auto moved = [&](double by) {
                at::Tensor other = at.clone();
                other.view({-1})[i] += by;
                const at::Tensor before = *tensor;
                *tensor = other;
                const double value = loss(factors).item<double>();
                *tensor = before;
                return value;
            };
            constexpr double kStep = 1e-6;
            const double slope = (moved(kStep) - moved(-kStep)) / (2 * kStep);
            QVERIFY2(std::abs(slope - gradient.reshape({-1})[i].item<double>()) < 1e-7,
                     qPrintable(QString("%1 at %2").arg(slope).arg(i)));
        }
    }
}

/// The plain path against the operation that has kernels: the same numbers and gradients.
void tst_IndexScore::preluOfSlopeZeroIsRelu()
{
    const Teacher teacher;
    IndexFactors relu = factorsOf(IndexActivation::Relu, 23), prelu = relu;
    prelu.activation = IndexActivation::Prelu;
    prelu.slope = at::zeros({kHeads}, at::kDouble).requires_grad_(true);
    QVERIFY((indexScores(relu) - indexScores(prelu)).nan_to_num(0).abs().max().item<double>() < 1e-12);
    const auto chosen = indexSelect(relu, kTopK, 0, false), again = indexSelect(prelu, kTopK, 0, false);
    QVERIFY(at::equal(std::get<0>(chosen).bits, std::get<0>(again).bits));
    QVERIFY((std::get<2>(chosen) - std::get<2>(again)).abs().max().item<double>() < 1e-12);
    for (const dsa::KlTarget target : {dsa::KlTarget::Dense, dsa::KlTarget::Selected}) {
        const at::Tensor lse = teacher.lse([](int, int, int) { return true; });
        std::vector<at::Tensor> gradients;
        for (IndexFactors factors : {relu, prelu}) {
            factors.q = factors.q.detach().requires_grad_(true);
            indexDivergence(factors, teacher.q, teacher.k, lse, std::get<0>(chosen), {}, kScale, target).backward();
            gradients.push_back(factors.q.grad());
        }
        QVERIFY((gradients[0] - gradients[1]).abs().max().item<double>() < 1e-9);
    }
    QVERIFY(prelu.slope.grad().abs().min().item<double>() > 0); // it can leave ReLU
}

void tst_IndexScore::checkpointsKeepIt()
{
    QFETCH(int, activation);
    const IndexActivation asked = IndexActivation(activation);
    QTemporaryDir folder;
    Transformer model(optionsWith(asked));
    model.parameters().initialise(3);
    const std::filesystem::path place = folder.filePath("checkpoint").toStdString();
    saveCheckpoint(model, place);
    const auto back = loadCheckpoint(place, at::kFloat);
    QVERIFY(back->options().indexActivation == asked);
    QCOMPARE(back->options().modelType, model.options().modelType);
    ForwardOptions forward;
    forward.sparse = true;
    const at::Tensor ids = sparsescope::testing::randomTokens(1, 20, model.options().vocabulary, 4);
    QVERIFY(at::equal(model.forward(ids, forward).logits, back->forward(ids, forward).logits));

    ConvertRequest request;
    request.source = place;
    request.target = folder.filePath("hf").toStdString();
    try {
        convertCheckpoint(request);
        QVERIFY(asked == IndexActivation::Relu);
    } catch (const ConfigFailure &failure) {
        const std::string text = failure.errors().front().text();
        QVERIFY2(asked != IndexActivation::Relu && text.find("model.indexer.activation") != std::string::npos &&
                     text.find("got " + wordOf(asked) + ", allowed relu") != std::string::npos,
                 text.c_str());
        QVERIFY(!std::filesystem::exists(request.target));
    }
    request.native = true;
    request.target = folder.filePath("native").toStdString();
    convertCheckpoint(request);
    QVERIFY(loadCheckpoint(request.target, at::kFloat)->options().indexActivation == asked);
}

void tst_IndexScore::publishedClassesDoNotHaveIt()
{
    nlohmann::json config = toHfConfig(optionsWith(IndexActivation::Relu));
    modelOptionsFromHf(config, "config.json");
    config["indexer_activation"] = "gelu";
    QVERIFY_THROWS_EXCEPTION(ConfigFailure, modelOptionsFromHf(config, "config.json"));
    config = toHfConfig(optionsWith(IndexActivation::Gelu));
    config["indexer_activation"] = "gulu";
    try {
        modelOptionsFromHf(config, "config.json");
        QFAIL("an activation that does not exist");
    } catch (const ConfigFailure &failure) {
        const std::string text = failure.errors().front().text();
        QVERIFY2(text.find("config.json: indexer_activation") != std::string::npos &&
                     text.find("prelu") != std::string::npos,
                 text.c_str());
    }
}

QTEST_GUILESS_MAIN(tst_IndexScore)
#include "tst_index_score.moc"
