#include "core/base/selection_metrics.h"
#include "tests/core/base/sample_snapshot.h"

#include <QTest>

#include <set>

using namespace sparsescope;

namespace {

sample::Sizes sizesOf(int length, int topK)
{
    sample::Sizes sizes;
    sizes.length = length;
    sizes.topK = topK;
    return sizes;
}

void select(LayerSnapshot &layer, int length, const auto &chosen)
{
    const std::size_t words = (static_cast<std::size_t>(length) + 63) / 64;
    layer.selected.assign(static_cast<std::size_t>(length) * words, 0);
    for (int t = 0; t < length; ++t) {
        for (const int s : chosen(t))
            layer.selected[static_cast<std::size_t>(t) * words + static_cast<std::size_t>(s) / 64] |= std::uint64_t{1}
                                                                                                      << (s % 64);
    }
}

std::vector<int> recency(int t, int k)
{
    std::vector<int> keys;
    for (int s = std::max(0, t - k + 1); s <= t; ++s)
        keys.push_back(s);
    return keys;
}

bool near(const std::optional<double> &value, double expected, double tolerance = 1e-5)
{
    return value && std::abs(*value - expected) < tolerance;
}

} // namespace

class tst_SelectionMetrics : public QObject {
    Q_OBJECT
private slots:
    void equalPlainLoops_data();
    void equalPlainLoops();
    void noRowGivesNothing_data();
    void noRowGivesNothing();
    void theOracleCapturesOne();
    void aRandomSelectionCapturesNothing();
    void drawnChanceIsTheExpectation();
    void churnAndAgreementEqualPlainLoops();
    void churnOfRandomSelectionsIsItsChance();
    void neededKeys();
    void tiesAtTheLastPlace();
    void denseAttention();
};

void tst_SelectionMetrics::equalPlainLoops_data()
{
    QTest::addColumn<int>("length");
    QTest::addColumn<int>("topK");
    for (const int length : {2, 63, 64, 65, 100}) {
        for (const int topK : {1, 3, 8, 62}) {
            if (topK < length)
                QTest::addRow("S=%d k=%d", length, topK) << length << topK;
        }
    }
}

void tst_SelectionMetrics::equalPlainLoops()
{
    QFETCH(int, length);
    QFETCH(int, topK);
    const Snapshot snapshot = sample::snapshot(sizesOf(length, topK), 7);
    const LayerSnapshot &layer = snapshot.layers[0];
    double kept = 0, oracle = 0, chance = 0, recall = 0, lookBack = 0, lookBackChance = 0, sink = 0, size = 0;
    int rows = 0;
    std::set<int> covered;
    std::vector<double> keptByRow;
    for (int t = 0; t < length; ++t) {
        std::vector<double> p;
        for (int s = 0; s <= t; ++s)
            p.push_back(sample::denseMean(layer, length, snapshot.scale, t, s));
        double mass = 0;
        for (int s = 0; s <= t; ++s) {
            size += layer.isSelected(t, s, length);
            mass += layer.isSelected(t, s, length) ? p[static_cast<std::size_t>(s)] : 0;
        }
        if (t < topK)
            continue;
        ++rows;
        kept += mass;
        keptByRow.push_back(mass);
        const std::vector<int> order = sample::ranked(t, [&](int s) { return p[static_cast<std::size_t>(s)]; });
        for (int i = 0; i < topK; ++i) {
            const int s = order[static_cast<std::size_t>(i)];
            oracle += p[static_cast<std::size_t>(s)];
            recall += layer.isSelected(t, s, length) / static_cast<double>(topK);
        }
        chance += static_cast<double>(topK) / (t + 1);
        double distance = 0;
        for (int s = 0; s <= t; ++s) {
            if (!layer.isSelected(t, s, length))
                continue;
            distance += t - s;
            sink += s < 4 ? 1.0 / std::min(4, length) : 0;
            if (s <= length - 2)
                covered.insert(s);
        }
        lookBack += distance / topK;
        lookBackChance += t / 2.0;
    }
    const SelectionMetrics metrics = selectionMetrics(snapshot, 0);
    QVERIFY(near(metrics.massKept, kept / rows));
    QVERIFY(near(metrics.massKeptChance, chance / rows));
    QVERIFY(near(metrics.oracleMass, oracle / rows));
    QVERIFY(near(metrics.captured, (kept - chance) / (oracle - chance), 1e-4));
    QVERIFY(near(metrics.recall, recall / rows));
    QVERIFY(near(metrics.recallChance, chance / rows));
    QVERIFY(near(metrics.lookBack, lookBack / rows));
    QVERIFY(near(metrics.lookBackChance, lookBackChance / rows));
    QVERIFY(near(metrics.coverage, static_cast<double>(covered.size()) / (length - 1)));
    QVERIFY(near(metrics.sinkKept, sink / rows));
    QVERIFY(near(metrics.sinkKeptChance, chance / rows));
    QVERIFY(near(metrics.effectiveK, size / length));
    QVERIFY(near(metrics.pairsKept, size / (length * (length + 1) / 2.0)));
    std::sort(keptByRow.begin(), keptByRow.end());
    const double place = 0.05 * (rows - 1);
    const int below = static_cast<int>(place);
    const double next = keptByRow[static_cast<std::size_t>(std::min(below + 1, rows - 1))];
    const double first = keptByRow[static_cast<std::size_t>(below)];
    QVERIFY(near(metrics.massKeptWorst, first + (place - below) * (next - first)));
    QCOMPARE(metrics.massKeptByRow.size(), static_cast<std::size_t>(length));
    for (int t = 0; t < topK; ++t)
        QVERIFY(std::abs(metrics.massKeptByRow[static_cast<std::size_t>(t)] - 1) < 1e-5); // all of the visible keys
}

