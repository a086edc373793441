#include "core/base/error.h"
#include "core/model/planted_leak_selector.h"
#include "core/model/selector.h"
#include "tests/core/model/small_models.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/all.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/zeros.h>

#include <QtTest>

#include <cmath>
#include <set>
#include <string>

using at::Tensor;
using namespace sparsescope;
using sparsescope::testing::randomNumbers;

// B batch, S tokens
namespace {

SelectorInput inputOf(std::int64_t batch, std::int64_t tokens, std::int64_t topK, std::uint64_t seed)
{
    SelectorInput input;
    input.q = randomNumbers({batch, 4, tokens, 8}, seed);
    input.k = randomNumbers({batch, 2, tokens, 8}, seed + 1);
    input.scale = 1 / std::sqrt(8.0);
    input.index.q = randomNumbers({batch, tokens, 3, 8}, seed + 2);
    input.index.k = randomNumbers({batch, tokens, 8}, seed + 3);
    input.index.w = randomNumbers({batch, tokens, 3}, seed + 4);
    input.topK = topK;
    return input;
}

SelectorInput firstTokens(const SelectorInput &whole, std::int64_t tokens)
{
    SelectorInput part = whole;
    part.q = whole.q.narrow(2, 0, tokens);
    part.k = whole.k.narrow(2, 0, tokens);
    part.index.q = whole.index.q.narrow(1, 0, tokens);
    part.index.k = whole.index.k.narrow(1, 0, tokens);
    part.index.w = whole.index.w.narrow(1, 0, tokens);
    return part;
}

/// bool [B,S,S]
Tensor chosen(const std::string &name, const SelectorInput &input)
{
    return dsa::unpack_mask(selectorKind(name).make()->select(input).selection, input.k.size(2));
}

} // namespace

class tst_Selectors : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void everyKindKeepsTheContract_data();
    void everyKindKeepsTheContract();
    void textAfterTheQueryChangesNothing_data() { kinds(); }
    void textAfterTheQueryChangesNothing();
    void recencyTakesTheNearest();
    void sinkWindowTakesBothEnds();
    void thePlantedLeakFillsUpWithTheFuture();
    void oracleTakesTheHeaviest();
    void oracleTiesGoToTheLowerKey();
    void lightningTiesGoToTheLowerKey();
    void randomDependsOnSeedLayerAndRowOnly();
    void adaptiveTakesAsManyAsItNeeds_data();
    void adaptiveTakesAsManyAsItNeeds();
    void theFormOffersTheTrainableOnes();
    void randomIsUniform();
    void scoresWithoutAnIndexerAreRefused();
    void unknownNameNamesTheNearest();

private:
    static void kinds();
};

void tst_Selectors::kinds()
{
    QTest::addColumn<QString>("name");
    for (const SelectorKind &kind : selectorKinds()) {
        if (kind.causal) {
            QTest::addRow("%s", kind.name.c_str()) << QString::fromStdString(kind.name);
        }
    }
}

void tst_Selectors::everyKindKeepsTheContract_data()
{
    QTest::addColumn<QString>("name");
    QTest::addColumn<int>("tokens");
    QTest::addColumn<int>("topK");
    for (const SelectorKind &kind : selectorKinds()) {
        if (kind.adaptive || !kind.causal) {
            continue;
        }
        for (const auto &[tokens, topK] :
             {std::pair{1, 1}, {37, 1}, {37, 2}, {37, 5}, {37, 36}, {37, 37}, {37, 90}, {130, 64}, {64, 16}}) {
            QTest::addRow("%s S=%d k=%d", kind.name.c_str(), tokens, topK)
                << QString::fromStdString(kind.name) << tokens << topK;
        }
    }
}

void tst_Selectors::everyKindKeepsTheContract()
{
    QFETCH(QString, name);
    QFETCH(int, tokens);
    QFETCH(int, topK);
    const Tensor mask = chosen(name.toStdString(), inputOf(3, tokens, topK, 11));
    const Tensor position = at::arange(tokens, at::TensorOptions().dtype(at::kLong));
    const Tensor expected = (position + 1).clamp_max(topK).unsqueeze(0).expand({3, tokens});
    QVERIFY2(at::equal(mask.sum(-1), expected), "a row has not min(k, visible keys) keys");
    QVERIFY2(!mask.logical_and(position.unsqueeze(0).gt(position.unsqueeze(1))).any().item<bool>(),
             "a key after its query");
}

