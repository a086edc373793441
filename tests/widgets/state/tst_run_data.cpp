#include "tests/widgets/fake_runs.h"

#include <QSignalSpy>
#include <QTemporaryDir>
#include <QTest>

using namespace sparsescope;

class tst_RunData : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void seriesStaySortedAndRepeatedStepsReplace();
    void flushSignalsEachKindOnce();
    void stagesComeFromTheRecipeUntilTheyHappen();
    void snapshotsLoadOffTheGuiThread();
    void newestRequestWins();
    void aSnapshotOfAnotherRunIsRefused();
    void missingSnapshotIsReported();
    void cacheIsBounded();
};

namespace {

Snapshot snapshotOf(std::int64_t step, int tokens)
{
    Snapshot snapshot;
    snapshot.run = test::smallRuns().front()->config().folder();
    snapshot.step = step;
    snapshot.stage = "Sparse training";
    snapshot.scale = 0.25;
    snapshot.topK = 8;
    snapshot.selector = "lightning";
    snapshot.tokens.assign(static_cast<std::size_t>(tokens), 1);
    snapshot.words.assign(static_cast<std::size_t>(tokens), "a");
    LayerSnapshot layer;
    layer.heads = layer.kvHeads = 1;
    layer.headDim = 4;
    const auto length = static_cast<std::size_t>(tokens);
    layer.q.assign(length * 4, 0);
    layer.k.assign(length * 4, 0);
    layer.lse.assign(length, 0);
    layer.lseDense.assign(length, 0);
    snapshot.layers.push_back(layer);
    return snapshot;
}

} // namespace

void tst_RunData::seriesStaySortedAndRepeatedStepsReplace()
{
    auto runs = test::smallRuns();
    RunData &run = *runs.front();
    for (const std::int64_t step : {1, 3, 2, 3}) {
        run.apply(StepRecord{"", step, 0, {{"train.loss", static_cast<double>(10 * step)}}});
    }
    run.apply(StepRecord{"", 3, 0, {{"train.loss", 7.0}}});
    const Series &losses = run.series("train.loss");
    QCOMPARE(losses.size(), std::size_t{3});
    QCOMPARE(losses[0].x, 1.0);
    QCOMPARE(losses[1].x, 2.0);
    QCOMPARE(losses[2].y, 7.0);
    QCOMPARE(run.step(), std::int64_t{3});
    QCOMPARE(*run.best("train.loss"), 7.0);
    QVERIFY(run.series("nothing").empty());
    QVERIFY(!run.last("nothing").has_value());
}

void tst_RunData::flushSignalsEachKindOnce()
{
    auto runs = test::smallRuns();
    RunData &run = *runs.front();
    QSignalSpy series(&run, &RunData::seriesChanged), state(&run, &RunData::stateChanged);
    for (std::int64_t step = 1; step <= 50; ++step) {
        run.apply(StepRecord{"", step, 0, {{"train.loss", 1.0}}});
    }
    QCOMPARE(series.count(), 0);
    run.flush();
    QCOMPARE(series.count(), 1);
    QCOMPARE(state.count(), 1);
    run.flush();
    QCOMPARE(series.count(), 1);
}

void tst_RunData::stagesComeFromTheRecipeUntilTheyHappen()
{
    auto runs = test::smallRuns();
    RunData &sparse = *runs[1];
    QVERIFY(isSparse(sparse.config().model.family));
    QCOMPARE(sparse.stages().size(), std::size_t{2}); // joint: dense, then sparse
    QCOMPARE(sparse.stages()[1].step, std::int64_t{70});
    StageChange change = sparse.stages()[1];
    change.audit = "trains everything";
    sparse.apply(change);
    QCOMPARE(sparse.stages().size(), std::size_t{2});
    QCOMPARE(sparse.stages()[1].audit, std::string("trains everything"));
}