void tst_SelectionMetrics::noRowGivesNothing_data()
{
    QTest::addColumn<int>("length");
    QTest::addColumn<int>("topK");
    QTest::newRow("one token") << 1 << 1;
    QTest::newRow("k = S") << 64 << 64;
    QTest::newRow("k > S") << 65 << 200;
}

void tst_SelectionMetrics::noRowGivesNothing()
{
    QFETCH(int, length);
    QFETCH(int, topK);
    const Snapshot snapshot = sample::snapshot(sizesOf(length, topK));
    const SelectionMetrics metrics = selectionMetrics(snapshot, 0);
    for (const auto &value :
         {metrics.massKept, metrics.massKeptChance, metrics.massKeptWorst, metrics.massKeptWorstChance,
          metrics.oracleMass, metrics.captured, metrics.recall, metrics.recallChance, metrics.lookBack,
          metrics.lookBackChance, metrics.coverage, metrics.coverageChance, metrics.sinkKept, metrics.sinkKeptChance,
          metrics.ties, metrics.neededRecall, metrics.neededRecallChance})
        QVERIFY(!value);
    QCOMPARE(metrics.effectiveK, (length + 1) / 2.0);
    QCOMPARE(metrics.pairsKept, 1.0);
    QVERIFY(!churn(snapshot, snapshot, 0));
    QVERIFY(!churnChance(length, topK));
}

void tst_SelectionMetrics::theOracleCapturesOne()
{
    Snapshot snapshot = sample::snapshot(sizesOf(100, 7));
    LayerSnapshot &layer = snapshot.layers[0];
    select(layer, 100, [&](int t) {
        std::vector<int> order =
            sample::ranked(t, [&](int s) { return sample::denseMean(layer, 100, snapshot.scale, t, s); });
        order.resize(static_cast<std::size_t>(std::min(7, t + 1)));
        return order;
    });
    const SelectionMetrics metrics = selectionMetrics(snapshot, 0);
    QVERIFY(near(metrics.captured, 1));
    QVERIFY(near(metrics.recall, 1));
    QVERIFY(near(metrics.massKept, *metrics.oracleMass));
}

void tst_SelectionMetrics::aRandomSelectionCapturesNothing()
{
    Snapshot snapshot = sample::snapshot(sizesOf(400, 20));
    LayerSnapshot &layer = snapshot.layers[0];
    std::mt19937 random(11);
    select(layer, 400, [&](int t) {
        std::vector<int> keys = recency(t, t + 1);
        std::shuffle(keys.begin(), keys.end(), random);
        keys.resize(static_cast<std::size_t>(std::min(20, t + 1)));
        return keys;
    });
    const SelectionMetrics metrics = selectionMetrics(snapshot, 0);
    QVERIFY(std::abs(*metrics.captured) < 0.05);
    QVERIFY(near(metrics.massKept, *metrics.massKeptChance, 0.02));
    QVERIFY(near(metrics.recall, *metrics.recallChance, 0.02));
    QVERIFY(near(metrics.sinkKept, *metrics.sinkKeptChance, 0.04));
    QVERIFY(near(metrics.lookBack, *metrics.lookBackChance, 4.0));
    QVERIFY(near(metrics.coverage, *metrics.coverageChance, 0.02));
    QVERIFY(near(metrics.massKeptWorst, *metrics.massKeptWorstChance, 0.02));
}

void tst_SelectionMetrics::drawnChanceIsTheExpectation()
{
    // Coverage of random sets has a closed form: key s is free of row t >= max(k, s) with probability 1 - k/(t+1).
    const int length = 300, topK = 4;
    const Snapshot snapshot = sample::snapshot(sizesOf(length, topK));
    double expected = 0;
    for (int s = 0; s <= length - 2; ++s) {
        double free = 1;
        for (int t = std::max(topK, s); t < length; ++t)
            free *= 1 - static_cast<double>(topK) / (t + 1);
        expected += (1 - free) / (length - 1);
    }
    const SelectionMetrics metrics = selectionMetrics(snapshot, 0);
    QVERIFY2(near(metrics.coverageChance, expected, 0.03),
             qPrintable(QString::number(*metrics.coverageChance - expected)));
    QVERIFY(*metrics.massKeptWorstChance < *metrics.massKeptChance);
    QCOMPARE(*selectionMetrics(snapshot, 0).coverageChance, *metrics.coverageChance); // the seed is fixed
}

