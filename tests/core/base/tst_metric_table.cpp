#include "core/base/metric_table.h"

#include <QtTest>

#include <fstream>
#include <set>
#include <sstream>

using namespace sparsescope;

class tst_metric_table : public QObject {
    Q_OBJECT
private slots:
    void everyMetricIsExplainedOnce()
    {
        std::set<std::string> keys, labels;
        for (const MetricInfo &metric : metricTable()) {
            QVERIFY2(keys.insert(metric.key).second, metric.key.c_str());
            QVERIFY2(labels.insert(metric.label).second, metric.label.c_str());
            QVERIFY2(!metric.formula.empty(), metric.key.c_str());
            QVERIFY2(!metric.storesChance || !metric.chance.empty(), metric.key.c_str());
            QCOMPARE(metricInfo(metric.parts > 0 ? metric.key + "/0" : metric.key), &metric);
        }
    }
    void storedKeysFindTheirMetric_data()
    {
        QTest::addColumn<QString>("key");
        QTest::addColumn<QString>("metric");
        QTest::newRow("plain") << "val.loss"
                               << "val.loss";
        QTest::newRow("chance") << "val.loss.chance"
                                << "val.loss";
        QTest::newRow("layer") << "selection.mass_kept/12"
                               << "selection.mass_kept";
        QTest::newRow("chance of a layer") << "selection.mass_kept.chance/0"
                                           << "selection.mass_kept";
        QTest::newRow("a longer name") << "selection.mass_kept.worst.chance"
                                       << "selection.mass_kept.worst";
        QTest::newRow("agreement") << "selection.agreement.1"
                                   << "selection.agreement";
        QTest::newRow("bucket") << "val.loss.position/7"
                                << "val.loss.position";
        QTest::newRow("selector") << "counterfactual.loss.random"
                                  << "counterfactual.loss";
        QTest::newRow("no such bucket") << "val.loss.position/8"
                                        << "";
        QTest::newRow("no value without a bucket") << "val.loss.position"
                                                   << "";
        QTest::newRow("no chance") << "selection.ties.chance"
                                   << "";
        QTest::newRow("no layers") << "val.loss/0"
                                   << "";
        QTest::newRow("no number") << "selection.mass_kept/a"
                                   << "";
        QTest::newRow("unknown") << "selection.mass"
                                 << "";
        QTest::newRow("empty") << ""
                               << "";
    }
    void storedKeysFindTheirMetric()
    {
        QFETCH(QString, key);
        QFETCH(QString, metric);
        const MetricInfo *found = metricInfo(key.toStdString());
        QCOMPARE(found ? QString::fromStdString(found->key) : QString(""), metric);
    }
    /// The help file is written from the table: sparsescope-cli metrics --markdown.
    void theHelpIsTheTable()
    {
        std::ifstream file(qEnvironmentVariable("SPARSESCOPE_SOURCE").toStdString() + "/resources/help/metrics.md");
        std::stringstream text;
        text << file.rdbuf();
        QCOMPARE(QString::fromStdString(text.str()), QString::fromStdString(metricsMarkdown() + "\n"));
    }
};

QTEST_GUILESS_MAIN(tst_metric_table)
#include "tst_metric_table.moc"
