#include "core/base/cost_model.h"
#include "core/base/metric_table.h"
#include "core/train/train_run.h"
#include "tests/core/tiny_experiment.h"

#include <QTemporaryDir>
#include <QTest>

#include <set>

using namespace sparsescope;

namespace {

/// A whole tiny run on disk.
std::filesystem::path trained(const RunConfig &config, const QTemporaryDir &folder)
{
    const std::filesystem::path path = folder.path().toStdString() + "/" + config.folder();
    TrainingObserver nobody;
    TrainRunOptions options;
    options.device = "cpu";
    options.threads = 1;
    TrainRun run(config, path, options, nobody);
    while (!run.finished()) {
        run.advance();
    }
    run.finish();
    return path;
}

} // namespace

class tst_TrainRun : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void everyStoredMetricIsInTheTable_data();
    void everyStoredMetricIsInTheTable();
    void theLedgerCountsEveryStep();
    void everySelectionKindTrains_data();
    void everySelectionKindTrains();
};

void tst_TrainRun::everyStoredMetricIsInTheTable_data()
{
    QTest::addColumn<int>("family");
    QTest::newRow("classic") << int(Family::Classic);
    QTest::newRow("mhla_sparse") << int(Family::MhlaSparse);
}

/// What a run writes down is explained, and where a chance value is promised it stands beside the value.
void tst_TrainRun::everyStoredMetricIsInTheTable()
{
    QFETCH(int, family);
    const QTemporaryDir folder;
    const RunReader run(trained(tinyRun(Family(family)), folder));
    const std::vector<std::string> metrics = run.metrics();
    const std::set<std::string> stored(metrics.begin(), metrics.end());
    std::set<std::string> seen;
    for (const std::string &key : metrics) {
        const MetricInfo *metric = metricInfo(key);
        QVERIFY2(metric, key.c_str());
        seen.insert(metric->key);
        if (metric->storesChance && metric->key == key) {
            QVERIFY2(stored.count(key + ".chance"), key.c_str());
        }
        if (metric->byLayer && metric->key == key) {
            QVERIFY2(stored.count(key + "/0") && stored.count(key + "/1"), key.c_str());
        }
    }
    if (isSparse(Family(family))) {
        for (const MetricInfo &metric : metricTable()) {
            // This task has no label where t < k, and its indexer learns by KL.
            const std::set<std::string> others{"val.loss.dense_part", "indexer.entropy", "indexer.diversity"};
            QVERIFY2(seen.count(metric.key) || others.count(metric.key), metric.key.c_str());
        }
    }
    QVERIFY(stored.count("val.loss.sparse_part")); // also of a dense run, at the k of its sparse sibling
}

void tst_TrainRun::theLedgerCountsEveryStep()
{
    const QTemporaryDir folder;
    const RunConfig config = tinyRun(Family::Sparse);
    const RunReader run(trained(config, folder));
    const int vocabulary = expectedVocabulary(config);
    QCOMPARE(*run.last("flops.model"), runFlops(config, vocabulary));
    QVERIFY(*run.last("flops.executed") > *run.last("flops.model"));
    QCOMPARE(run.series("flops.model")[0].y, 0.0);
    QCOMPARE(*run.last("memory.kv_cache"), 2 * 2 * (2 * 16 + 8.0)); // 2 layers: keys and values of width 16, indexer 8
    QCOMPARE(*run.last("memory.kv_cache.mha"), 2 * 2 * (2 * 16.0));
}

void tst_TrainRun::everySelectionKindTrains_data()
{
    QTest::addColumn<QString>("kind");
    QTest::addColumn<int>("family");
    for (const FieldInfo &field : configFields()) {
        for (const std::string &kind :
             field.path == "model.selection.kind" ? field.choices : std::vector<std::string>()) {
            if (kind != "none") {
                QTest::addRow("%s", kind.c_str()) << QString::fromStdString(kind) << int(Family::Sparse);
                QTest::addRow("%s, mhla", kind.c_str()) << QString::fromStdString(kind) << int(Family::MhlaSparse);
            }
        }
    }
}

void tst_TrainRun::everySelectionKindTrains()
{
    QFETCH(QString, kind);
    QFETCH(int, family);
    const QTemporaryDir folder;
    const RunConfig config = tinyRun(Family(family), {{"model.selection.kind", kind.toStdString()}});
    const RunReader run(trained(config, folder));
    QVERIFY(run.state() == RunState::Finished);
    QVERIFY(*run.last("selection.k_effective") <= 6.0);
    QCOMPARE(run.last("indexer.kl").has_value(), kind == "lightning" || kind == "untrained");
    QCOMPARE(run.snapshots().empty(), false);
    // Random keys differ from row to row and from step to step, the nearest ones never do.
    if (kind == "recency" || kind == "sink-window") {
        QCOMPARE(*run.last("selection.churn"), 0.0);
    }
}

QTEST_GUILESS_MAIN(tst_TrainRun)
#include "tst_train_run.moc"
