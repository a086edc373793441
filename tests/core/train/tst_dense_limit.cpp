#include "core/train/gates/dense_limit.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/zeros.h>

#include <QtTest>

#include <cmath>
#include <limits>

using namespace sparsescope;

namespace {

constexpr std::int64_t kWindows = 2, kTokens = 6, kExperts = 4;

/// Two windows, two layers of routers that choose experts 0 and 1 for every token; logits 0, 1, 2.
ForwardPass pass()
{
    ForwardPass result;
    result.logits = at::arange(3, at::kFloat).expand({kWindows, kTokens, 3}).clone();
    for (int layer = 0; layer < 2; ++layer) {
        RouterTrace router;
        router.layer = layer;
        router.logits = at::zeros({kWindows * kTokens, kExperts}, at::kFloat);
        router.experts = at::arange(2, at::kLong).expand({kWindows * kTokens, 2}).clone();
        result.routers.push_back(router);
    }
    return result;
}

/// In a layer the token's second expert becomes another one; its scores move by `moved`.
void flip(ForwardPass &of, std::size_t layer, std::int64_t window, std::int64_t token, float moved)
{
    of.routers[layer].experts[window * kTokens + token][1] = 3;
    of.routers[layer].logits[window * kTokens + token][3] += moved;
}

/// All logits of a window change from a token on.
void change(ForwardPass &of, std::int64_t window, std::int64_t from, float by)
{
    of.logits[window].slice(0, from, kTokens) += by;
}

} // namespace

class tst_DenseLimit : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void equalPassesDoNotDiffer()
    {
        const PassDifference found = differenceOf(pass(), pass());
        QCOMPARE(found.largest, 0.0);
        QCOMPARE(found.largestLogit, 2.0);
        QCOMPARE(found.left, kWindows * kTokens);
        QCOMPARE(found.tiedWindows, 0);
    }

    void anyChangeCounts()
    {
        ForwardPass other = pass();
        change(other, 1, 5, 0.5f);
        QCOMPARE(differenceOf(pass(), other).largest, 0.5);
        other.logits[0][0][0] = NAN;
        QVERIFY(std::isnan(differenceOf(pass(), other).largest));
    }

    void aTieEndsItsWindow()
    {
        ForwardPass other = pass();
        flip(other, 1, 1, 4, 1e-7f);
        change(other, 1, 4, 3);
        const PassDifference found = differenceOf(pass(), other);
        QCOMPARE(found.largest, 0.0);
        QCOMPARE(found.tiedWindows, 1);
        QCOMPARE(found.left, kTokens + 4);
        change(other, 1, 3, 0.25f); // one row before the tie
        QCOMPARE(differenceOf(pass(), other).largest, 0.25);
        change(other, 0, 0, 0.5f); // the other window is whole
        QCOMPARE(differenceOf(pass(), other).largest, 0.5);
    }

    /// The order of two experts is no choice.
    void theOrderOfExpertsIsNoTie()
    {
        ForwardPass other = pass();
        other.routers[0].experts = other.routers[0].experts.flip(1);
        QCOMPARE(differenceOf(pass(), other).left, kWindows * kTokens);
    }

    /// A fault that moved the router's scores chose differently because of it.
    void movedScoresAreNoTie()
    {
        ForwardPass other = pass();
        flip(other, 0, 0, 2, 0.01f);
        change(other, 0, 2, 3);
        const PassDifference found = differenceOf(pass(), other);
        QCOMPARE(found.largest, 3.0);
        QCOMPARE(found.tiedWindows, 0);
        QCOMPARE(found.left, kWindows * kTokens);
    }

    /// The first token decides, and for it the first layer: what comes after follows from it.
    void theFirstTieDecides()
    {
        ForwardPass other = pass();
        flip(other, 1, 0, 3, 0.01f); // a consequence of the tie in layer 0
        flip(other, 0, 0, 3, 0);
        flip(other, 0, 0, 5, 0.5f);
        change(other, 0, 3, 3);
        const PassDifference found = differenceOf(pass(), other);
        QCOMPARE(found.largest, 0.0);
        QCOMPARE(found.left, kTokens + 3);
    }

    void whatRoundingIs_data()
    {
        QTest::addColumn<double>("single");
        QTest::addColumn<double>("twice");
        QTest::addColumn<double>("dense");
        QTest::addColumn<double>("all");
        QTest::addColumn<bool>("rounding");
        const double nan = std::numeric_limits<double>::quiet_NaN();
        QTest::newRow("both as near") << 2.2e-4 << 0.0 << 1.9e-4 << 2.1e-4 << true;
        QTest::newRow("stays in fp64") << 2.2e-4 << 1e-6 << 1.9e-4 << 2.1e-4 << false;
        QTest::newRow("dense far nearer") << 2.2e-4 << 0.0 << 1e-5 << 2.2e-4 << false;
        QTest::newRow("far too large") << 2.2e-2 << 0.0 << 2e-2 << 2e-2 << false;
        QTest::newRow("no number") << nan << 0.0 << 1e-4 << 1e-4 << false;
        QTest::newRow("none in fp64") << 2.2e-4 << nan << 1e-4 << 1e-4 << false;
        QTest::newRow("none from fp64") << 2.2e-4 << 0.0 << 1e-4 << nan << false;
    }

    void whatRoundingIs()
    {
        QFETCH(double, single);
        QFETCH(double, twice);
        QFETCH(double, dense);
        QFETCH(double, all);
        DenseLimit limit;
        for (PassDifference *difference : {&limit.single, &limit.twice, &limit.denseRounds, &limit.allRounds}) {
            difference->largestLogit = 21;
        }
        limit.single.largest = single;
        limit.twice.largest = twice;
        limit.denseRounds.largest = dense;
        limit.allRounds.largest = all;
        QTEST(isRounding(limit), "rounding");
    }
};

QTEST_GUILESS_MAIN(tst_DenseLimit)
#include "tst_dense_limit.moc"
