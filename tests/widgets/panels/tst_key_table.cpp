#include "widgets/panels/key_table.h"
#include "widgets/plots/map_worker.h"

#include <QTest>

#include <numeric>

using namespace sparsescope;

namespace {

/// Twelve keys whose rank is their number plus one, the first `selected` of them selected.
RowAnswer rowOf(int selected)
{
    RowAnswer row;
    row.order.resize(12);
    std::iota(row.order.begin(), row.order.end(), 0);
    row.row.state.assign(12, KeyState::Neither);
    row.hasSelection = row.hasIndexer = true;
    row.selected = selected;
    return row;
}

} // namespace

/// Which keys of a query the table lists.
class tst_KeyTable : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void firstKeysAndThoseAboutK()
    {
        QCOMPARE(keysWorthARow(rowOf(10), -1, false), std::vector<int>({0, 1, 2, 3, 4, 8, 9}));
    }
    void noSingleRankIsLeftOut()
    {
        QCOMPARE(keysWorthARow(rowOf(8), -1, false), std::vector<int>({0, 1, 2, 3, 4, 5, 6, 7}));
        QCOMPARE(keysWorthARow(rowOf(4), 6, false), std::vector<int>({0, 1, 2, 3, 4, 5, 6})); // the marked key
    }
    void missedKeysAreAlwaysListed()
    {
        RowAnswer row = rowOf(4);
        row.row.state[11] = KeyState::Missed;
        QCOMPARE(keysWorthARow(row, -1, false), std::vector<int>({0, 1, 2, 3, 4, 11}));
    }
    void allMeansAll() { QCOMPARE(keysWorthARow(rowOf(4), -1, true).size(), std::size_t{12}); }
};

QTEST_APPLESS_MAIN(tst_KeyTable)
#include "tst_key_table.moc"
