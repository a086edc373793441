#include "tests/widgets/fake_runs.h"
#include "widgets/panels/run_delegate.h"
#include "widgets/panels/run_table.h"
#include "widgets/state/run_table_model.h"
#include "widgets/style/theme.h"

#include <QLabel>
#include <QPushButton>
#include <QSignalSpy>
#include <QTest>
#include <QTreeView>

using namespace sparsescope;

/// What tells runs apart is seen in the narrowest list, too.
class tst_RunTable : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase() { applyTheme(*qApp, Theme::Light); }
    void seedsAndSweptValuesStayInSight_data();
    void seedsAndSweptValuesStayInSight();
    void wideListsKeepTheirWords();
    void whatTheFilterHidesStaysCurrent();
    void whatIsRemovedIsCurrentNoMore();
};

namespace {

constexpr int kNarrowest = 280; ///< px of the docks in the smallest window

std::vector<std::unique_ptr<RunData>> sweptRuns(const char *axis, const nlohmann::ordered_json &values)
{
    nlohmann::ordered_json document = test::smallDocument();
    document["sweep"]["family"] = {"classic", "mhla_sparse"};
    document["sweep"][axis] = values;
    return test::smallRuns(document);
}

} // namespace

void tst_RunTable::seedsAndSweptValuesStayInSight_data()
{
    QTest::addColumn<QString>("axis");
    QTest::addColumn<QStringList>("ends"); ///< of the chips of a run, the family aside
    QTest::newRow("keys") << "top_k" << QStringList{"k32", "s1"};
    QTest::newRow("rates") << "training.learning_rate" << QStringList{" 0.001", "s1"};
}

void tst_RunTable::seedsAndSweptValuesStayInSight()
{
    QFETCH(QString, axis);
    QFETCH(QStringList, ends);
    const auto runs =
        axis == "top_k" ? sweptRuns("top_k", {16, 32}) : sweptRuns("training.learning_rate", {0.003, 0.001});
    RunTableModel model;
    model.setRuns(test::pointers(runs));
    RunTable table(&model);
    table.setMarks(true, {{runs.front().get(), RunMark::A}});
    table.resize(kNarrowest, 400);
    table.show();
    QVERIFY(QTest::qWaitForWindowExposed(&table));
    const double room = table.view()->columnWidth(RunTableModel::Name) - 6 - runTable::kMarkWidth;
    int longest = 0;
    for (int row = 0; row < model.rowCount(model.index(0, 0)); ++row) {
        const QModelIndex at = model.index(row, RunTableModel::Name, model.index(0, 0));
        const QStringList chips = at.data(RunTableModel::ChipsRole).toStringList();
        const QStringList shown = RunDelegate::fitted(chips, room);
        QVERIFY2(RunDelegate::widthOf(shown) <= room + runTable::kChipGap, qPrintable(shown.join('|')));
        QCOMPARE(shown.size(), chips.size());
        QCOMPARE(shown.last(), chips.last()); // the seed
        if (chips.last() == ends.last() && chips[1].endsWith(ends.first())) {
            QVERIFY2(shown[1].endsWith(ends.first()), qPrintable(shown.join('|')));
            QVERIFY2(shown[0].left(2) == chips[0].left(2), qPrintable(shown.join('|')));
            ++longest;
        }
    }
    QCOMPARE(longest, 2);
}

void tst_RunTable::wideListsKeepTheirWords()
{
    const auto runs = sweptRuns("top_k", {16, 32});
    RunTableModel model;
    model.setRuns(test::pointers(runs));
    RunTable table(&model);
    table.setMarks(true, {});
    table.resize(600, 400);
    table.show();
    QVERIFY(QTest::qWaitForWindowExposed(&table));
    QCOMPARE(table.view()->columnWidth(RunTableModel::State), runTable::kStateWidth);
    QVERIFY(!table.view()->isColumnHidden(RunTableModel::Trend));
    const QStringList chips{"MHLA+DSA", "k32", "s1"};
    QCOMPARE(RunDelegate::fitted(chips, RunDelegate::widthOf(chips)), chips);
}

void tst_RunTable::whatTheFilterHidesStaysCurrent()
{
    const auto runs = sweptRuns("top_k", {16, 32});
    RunTableModel model;
    model.setRuns(test::pointers(runs));
    RunTable table(&model);
    table.resize(400, 400);
    table.show();
    const auto *hidden = table.findChild<QLabel *>("runHidden");
    RunData *run = runs.front().get();
    QVERIFY(run->config().model.family == Family::Classic);
    table.setCurrentRun(run);
    QSignalSpy picked(&table, &RunTable::currentRunChanged);
    QVERIFY(!hidden->isVisible());

    table.setFilterText("MHLA");
    QVERIFY(picked.isEmpty()); // nobody has picked another
    QVERIFY(table.currentRun() == nullptr && hidden->isVisible());
    QVERIFY2(hidden->text().startsWith("The filter hides the current run, Classic"), qPrintable(hidden->text()));
    table.setFilterText("no such run");
    QVERIFY(picked.isEmpty() && hidden->isVisible());

    QTest::mouseClick(table.findChild<QPushButton *>("runHiddenShow"), Qt::LeftButton);
    QCOMPARE(table.filterText(), QString());
    QVERIFY(picked.isEmpty() && !hidden->isVisible());
    QCOMPARE(table.currentRun(), run);

    // Another that is picked while it is hidden takes its place.
    table.setFilterText("MHLA");
    const QModelIndex group = table.view()->model()->index(0, 0);
    QTest::mouseClick(table.view()->viewport(), Qt::LeftButton, {},
                      table.view()->visualRect(table.view()->model()->index(0, 0, group)).center());
    QCOMPARE(picked.size(), 1);
    QVERIFY(!hidden->isVisible() && table.currentRun() != nullptr && table.currentRun() != run);

    // One that the window makes current while the filter hides it.
    table.setCurrentRun(run);
    QVERIFY(hidden->isVisible() && table.currentRun() == nullptr);
}

void tst_RunTable::whatIsRemovedIsCurrentNoMore()
{
    const auto runs = sweptRuns("top_k", {16, 32});
    RunTableModel model;
    model.setRuns(test::pointers(runs));
    RunTable table(&model);
    table.setCurrentRun(runs.front().get());
    QSignalSpy picked(&table, &RunTable::currentRunChanged);
    model.removeRun(runs.front().get());
    QCOMPARE(picked.size(), 1);
    QCOMPARE(picked.front().front().value<RunData *>(), table.currentRun());

    table.setFilterText("no such run");
    model.removeRun(runs.at(1).get());
    QVERIFY(table.findChild<QWidget *>("runHidden")->parentWidget()->isHidden());
}

QTEST_MAIN(tst_RunTable)
#include "tst_run_table.moc"
