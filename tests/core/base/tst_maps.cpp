#include "core/base/error.h"
#include "core/base/maps.h"
#include "tests/core/base/sample_snapshot.h"

#include <QTest>

#include <limits>
#include <set>

using namespace sparsescope;

class tst_Maps : public QObject {
    Q_OBJECT
private slots:
    void mapsEqualPlainLoops_data();
    void mapsEqualPlainLoops();
    void masksEqualPlainLoops_data();
    void masksEqualPlainLoops();
    void aDenseStageReadsEveryKey();
    void aLayerWithoutSelection();
    void aSelectedFutureKeyIsAFault();
    void tiesGoToTheLowerKey();
    void nanLosesToEverything();
    void rowsOutsideAreRefused();
    void indexMapOf2048();
};

namespace {

void addSizes()
{
    QTest::addColumn<int>("length");
    QTest::addColumn<int>("topK");
    for (const int length : {1, 2, 63, 64, 65, 100, 129}) {
        for (const int topK : {1, 8, 200})
            QTest::addRow("S=%d k=%d", length, topK) << length << topK;
    }
}

sample::Sizes sizesOf(int length, int topK)
{
    sample::Sizes sizes;
    sizes.length = length;
    sizes.topK = topK;
    return sizes;
}

} // namespace

void tst_Maps::mapsEqualPlainLoops_data() { addSizes(); }

void tst_Maps::mapsEqualPlainLoops()
{
    QFETCH(int, length);
    QFETCH(int, topK);
    const Snapshot snapshot = sample::snapshot(sizesOf(length, topK));
    const LayerSnapshot &layer = snapshot.layers[0];
    const Map scores = indexScoreMap(layer, length), terms = indexTermMap(layer, length, 2);
    const Map ran = attentionMap(layer, length, snapshot.scale, 3),
              dense = denseAttentionMap(layer, length, snapshot.scale, 3);
    const Map mean = denseAttentionMap(layer, length, snapshot.scale, -1),
              ranMean = attentionMap(layer, length, snapshot.scale, -1);
    for (int t = 0; t < length; ++t) {
        const QueryRow row = queryRow(layer, length, snapshot.scale, topK, t);
        double kept = 0, keptMean = 0;
        std::vector<double> keptOfHead(4, 0);
        for (int s = 0; s <= t; ++s) {
            for (int head = 0; head < 4; ++head)
                keptOfHead[static_cast<std::size_t>(head)] +=
                    layer.isSelected(t, s, length) ? sample::dense(layer, length, snapshot.scale, head, t, s) : 0;
        }
        for (int s = 0; s < length; ++s) {
            if (s > t) {
                for (const Map *map : {&scores, &terms, &ran, &dense, &mean, &ranMean})
                    QVERIFY(std::isnan(map->at(t, s)));
                continue;
            }
            QVERIFY(std::abs(scores.at(t, s) - sample::score(layer, t, s)) < 1e-5);
            QVERIFY(std::abs(terms.at(t, s) - sample::term(layer, t, s, 2)) < 1e-5);
            QVERIFY(std::abs(dense.at(t, s) - sample::dense(layer, length, snapshot.scale, 3, t, s)) < 1e-5);
            QVERIFY(std::abs(mean.at(t, s) - sample::denseMean(layer, length, snapshot.scale, t, s)) < 1e-5);
            double expectedMean = 0;
            for (int head = 0; head < 4; ++head)
                expectedMean += sample::dense(layer, length, snapshot.scale, head, t, s) /
                                keptOfHead[static_cast<std::size_t>(head)] / 4;
            const bool selected = layer.isSelected(t, s, length);
            QVERIFY(std::abs(ranMean.at(t, s) - (selected ? expectedMean : 0)) < 1e-5);
            const double expected =
                selected ? sample::dense(layer, length, snapshot.scale, 3, t, s) / keptOfHead[3] : 0;
            QVERIFY(std::abs(ran.at(t, s) - expected) < 1e-5);
            kept += ran.at(t, s);
            keptMean += ranMean.at(t, s);
            const auto at = static_cast<std::size_t>(s);
            QVERIFY(std::abs(row.score[at] - scores.at(t, s)) < 1e-5);
            QVERIFY(std::abs(row.attention[at] - mean.at(t, s)) < 1e-6);
            double sum = 0;
            for (int j = 0; j < 3; ++j)
                sum += row.terms[static_cast<std::size_t>(j * (t + 1) + s)];
            QVERIFY(std::abs(sum - row.score[at]) < 1e-5);
        }
        QVERIFY(std::abs(kept - 1) < 1e-4);
        QVERIFY(std::abs(keptMean - 1) < 1e-4);
        QCOMPARE(row.score.size(), static_cast<std::size_t>(t + 1));
        QCOMPARE(row.terms.size(), static_cast<std::size_t>(3 * (t + 1)));
        QCOMPARE(row.threshold, layer.threshold[static_cast<std::size_t>(t)]);
    }
}

