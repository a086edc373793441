#include "core/base/gates.h"
#include "core/data/data_source.h"
#include "core/train/soundness.h"
#include "tests/core/tiny_experiment.h"

#include <QTest>

#include <algorithm>

using namespace sparsescope;

/// Runs whose indexer has another activation than ReLU: every gate holds, and what they leave behind says which it was.
class tst_IndexerActivation : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void gatesHold_data();
    void gatesHold();
    void itIsSaid();
};

void tst_IndexerActivation::gatesHold_data()
{
    QTest::addColumn<QString>("activation");
    for (const char *word : {"gelu", "silu", "identity", "prelu"})
        QTest::newRow(word) << word;
}

void tst_IndexerActivation::gatesHold()
{
    QFETCH(QString, activation);
    for (const Family family : {Family::Sparse, Family::MhlaSparse}) {
        const RunConfig run = tinyRun(family, {{"model.indexer.activation", activation.toStdString()}});
        const std::vector<CheckResult> results = checkRun(run, {"cpu"});
        QVERIFY(!results.empty());
        for (const CheckResult &result : results)
            QVERIFY2(result.outcome != CheckOutcome::Failed, (result.gate + ": " + result.measured).c_str());
        const auto gradient = std::find_if(results.begin(), results.end(),
                                           [](const CheckResult &result) { return result.gate == "indexer-gradient"; });
        QVERIFY(gradient != results.end() && gradient->outcome == CheckOutcome::Passed);
    }
}

void tst_IndexerActivation::itIsSaid()
{
    const RunConfig run = tinyRun(Family::Sparse, {{"model.indexer.activation", "prelu"}});
    const std::vector<std::string> notices = noticesOf(run, *makeDataSource(run));
    QCOMPARE(notices.size(), std::size_t{1});
    QVERIFY2(notices[0].find("model.indexer.activation: prelu is computed in plain tensor operations") == 0,
             notices[0].c_str());
    QVERIFY(noticesOf(tinyRun(Family::Classic, {{"model.indexer.activation", "prelu"}}), *makeDataSource(run)).empty());
    const RunConfig published = tinyRun(Family::Sparse);
    QVERIFY(noticesOf(published, *makeDataSource(published)).empty());
}

QTEST_GUILESS_MAIN(tst_IndexerActivation)
#include "tst_indexer_activation.moc"