void tst_Selectors::textAfterTheQueryChangesNothing()
{
    QFETCH(QString, name);
    const std::int64_t tokens = 41, kept = 23;
    const SelectorInput whole = inputOf(2, tokens, 6, 21);
    SelectorInput other = inputOf(2, tokens, 6, 22);
    const auto mix = [&](Tensor &target, const Tensor &source, std::int64_t dim) {
        target.narrow(dim, 0, kept).copy_(source.narrow(dim, 0, kept));
    };
    mix(other.q, whole.q, 2);
    mix(other.k, whole.k, 2);
    mix(other.index.q, whole.index.q, 1);
    mix(other.index.k, whole.index.k, 1);
    mix(other.index.w, whole.index.w, 1);
    const Tensor first = chosen(name.toStdString(), whole).narrow(1, 0, kept);
    QVERIFY(at::equal(first, chosen(name.toStdString(), other).narrow(1, 0, kept)));
    const Tensor shorter = chosen(name.toStdString(), firstTokens(whole, kept));
    QVERIFY(at::equal(first.narrow(2, 0, kept), shorter));
}

void tst_Selectors::thePlantedLeakFillsUpWithTheFuture()
{
    const Tensor mask = chosen("planted-leak", inputOf(1, 9, 3, 1)).select(0, 0);
    for (int t = 0; t < 9; ++t) {
        for (int s = 0; s < 9; ++s) {
            // Three keys on every row: the newest three, before that the first three whatever t is.
            QCOMPARE(mask[t][s].item<bool>(), t < 3 ? s < 3 : s <= t && s > t - 3);
        }
    }
}

void tst_Selectors::recencyTakesTheNearest()
{
    const Tensor mask = chosen("recency", inputOf(1, 9, 3, 1)).select(0, 0);
    for (int t = 0; t < 9; ++t) {
        for (int s = 0; s < 9; ++s) {
            QCOMPARE(mask[t][s].item<bool>(), s <= t && s > t - 3);
        }
    }
}

void tst_Selectors::sinkWindowTakesBothEnds()
{
    const Tensor mask = chosen("sink-window", inputOf(1, 20, 7, 1)).select(0, 0);
    for (int t = 0; t < 20; ++t) {
        for (int s = 0; s < 20; ++s) {
            QCOMPARE(mask[t][s].item<bool>(), s <= t && (s < 4 || s > t - 3));
        }
    }
}

void tst_Selectors::oracleTakesTheHeaviest()
{
    const std::int64_t tokens = 19, topK = 4;
    const SelectorInput input = inputOf(2, tokens, topK, 31);
    const Tensor mask = chosen("oracle", input);
    const Tensor logits = at::matmul(input.q, input.k.repeat_interleave(2, 1).transpose(-2, -1)) * input.scale;
    const Tensor future = at::zeros({tokens, tokens}, at::TensorOptions().dtype(at::kBool)).fill_(true).triu(1);
    const Tensor weight = at::softmax(logits.masked_fill(future, -INFINITY), -1).mean(1);
    for (std::int64_t b = 0; b < 2; ++b) {
        for (std::int64_t t = 0; t < tokens; ++t) {
            const Tensor row = weight[b][t], taken = mask[b][t];
            const Tensor left = row.masked_fill(taken.logical_or(future[t]), -1);
            QVERIFY(row.masked_select(taken).min().item<double>() >= left.max().item<double>());
        }
    }
}

void tst_Selectors::oracleTiesGoToTheLowerKey()
{
    SelectorInput input = inputOf(1, 12, 5, 41);
    input.q.zero_();
    const Tensor mask = chosen("oracle", input).select(0, 0);
    for (int t = 0; t < 12; ++t) {
        for (int s = 0; s < 12; ++s) {
            QCOMPARE(mask[t][s].item<bool>(), s <= t && s < 5);
        }
    }
}

void tst_Selectors::lightningTiesGoToTheLowerKey()
{
    SelectorInput input = inputOf(1, 12, 5, 51);
    input.index.w.zero_();
    const Tensor mask = chosen("lightning", input).select(0, 0);
    for (int t = 0; t < 12; ++t) {
        for (int s = 0; s < 12; ++s) {
            QCOMPARE(mask[t][s].item<bool>(), s <= t && s < 5);
        }
    }
}

void tst_Selectors::randomDependsOnSeedLayerAndRowOnly()
{
    SelectorInput input = inputOf(2, 40, 6, 61), other = inputOf(2, 40, 6, 62);
    input.seed = other.seed = 5;
    const Tensor mask = chosen("random", input);
    QVERIFY(at::equal(mask, chosen("random", other)));
    QVERIFY(!at::equal(mask[0], mask[1]));
    SelectorInput single = other;
    single.q = other.q.narrow(0, 0, 1);
    single.k = other.k.narrow(0, 0, 1);
    QVERIFY(at::equal(mask.narrow(0, 0, 1), chosen("random", single)));
    other.seed = 6;
    QVERIFY(!at::equal(mask, chosen("random", other)));
    other.seed = 5;
    other.layer = 1;
    QVERIFY(!at::equal(mask, chosen("random", other)));
}