void tst_Maps::masksEqualPlainLoops_data() { addSizes(); }

void tst_Maps::masksEqualPlainLoops()
{
    QFETCH(int, length);
    QFETCH(int, topK);
    const Snapshot snapshot = sample::snapshot(sizesOf(length, topK), 2);
    const LayerSnapshot &layer = snapshot.layers[0];
    const MaskMap mask = maskMap(layer, length, snapshot.scale, topK);
    const Map mean = denseAttentionMap(layer, length, snapshot.scale, -1);
    for (int t = 0; t < length; ++t) {
        const std::vector<int> order = sample::ranked(t, [&](int s) { return mean.at(t, s); });
        const int count = std::min(topK, t + 1);
        const std::set<int> needed(order.begin(), order.begin() + count);
        const QueryRow row = queryRow(layer, length, snapshot.scale, topK, t);
        for (int s = 0; s < length; ++s) {
            KeyState expected = KeyState::Future;
            if (s <= t && layer.isSelected(t, s, length))
                expected = needed.count(s) ? KeyState::SelectedNeeded : KeyState::SelectedLittle;
            else if (s <= t)
                expected = needed.count(s) ? KeyState::Missed : KeyState::Neither;
            QCOMPARE(mask.at(t, s), expected);
            QCOMPARE(row.state[static_cast<std::size_t>(s)], expected);
        }
    }
}

void tst_Maps::aDenseStageReadsEveryKey()
{
    // The selection is recorded while the attention still runs dense: its map shows what ran.
    sample::Sizes sizes;
    sizes.sparse = false;
    const Snapshot snapshot = sample::snapshot(sizes);
    const LayerSnapshot &layer = snapshot.layers[0];
    const Map ran = attentionMap(layer, 65, snapshot.scale, 0), dense = denseAttentionMap(layer, 65, snapshot.scale, 0);
    for (int t = 0; t < 65; ++t) {
        for (int s = 0; s <= t; ++s)
            QCOMPARE(ran.at(t, s), dense.at(t, s));
    }
}

void tst_Maps::aLayerWithoutSelection()
{
    sample::Sizes sizes;
    sizes.sparse = false;
    Snapshot snapshot = sample::snapshot(sizes);
    LayerSnapshot &layer = snapshot.layers[0];
    layer.selected = {};
    layer.threshold = layer.indexQ = layer.indexK = layer.indexW = {};
    layer.indexHeads = layer.indexDim = 0;
    QCOMPARE(indexScoreMap(layer, 65).rows, 0);
    QCOMPARE(indexTermMap(layer, 65, 0).rows, 0);
    const MaskMap mask = maskMap(layer, 65, snapshot.scale, 8);
    const QueryRow row = queryRow(layer, 65, snapshot.scale, 8, 40);
    QVERIFY(row.score.empty() && row.terms.empty() && std::isnan(row.threshold));
    for (int t = 0; t < 65; ++t) {
        int needed = 0;
        for (int s = 0; s < 65; ++s) {
            needed += mask.at(t, s) == KeyState::SelectedNeeded;
            QVERIFY(s > t ? mask.at(t, s) == KeyState::Future
                          : mask.at(t, s) == KeyState::SelectedNeeded || mask.at(t, s) == KeyState::SelectedLittle);
        }
        QCOMPARE(needed, std::min(8, t + 1));
    }
}

