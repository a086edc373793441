#include "core/base/reference_selections.h"

#include <QTest>

#include <algorithm>
#include <cmath>

using namespace sparsescope;

class tst_ReferenceSelections : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void newestKeysAreTheLastOnes();
    void randomKeysAreVisibleAndAsManyAsAsked();
    void randomKeysAreDrawnEvenly();
    void onlyTheSelectionChanges();
};

namespace {

std::vector<int> keysOf(const LayerSnapshot &layer, int length, int t)
{
    std::vector<int> keys;
    for (int s = 0; s < length; ++s) {
        if (layer.isSelected(t, s, length))
            keys.push_back(s);
    }
    return keys;
}

} // namespace

void tst_ReferenceSelections::newestKeysAreTheLastOnes()
{
    const int length = 130; // more than two words a row
    const LayerSnapshot layer = withNewestKeys({}, length, 5);
    QVERIFY(keysOf(layer, length, 0) == std::vector<int>({0}));
    QVERIFY(keysOf(layer, length, 3) == std::vector<int>({0, 1, 2, 3}));
    QVERIFY(keysOf(layer, length, 66) == std::vector<int>({62, 63, 64, 65, 66}));
    QVERIFY(keysOf(layer, length, 129) == std::vector<int>({125, 126, 127, 128, 129}));
}

void tst_ReferenceSelections::randomKeysAreVisibleAndAsManyAsAsked()
{
    const int length = 130;
    const LayerSnapshot layer = withRandomKeys({}, length, 7, 3), again = withRandomKeys({}, length, 7, 3);
    QVERIFY(layer.selected == again.selected);
    QVERIFY(layer.selected != withRandomKeys({}, length, 7, 4).selected);
    for (int t = 0; t < length; ++t) {
        const std::vector<int> keys = keysOf(layer, length, t);
        QCOMPARE(static_cast<int>(keys.size()), std::min(7, t + 1));
        QVERIFY(keys.back() <= t);
    }
}

void tst_ReferenceSelections::randomKeysAreDrawnEvenly()
{
    const int length = 32, draws = 4000;
    std::vector<int> hits(length, 0);
    for (int draw = 0; draw < draws; ++draw) {
        for (const int key :
             keysOf(withRandomKeys({}, length, 8, static_cast<std::uint64_t>(draw)), length, length - 1))
            ++hits[static_cast<std::size_t>(key)];
    }
    const double expected = draws * 8.0 / length, deviation = std::sqrt(draws * 0.25 * 0.75);
    for (const int hit : hits)
        QVERIFY2(std::abs(hit - expected) < 5 * deviation, qPrintable(QString::number(hit)));
}

void tst_ReferenceSelections::onlyTheSelectionChanges()
{
    LayerSnapshot layer;
    layer.layer = 3;
    layer.lse = {1, 2};
    layer.selected = {1, 3};
    const LayerSnapshot newest = withNewestKeys(layer, 2, 1);
    QCOMPARE(newest.layer, 3);
    QVERIFY(newest.lse == layer.lse);
    QVERIFY(newest.selected == std::vector<std::uint64_t>({1, 2}));
}

QTEST_APPLESS_MAIN(tst_ReferenceSelections)
#include "tst_reference_selections.moc"