void tst_SelectionMetrics::churnAndAgreementEqualPlainLoops()
{
    for (const int length : {63, 64, 65, 100}) {
        const Snapshot now = sample::snapshot(sizesOf(length, 9), 3, 2),
                       before = sample::snapshot(sizesOf(length, 9), 4, 2);
        const auto expected = [&](const LayerSnapshot &a, const LayerSnapshot &b) {
            double sum = 0;
            for (int t = 9; t < length; ++t) {
                int both = 0, either = 0;
                for (int s = 0; s < length; ++s) {
                    both += a.isSelected(t, s, length) && b.isSelected(t, s, length);
                    either += a.isSelected(t, s, length) || b.isSelected(t, s, length);
                }
                sum += static_cast<double>(both) / either;
            }
            return sum / (length - 9);
        };
        QVERIFY(near(churn(now, before, 1), 1 - expected(now.layers[1], before.layers[1]), 1e-12));
        QVERIFY(near(agreement(now, 0, 1), expected(now.layers[0], now.layers[1]), 1e-12));
        QVERIFY(near(churn(now, now, 0), 0, 1e-12));
        QVERIFY(near(agreement(now, 1, 1), 1, 1e-12));
        Snapshot dense = before;
        dense.layers[1].selected = {};
        QVERIFY(!churn(now, dense, 1));
        QVERIFY(!churn(now, before, 2));
        QVERIFY(!agreement(now, 0, 2));
        QVERIFY(!churn(now, sample::snapshot(sizesOf(length + 1, 9)), 0));
    }
}

void tst_SelectionMetrics::churnOfRandomSelectionsIsItsChance()
{
    std::mt19937 random(5);
    Snapshot a = sample::snapshot(sizesOf(400, 25)), b = a;
    for (Snapshot *snapshot : {&a, &b}) {
        select(snapshot->layers[0], 400, [&](int t) {
            std::vector<int> keys = recency(t, t + 1);
            std::shuffle(keys.begin(), keys.end(), random);
            keys.resize(static_cast<std::size_t>(std::min(25, t + 1)));
            return keys;
        });
    }
    QVERIFY(near(churn(a, b, 0), *churnChance(400, 25), 0.02));
}

void tst_SelectionMetrics::neededKeys()
{
    Snapshot snapshot = sample::snapshot(sizesOf(65, 8));
    LayerSnapshot &layer = snapshot.layers[0];
    select(layer, 65, [](int t) { return recency(t, 8); });
    QVERIFY(!selectionMetrics(snapshot, 0).neededRecall);
    snapshot.needed.resize(65);
    snapshot.needed[40] = {39, 2}; // one of two is among the last eight
    snapshot.needed[64] = {60};
    const SelectionMetrics metrics = selectionMetrics(snapshot, 0);
    QVERIFY(near(metrics.neededRecall, 2.0 / 3));
    QVERIFY(near(metrics.neededRecallChance, (8.0 / 41 * 2 + 8.0 / 65) / 3));
}

void tst_SelectionMetrics::tiesAtTheLastPlace()
{
    Snapshot snapshot = sample::snapshot(sizesOf(65, 8));
    QVERIFY(
        near(selectionMetrics(snapshot, 0).ties, 0, 0.2)); // random weights: a plateau at zero is possible, but rare
    LayerSnapshot &layer = snapshot.layers[0];
    std::fill(layer.indexQ.begin(), layer.indexQ.end(), 0.0f); // every score is exactly zero
    QVERIFY(near(selectionMetrics(snapshot, 0).ties, 1, 1e-12));
    layer.threshold.clear(); // chosen without scores
    QVERIFY(!selectionMetrics(snapshot, 0).ties);
}

void tst_SelectionMetrics::denseAttention()
{
    Snapshot snapshot = sample::snapshot(sizesOf(65, 8));
    snapshot.layers[0].selected = {};
    const SelectionMetrics metrics = selectionMetrics(snapshot, 0);
    QVERIFY(!metrics.massKept && !metrics.recall && !metrics.captured);
    QVERIFY(metrics.massKeptByRow.empty());
    QCOMPARE(metrics.effectiveK, 33.0);
    QCOMPARE(metrics.pairsKept, 1.0);
}

QTEST_GUILESS_MAIN(tst_SelectionMetrics)
#include "tst_selection_metrics.moc"