void tst_Maps::aSelectedFutureKeyIsAFault()
{
    Snapshot snapshot = sample::snapshot({});
    LayerSnapshot &layer = snapshot.layers[0];
    layer.selected[3 * 2] |= std::uint64_t{1} << 4; // query 3, key 4
    const MaskMap mask = maskMap(layer, 65, snapshot.scale, 8);
    QCOMPARE(mask.at(3, 4), KeyState::FutureSelected);
    QCOMPARE(std::count(mask.states.begin(), mask.states.end(), KeyState::FutureSelected), std::ptrdiff_t{1});
}

void tst_Maps::tiesGoToTheLowerKey()
{
    const float row[] = {0, 3, 1, 3, 3, 1};
    QCOMPARE(largestKeys(row, 6, 2), (std::vector<int>{1, 3}));
    QCOMPARE(largestKeys(row, 6, 4), (std::vector<int>{1, 2, 3, 4}));
    QCOMPARE(largestKeys(row, 6, 9), (std::vector<int>{0, 1, 2, 3, 4, 5}));
    QVERIFY(largestKeys(row, 6, 0).empty());
    const float zeros[] = {0.0f, -0.0f, 0.0f};
    QCOMPARE(largestKeys(zeros, 3, 2), (std::vector<int>{0, 1}));
}

void tst_Maps::nanLosesToEverything()
{
    const float nan = std::numeric_limits<float>::quiet_NaN();
    const float row[] = {nan, -5, nan, 2};
    QCOMPARE(largestKeys(row, 4, 2), (std::vector<int>{1, 3}));
}

void tst_Maps::rowsOutsideAreRefused()
{
    const Snapshot snapshot = sample::snapshot({});
    const LayerSnapshot &layer = snapshot.layers[0];
    QVERIFY_EXCEPTION_THROWN(queryRow(layer, 65, snapshot.scale, 8, 65), Failure);
    QVERIFY_EXCEPTION_THROWN(queryRow(layer, 65, snapshot.scale, 8, -1), Failure);
    QVERIFY_EXCEPTION_THROWN(indexTermMap(layer, 65, 3), Failure);
    QVERIFY_EXCEPTION_THROWN(attentionMap(layer, 65, snapshot.scale, 4), Failure);
    QVERIFY_EXCEPTION_THROWN(denseAttentionMap(layer, 65, snapshot.scale, -2), Failure);
}

void tst_Maps::indexMapOf2048()
{
    // Large enough for many blocks; a few entries are checked, the time is only told.
    LayerSnapshot layer;
    std::mt19937 random(5);
    std::normal_distribution<float> normal;
    layer.indexHeads = 4, layer.indexDim = 64;
    const auto fill = [&](std::vector<float> &values, std::size_t count) {
        values.resize(count);
        for (float &value : values)
            value = normal(random);
    };
    fill(layer.indexQ, 2048u * 4 * 64);
    fill(layer.indexK, 2048u * 64);
    fill(layer.indexW, 2048u * 4);
    Map map;
    QBENCHMARK_ONCE { map = indexScoreMap(layer, 2048); }
    for (int i = 0; i < 2000; ++i) {
        const int t = static_cast<int>(random() % 2048), s = static_cast<int>(random() % static_cast<unsigned>(t + 1));
        QVERIFY(std::abs(map.at(t, s) - sample::score(layer, t, s)) < 2e-4); // of values up to about 60
    }
    QVERIFY(std::isnan(map.at(0, 1)) && std::isnan(map.at(2046, 2047)));
}

QTEST_GUILESS_MAIN(tst_Maps)
#include "tst_maps.moc"
