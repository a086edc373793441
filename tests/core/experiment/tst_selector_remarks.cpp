#include "core/experiment/selector_remarks.h"

#include <QtTest>

using namespace sparsescope;

namespace {

/// A table of one seed: shares of exact answers at k 8.
Counterfactual tableOf(int seed, double dense, double learned, double oracle)
{
    Counterfactual table;
    table.run = "seq_64/sparse/seed_" + std::to_string(seed);
    table.task = true;
    table.denseAccuracy = 1;
    table.denseExact = dense;
    for (const auto &[selector, share] : {std::pair("lightning", learned), std::pair("oracle", oracle)}) {
        CounterfactualRow row;
        row.selector = selector;
        row.topK = 8;
        row.accuracy = 1;
        row.exact = share;
        table.rows.push_back(row);
    }
    return table;
}

QString remarks(const std::vector<Counterfactual> &tables) { return QString::fromStdString(selectorRemarks(tables)); }

} // namespace

/// The sentence on the learned selector that the report makes of the tables of several seeds.
class tst_SelectorRemarks : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void nothingMeasuredSaysNothing();
    void differencesOverSeedsInPoints();
    void oneSeedHasNoInterval();
    void farBelowDenseIsSaidAndWhatOfItIsK();
    void farBelowTheOracleIsAFault();
    void accuracyWhereThereAreNoAnswers();
    void groupsStandApart();
    void answersOfEverySeed();
    void precisionOfEverySeed();
};

void tst_SelectorRemarks::nothingMeasuredSaysNothing()
{
    QCOMPARE(remarks({}), QString());
    Counterfactual table = tableOf(0, 0.9, 0.8, 0.9);
    table.rows.erase(table.rows.begin());
    QCOMPARE(remarks({table}), QString());
}

void tst_SelectorRemarks::differencesOverSeedsInPoints()
{
    // Differences -10, -12, -14: mean -12, sd 2, half-width 4.303 * 2 / sqrt(3) = 4.97.
    const QString text =
        remarks({tableOf(0, 0.9, 0.8, 0.84), tableOf(1, 0.9, 0.78, 0.82), tableOf(2, 0.9, 0.76, 0.80)});
    QVERIFY2(
        text.startsWith("- seq_64/sparse, k 8, exact answers of the learned selector, n = 3 seeds: -12.0 points (95 % "
                        "interval -17.0 to -7.0) against dense attention, -4.0 points"),
        qPrintable(text));
    QVERIFY(text.contains("against the oracle.") && !text.contains("**"));
}

void tst_SelectorRemarks::oneSeedHasNoInterval()
{
    const QString text = remarks({tableOf(0, 0.9, 0.8, 0.84)});
    QVERIFY2(text.contains("n = 1 seed, so no interval: -10.0 points against dense attention"), qPrintable(text));
}

void tst_SelectorRemarks::farBelowDenseIsSaidAndWhatOfItIsK()
{
    const QString text =
        remarks({tableOf(0, 0.82, 0.64, 0.73), tableOf(1, 0.79, 0.55, 0.65), tableOf(2, 0.60, 0.24, 0.30)});
    QVERIFY2(
        text.contains("**More than 15 points below dense attention, and the oracle's keys lie -17.7 points from it"),
        qPrintable(text));
}

void tst_SelectorRemarks::farBelowTheOracleIsAFault()
{
    const QString text = remarks({tableOf(0, 0.9, 0.5, 0.88), tableOf(1, 0.9, 0.52, 0.88)});
    QVERIFY2(text.contains("**More than 10 points below the oracle: look for a fault of the indexer first.**"),
             qPrintable(text));
}

void tst_SelectorRemarks::accuracyWhereThereAreNoAnswers()
{
    Counterfactual table = tableOf(0, 0.9, 0.8, 0.84);
    table.denseExact.reset();
    table.denseAccuracy = 0.5;
    for (CounterfactualRow &row : table.rows) {
        row.exact.reset();
        row.accuracy = 0.48;
    }
    const QString text = remarks({table});
    QVERIFY2(text.contains("k 8, accuracy of the learned selector") && text.contains(": -2.0 points against dense"),
             qPrintable(text));
}

void tst_SelectorRemarks::groupsStandApart()
{
    Counterfactual other = tableOf(0, 0.9, 0.8, 0.84);
    other.run = "seq_64/classic/seed_0";
    QCOMPARE(remarks({tableOf(0, 0.9, 0.8, 0.84), other, tableOf(1, 0.9, 0.8, 0.84)}).count("\n- "), 1);
}

void tst_SelectorRemarks::answersOfEverySeed()
{
    Counterfactual first = tableOf(0, 0.9, 0.8, 0.85), second = tableOf(1, 0.7, 0.6, 0.65);
    first.rows[0].title = second.rows[0].title = "Learned";
    first.rows[1].title = "Oracle";
    first.exactChance = 0.001;
    second.rows.pop_back();
    const QString text = QString::fromStdString(selectorAnswers({first, second}));
    QVERIFY2(text.startsWith("**seq_64/sparse: exact answers in percent, seed 0 / 1; chance 0.1**\n\n"),
             qPrintable(text));
    QVERIFY2(text.contains("| Nothing: dense attention | 90.0 / 70.0 |\n"), qPrintable(text));
    QVERIFY(text.contains("| Learned | 80.0 / 60.0 |\n"));
    QVERIFY(text.contains("| Oracle | 85.0 / - |\n")); // not measured in the second
    QCOMPARE(selectorAnswers({}), std::string());
}

void tst_SelectorRemarks::precisionOfEverySeed()
{
    std::vector<Counterfactual> tables{tableOf(0, 0.9, 0.8, 0.85), tableOf(1, 0.7, 0.6, 0.65),
                                       tableOf(2, 0.7, 0.6, 0.65)};
    QCOMPARE(selectorPrecision(tables), std::string());
    double difference = 0.001; // 0.001, 0.002, 0.003: mean 0.002, half-width 4.303 * 0.001 / sqrt(3) = 0.00248
    for (Counterfactual &table : tables) {
        CounterfactualRow row = table.rows[0];
        row.selector = "lightning-e4m3";
        row.title = "Learned, e4m3";
        row.loss = table.rows[0].loss + difference;
        row.rowsChanged = 0.25;
        row.keysChanged = 2 * difference;
        difference += 0.001;
        table.rows.push_back(row);
    }
    tables[1].rows.back().rowsChanged.reset();
    const QString text = QString::fromStdString(selectorPrecision(tables));
    QVERIFY2(text.startsWith("**seq_64/sparse: the learned keys in another precision, seed 0 / 1 / 2**\n\n"),
             qPrintable(text));
    QVERIFY2(text.contains("| Learned, e4m3 | 8 | 25.00 / - / 25.00 | 0.200 / 0.400 / 0.600 | +0.00200 | -0.00048 to "
                           "+0.00448 |\n"),
             qPrintable(text));
}

QTEST_GUILESS_MAIN(tst_SelectorRemarks)
#include "tst_selector_remarks.moc"