void tst_Selectors::adaptiveTakesAsManyAsItNeeds_data()
{
    QTest::addColumn<QString>("name");
    QTest::addColumn<double>("share");
    for (const SelectorKind &kind : selectorKinds()) {
        for (const double share : {0.0, 0.3, 0.8, 1.0}) {
            if (kind.adaptive) {
                QTest::addRow("%s %g", kind.name.c_str(), share) << QString::fromStdString(kind.name) << share;
            }
        }
    }
}

/// The best keys of every row until they hold the share, none more; the weights computed here from their definition.
void tst_Selectors::adaptiveTakesAsManyAsItNeeds()
{
    QFETCH(QString, name);
    QFETCH(double, share);
    const int tokens = 21;
    SelectorInput input = inputOf(2, tokens, 4, 91);
    input.topP = share;
    const Tensor mask = chosen(name.toStdString(), input);
    const Tensor future = at::zeros({tokens, tokens}, at::TensorOptions().dtype(at::kBool)).fill_(true).triu(1);
    Tensor weight;
    if (name == "top-p") {
        weight = at::softmax(dsa::index_scores(input.index.q, input.index.k, input.index.w), -1);
    } else {
        const Tensor logits = at::matmul(input.q, input.k.repeat_interleave(2, 1).transpose(-2, -1)) * input.scale;
        weight = at::softmax(logits.masked_fill(future, -INFINITY), -1).mean(1);
    }
    QVERIFY(!mask.logical_and(future).any().item<bool>());
    for (std::int64_t b = 0; b < 2; ++b) {
        for (std::int64_t t = 0; t < tokens; ++t) {
            const Tensor row = weight[b][t], taken = mask[b][t];
            const Tensor left = row.masked_fill(taken.logical_or(future[t]), -1);
            const double held = row.masked_select(taken).sum().item<double>(),
                         least = row.masked_select(taken).min().item<double>();
            QVERIFY(taken.sum().item<std::int64_t>() >= 1);
            QVERIFY(least >= left.max().item<double>()); // none left out is better
            QVERIFY(held >= share - 1e-9);
            QVERIFY(taken.sum().item<std::int64_t>() == 1 || held - least < share);
        }
    }
}

/// Base knows nothing of selectors, so the list of names stands there too.
void tst_Selectors::theFormOffersTheTrainableOnes()
{
    std::set<std::string> offered, trainable{"none"};
    for (const FieldInfo &field : configFields()) {
        if (field.path == "model.selection.kind") {
            offered.insert(field.choices.begin(), field.choices.end());
        }
    }
    std::set<std::string> titles;
    for (const SelectorKind &kind : selectorKinds()) {
        if (kind.trainable) {
            trainable.insert(kind.name);
        }
        QVERIFY2(titles.insert(kind.title).second && !kind.title.empty(), kind.name.c_str());
    }
    QCOMPARE(offered, trainable);
}

void tst_Selectors::randomIsUniform()
{
    // Row 63 sees 64 keys and draws 16: over many seeds each key is drawn in a quarter of them.
    SelectorInput input = inputOf(4, 64, 16, 71);
    Tensor drawn = at::zeros({64}, at::TensorOptions().dtype(at::kDouble));
    const int seeds = 250;
    for (int seed = 0; seed < seeds; ++seed) {
        input.seed = seed;
        drawn += chosen("random", input).select(1, 63).to(at::kDouble).sum(0);
    }
    const Tensor share = drawn / (4.0 * seeds);
    const double deviation = std::sqrt(0.25 * 0.75 / (4.0 * seeds));
    QVERIFY((share - 0.25).abs().max().item<double>() < 5 * deviation);
}

void tst_Selectors::scoresWithoutAnIndexerAreRefused()
{
    SelectorInput input = inputOf(1, 4, 2, 81);
    input.index = {};
    try {
        selectorKind("lightning").make()->select(input);
        QFAIL("no error");
    } catch (const Failure &failure) {
        QVERIFY(QString(failure.what()).contains("indexer"));
    }
}

void tst_Selectors::unknownNameNamesTheNearest()
{
    try {
        selectorKind("lightening");
        QFAIL("no error");
    } catch (const Failure &failure) {
        QVERIFY(QString(failure.what()).contains("model.selection.kind"));
        QVERIFY(QString(failure.what()).contains("lightning"));
    }
}

QTEST_GUILESS_MAIN(tst_Selectors)
#include "tst_selectors.moc"
