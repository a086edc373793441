#include "app/train_page.h"
#include "tests/journey/live_window.h"
#include "widgets/panels/inspect_page.h"
#include "widgets/plots/indexer_heatmap.h"
#include "widgets/plots/loss_plot.h"
#include "widgets/style/dialogs.h"

#include <QElapsedTimer>
#include <QImage>
#include <QToolButton>

using namespace sparsescope;

/// A person's first minutes with the window, with the real engine on the CPU.
class tst_FirstLight : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase() { test::LiveWindow::prepare(); }
    void firstLight();
};

void tst_FirstLight::firstLight()
{
    test::LiveWindow window;
    window.open();
    const auto child = [&](const char *name) { return window.child<QWidget>(name); };
    const auto button = [&](const char *name) { return window.child<QPushButton>(name); };

    // Nothing yet: three cards, nothing to stop.
    QVERIFY(child("demoCard")->isVisible());
    QVERIFY(!button("startButton")->isEnabled());
    QVERIFY(!button("pauseButton")->isEnabled());
    QVERIFY(!button("stopButton")->isEnabled());

    // Choose smoke, start, first points within two seconds.
    window.choosePreset("smoke");
    QElapsedTimer clock;
    clock.start();
    window.click("startButton");
    QCOMPARE(window->runs().size(), std::size_t{4});
    QTRY_VERIFY_WITH_TIMEOUT(!window->runs().front()->series("train.loss").empty(), 2000);
    QTRY_VERIFY_WITH_TIMEOUT(!window->trainPage()->loss()->plot()->content().curves.empty(), 2000);
    QVERIFY2(clock.elapsed() <= 2000, qPrintable(QStringLiteral("%1 ms").arg(clock.elapsed())));
    qInfo("first point after %lld ms", static_cast<long long>(clock.elapsed()));
    for (RunData *run : window->runs()) {
        QTRY_VERIFY_WITH_TIMEOUT(run->series("train.loss").size() >= 30, 120000);
    }

    // Pause: within three seconds nothing moves any more.
    window.click("pauseButton");
    QTRY_COMPARE_WITH_TIMEOUT(button("startButton")->text(), QStringLiteral("Resume"), 3000);
    std::vector<std::int64_t> steps;
    for (RunData *run : window->runs()) {
        QVERIFY(run->state() == RunState::Paused);
        steps.push_back(run->step());
    }
    QTest::qWait(700);
    for (std::size_t run = 0; run < steps.size(); ++run) {
        QCOMPARE(window->runs()[run]->step(), steps[run]);
    }
    QTest::keyClick(window.get(), Qt::Key_F6);
    QTRY_VERIFY_WITH_TIMEOUT(window->runs().front()->step() > steps.front(), 5000);
    QVERIFY(button("pauseButton")->isEnabled());

    // Inspect: scrub back two snapshots, then follow live again.
    window.click("inspectPageButton");
    QCOMPARE(window->page(), Page::Inspect);
    RunData *current = window->currentRun();
    QVERIFY(current != nullptr && isSparse(current->config().model.family));
    QTRY_VERIFY_WITH_TIMEOUT(current->snapshotSteps().size() >= 4, 30000);
    auto *map = window->inspectPage()->findChild<IndexerHeatmap *>();
    QVERIFY(map != nullptr);
    QTRY_VERIFY_WITH_TIMEOUT(map->picture() != nullptr, 10000);
    QVERIFY(window->viewState().view().followLive);
    window.click("snapshotPrev");
    const std::int64_t once = window->viewState().view().step;
    window.click("snapshotPrev");
    const std::int64_t twice = window->viewState().view().step;
    QVERIFY(!window->viewState().view().followLive);
    QVERIFY(twice < once);
    QTRY_VERIFY_WITH_TIMEOUT(map->picture() && map->picture()->request.snapshot->step == twice, 10000);
    QTest::qWait(400); // training goes on; the picture stays where the person put it
    QCOMPARE(window->viewState().view().step, twice);
    window.click("followLive");
    QTRY_VERIFY_WITH_TIMEOUT(window->viewState().view().step > once, 10000);
    QVERIFY(window->viewState().view().followLive);

    // Hover a cell of the large map: every view hears which.
    window.click("openFocusButton");
    QTRY_VERIFY(map->isVisible());
    const int query = 20, key = 7;
    const QPointF cell = cellRect(query, key, map->mapping()).center();
    QTest::mouseMove(map, cell.toPoint());
    QTRY_COMPARE(window->hoverState().hover().query, query);
    QCOMPARE(window->hoverState().hover().key, key);

    // Take it home.
    window.click("trainPageButton");
    const QString picture = window.exported({}, "PNG");
    QVERIFY2(QImage(picture).width() > 800, qPrintable(picture));
    QFile csv(window.exported({}, "CSV"));
    QVERIFY(csv.open(QIODevice::ReadOnly));
    QVERIFY(csv.readAll().startsWith("series,quantity,step,"));

    // Stop: answered within three seconds, every run has its word.
    window.click("stopButton");
    QTRY_VERIFY_WITH_TIMEOUT(!window->queue().training(), 3000);
    for (RunData *run : window->runs()) {
        QVERIFY(run->state() == RunState::Stopped || run->state() == RunState::Finished);
    }

    // Another one takes a free name and does not touch the first.
    window.click("startButton");
    QTRY_COMPARE_WITH_TIMEOUT(window->runs().size(), std::size_t{8}, 30000);
    QTRY_VERIFY_WITH_TIMEOUT(!window->runs().back()->series("train.loss").empty(), 10000);
    QCOMPARE(window->runs().back()->experiment(), QStringLiteral("smoke-2"));

    // Close while it trains: first keep running, then save and quit.
    dialogs::setNextAnswer(1);
    window->close();
    QVERIFY(window->isVisible() && window->queue().training());
    QCOMPARE(dialogs::asked().last(), QStringLiteral("Training is running"));
    dialogs::setNextAnswer(0);
    window->close();
    QTRY_VERIFY_WITH_TIMEOUT(!window->isVisible(), 5000);
    QVERIFY(!window->queue().training());
    window.close();

    // What was saved can be opened again.
    MainWindow again(runExperiment, window.options());
    again.openPath(window.options().out);
    QTRY_COMPARE_WITH_TIMEOUT(again.runs().size(), std::size_t{8}, 10000);
    for (RunData *run : again.runs()) {
        QVERIFY(run->state() == RunState::Stopped || run->state() == RunState::Finished);
    }
}

QTEST_MAIN(tst_FirstLight)
#include "tst_first_light.moc"