void tst_RunData::snapshotsLoadOffTheGuiThread()
{
    QTemporaryDir folder;
    auto config = test::smallRuns().front()->config();
    RunData run(config, folder.path().toStdString());
    std::filesystem::create_directories(run.folder() / "snapshots");
    writeSnapshot(snapshotOf(40, 16), snapshotFile(run.folder(), 40));
    QSignalSpy loaded(&run, &RunData::snapshotLoaded);
    QVERIFY(!run.cachedSnapshot(40));
    run.requestSnapshot(40);
    QCOMPARE(loaded.count(), 0); // never within the call
    QTRY_COMPARE(loaded.count(), 1);
    QVERIFY(run.cachedSnapshot(40));
    QCOMPARE(run.cachedSnapshot(40)->length(), 16);
}

void tst_RunData::aSnapshotOfAnotherRunIsRefused()
{
    QTemporaryDir folder;
    RunData run(test::smallRuns().front()->config(), folder.path().toStdString());
    std::filesystem::create_directories(run.folder() / "snapshots");
    Snapshot other = snapshotOf(40, 16);
    other.run = "seq_64/mhla/seed_3";
    writeSnapshot(other, snapshotFile(run.folder(), 40));
    QSignalSpy failed(&run, &RunData::snapshotFailed);
    run.requestSnapshot(40);
    QTRY_COMPARE(failed.count(), 1);
    const QString reason = failed.front()[1].toString();
    QVERIFY2(reason.contains("another run") && reason.contains("seq_64/mhla/seed_3"), qPrintable(reason));
    QVERIFY(!run.cachedSnapshot(40));
}

void tst_RunData::newestRequestWins()
{
    QTemporaryDir folder;
    RunData run(test::smallRuns().front()->config(), folder.path().toStdString());
    std::filesystem::create_directories(run.folder() / "snapshots");
    for (const std::int64_t step : {1, 2, 3, 4}) {
        writeSnapshot(snapshotOf(step, 16), snapshotFile(run.folder(), step));
    }
    QSignalSpy loaded(&run, &RunData::snapshotLoaded);
    for (const std::int64_t step : {1, 2, 3, 4}) {
        run.requestSnapshot(step);
    }
    QTRY_VERIFY(run.cachedSnapshot(4));
    QTest::qWait(50);
    QVERIFY(!run.cachedSnapshot(2)); // asked for while the first was read, overtaken by the last
    QVERIFY(!run.cachedSnapshot(3));
    QCOMPARE(loaded.last()[0].value<std::int64_t>(), std::int64_t{4});
}

void tst_RunData::missingSnapshotIsReported()
{
    QTemporaryDir folder;
    RunData run(test::smallRuns().front()->config(), folder.path().toStdString());
    QSignalSpy failed(&run, &RunData::snapshotFailed);
    run.requestSnapshot(7);
    QTRY_COMPARE(failed.count(), 1);
    QCOMPARE(failed[0][0].value<std::int64_t>(), std::int64_t{7});
    QVERIFY(failed[0][1].toString().contains(QStringLiteral("00000007.safetensors")));
    // Asked for by several before it ended: one read, one answer.
    run.requestSnapshot(8);
    run.requestSnapshot(8);
    QTRY_COMPARE(failed.count(), 2);
    QTest::qWait(50);
    QCOMPARE(failed.count(), 2);
}

void tst_RunData::cacheIsBounded()
{
    RunData run(test::smallRuns().front()->config(), "nowhere");
    // 4 MiB of queries each: 20 of them are more than the cache keeps.
    for (std::int64_t step = 1; step <= 20; ++step) {
        Snapshot snapshot = snapshotOf(step, 16);
        snapshot.layers[0].q.assign(std::size_t{2} << 20, 0);
        run.addSnapshot(std::make_shared<const Snapshot>(std::move(snapshot)));
    }
    QVERIFY(run.cachedSnapshot(20));
    QVERIFY(!run.cachedSnapshot(1));
    std::size_t kept = 0;
    for (std::int64_t step = 1; step <= 20; ++step) {
        kept += run.cachedSnapshot(step) ? 1 : 0;
    }
    QVERIFY(kept >= 10 && kept <= RunData::kCacheBytes / (std::size_t{4} << 20));
    QCOMPARE(run.snapshotSteps().size(), std::size_t{20});
}

QTEST_GUILESS_MAIN(tst_RunData)
#include "tst_run_data.moc"
