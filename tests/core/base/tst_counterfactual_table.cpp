#include "core/base/counterfactual_table.h"
#include "core/base/error.h"

#include <QtTest>

#include <cmath>

using namespace sparsescope;

namespace {

CounterfactualRow rowOf(const char *selector, std::int64_t topK, double loss)
{
    CounterfactualRow row;
    row.selector = selector;
    row.title = std::string("The ") + selector;
    row.topK = topK;
    row.loss = loss;
    row.increase = loss - 1;
    row.windows = {{loss, 3 * loss}, {0, 1}, {1, 3}};
    return row;
}

Counterfactual sample()
{
    Counterfactual table;
    table.run = "seq_64/sparse/seed_0";
    table.step = 1200;
    table.indexer = "made here: 250 steps, main model frozen";
    table.task = true;
    table.length = 64;
    table.denseLoss = 1;
    table.denseAccuracy = 0.75;
    table.denseExact = 0.5;
    table.exactChance = 1e-3;
    table.dense = {{1, 3}, {1, 2}, {1, 3}};
    table.rows = {rowOf("lightning", 4, 1.25), rowOf("oracle", 4, 1.0), rowOf("random", 4, 2.0),
                  rowOf("lightning", 8, 1.0),  rowOf("oracle", 8, 1.0), rowOf("random", 8, 1.0005)};
    table.rows[0].ci95 = Interval{0.2, 0.3};
    table.rows[0].massKept = 1.0 / 3;
    table.rows[0].neededBestLayer = 0.875;
    return table;
}

} // namespace

class tst_counterfactual_table : public QObject {
    Q_OBJECT
private slots:
    void lossesOfWindows()
    {
        const WindowLosses windows{{1, 5}, {1, 1}, {1, 3}};
        QCOMPARE(windows.loss(), 6.0 / 4);
        QCOMPARE(windows.accuracy(), 2.0 / 4);
        QVERIFY(std::isnan(WindowLosses().loss()));
    }
    void gapBetweenRandomAndOracle()
    {
        Counterfactual table = sample();
        QCOMPARE(*gapClosed(table, table.rows[0]), 0.75);
        QCOMPARE(*gapClosed(table, table.rows[1]), 1.0);
        QCOMPARE(*gapClosed(table, table.rows[2]), 0.0);
        QVERIFY(!gapClosed(table, table.rows[3])); // half a thousandth: any selector would do
        table.rows.erase(table.rows.begin() + 2);
        QVERIFY(!gapClosed(table, table.rows[0])); // no random keys at this k
    }
    void survivesJson()
    {
        const Counterfactual table = sample();
        const auto document = toJson(table);
        QCOMPARE(document["rows"][0]["gap_closed"].get<double>(), 0.75);
        QVERIFY(document["rows"][0]["recall"].is_null());
        const Counterfactual back =
            counterfactualFromJson(nlohmann::ordered_json::parse(document.dump()), "the run's table");
        QVERIFY(toJson(back) == document);
        QCOMPARE(*back.rows[0].massKept, 1.0 / 3);
    }
    void damageIsNamed()
    {
        auto document = toJson(sample());
        document["rows"][2].erase("loss");
        try {
            counterfactualFromJson(document, "the run's table");
            QFAIL("no error");
        } catch (const Failure &failure) {
            QVERIFY(QString(failure.what()).contains("the run's table"));
            QVERIFY(QString(failure.what()).contains("loss"));
        }
    }
    void csvHasAColumnForEveryName()
    {
        const QStringList lines = QString::fromStdString(counterfactualCsv({sample(), sample()})).split('\n');
        QCOMPARE(lines.size(), 1 + 12 + 1);
        const qsizetype columns = lines[0].count(',');
        for (int i = 1; i < 13; ++i) {
            // The indexer's words hold a comma, in quotes.
            QCOMPARE(lines[i].count(','), columns + 1);
        }
        QVERIFY(lines[1].contains("0.3333333333333333"));
        QVERIFY(
            lines[1].startsWith("seq_64/sparse/seed_0,1200,\"made here: 250 steps, main model frozen\",lightning,"));
    }
    void windowsAreExportedOneByOne()
    {
        const QStringList lines = QString::fromStdString(counterfactualWindowsCsv(sample())).split('\n');
        QCOMPARE(lines.size(), 1 + 6 * 2 + 1);
        QCOMPARE(lines[2], QString("lightning,4,1,3,3.75,1,3,2"));
    }
};

QTEST_GUILESS_MAIN(tst_counterfactual_table)
#include "tst_counterfactual_table.moc"
