#include "tests/journey/live_window.h"
#include "widgets/panels/inspect_page.h"
#include "widgets/panels/key_table.h"
#include "widgets/plots/atlas_view.h"
#include "widgets/plots/indexer_heatmap.h"
#include "widgets/plots/map_preview.h"
#include "widgets/plots/row_plot.h"
#include "widgets/plots/snapshot_slider.h"
#include "widgets/plots/token_strip.h"

#include <QCheckBox>
#include <QImage>
#include <QWheelEvent>

using namespace sparsescope;

/// A person looks at what the indexer does while it trains: atlas, focus, one row, back and forth in time, live again, and
/// takes every view home. Real events on the window, the real engine on the CPU.
class tst_Look : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase() { test::LiveWindow::prepare(); }
    void look();
};

void tst_Look::look()
{
    test::LiveWindow window;
    window.open();

    // A tiny experiment of many snapshots, trained while we look.
    window.choosePreset("smoke");
    window.click("startButton");
    QTRY_VERIFY_WITH_TIMEOUT(window->currentRun() != nullptr, 10000);
    RunData *run = window->currentRun();
    QVERIFY(isSparse(run->config().model.family));
    const ViewState &view = window->viewState();
    const HoverState &hover = window->hoverState();

    // Atlas: all layers, one mask each, both kinds of heads.
    window.click("inspectPageButton");
    QTRY_VERIFY_WITH_TIMEOUT(run->snapshotSteps().size() >= 4, 60000);
    auto *atlas = window.child<AtlasView>("atlasView");
    QTRY_VERIFY_WITH_TIMEOUT(atlas->isVisible() && atlas->picture() && atlas->picture()->complete, 20000);
    QCOMPARE(view.view().inspect, InspectView::Atlas);
    const LayerSnapshot &layer = atlas->picture()->request.snapshot->layers.at(1);
    QCOMPARE(atlas->picture()->layers.size(), atlas->picture()->request.snapshot->layers.size());
    QVERIFY(layer.hasSelection() && layer.hasIndexer());
    const auto click = [&](int index, MapKind kind, int head) {
        QTest::mouseClick(atlas->viewport(), Qt::LeftButton, {}, atlas->thumbnailRect(index, kind, head).center());
    };
    click(1, MapKind::Attention, layer.heads - 1);
    QCOMPARE(view.view().layer, 1);
    QCOMPARE(view.view().map, MapKind::Attention);
    auto *map = window->inspectPage()->findChild<IndexerHeatmap *>();
    QTRY_VERIFY_WITH_TIMEOUT(map->picture() && map->picture()->request.layer == 1 &&
                                 map->picture()->request.kind == MapKind::Attention,
                             10000);
    click(1, MapKind::Mask, -1);
    QCOMPARE(view.view().map, MapKind::Mask);
    // The text below: a click on a token makes it the query.
    auto *strip = window.child<TokenStrip>("tokenStrip");
    QTRY_VERIFY_WITH_TIMEOUT(!strip->tokenRect(20).isEmpty(), 10000);
    QTest::mouseClick(strip, Qt::LeftButton, {}, strip->tokenRect(20).center());
    QCOMPARE(view.view().query, 20);
    // The map beside it links.
    auto *preview = window.child<MapPreview>("mapPreview");
    const auto whole = [preview] { // the pane has its layout
        const int length = static_cast<int>(std::floor((preview->height() - 1) / preview->mapping().cell));
        return length == 32;
    };
    QTRY_VERIFY(whole());
    QTest::mouseMove(preview, cellCentre(25, 6, preview->mapping()).toPoint());
    QTRY_COMPARE(hover.hover().query, 25);
    QCOMPARE(hover.hover().key, 6);
    QTest::mouseMove(strip, QPoint(strip->width() - 2, 2));

    // Focus by a double-click on an indexer head, then another map by the combo box.
    QTest::mouseDClick(atlas->viewport(), Qt::LeftButton, {}, atlas->thumbnailRect(1, MapKind::IndexTerm, 0).center());
    QCOMPARE(view.view().inspect, InspectView::Focus);
    QTRY_VERIFY(map->isVisible());
    window.child<QComboBox>("mapCombo")->setCurrentIndex(0);
    QTRY_VERIFY_WITH_TIMEOUT(map->picture()->request.kind == MapKind::IndexScore, 10000);
    const QPoint cell = cellCentre(28, 9, map->mapping()).toPoint();
    QTest::mouseMove(map, cell);
    QTRY_COMPARE(hover.hover().key, 9);
    QTest::mouseClick(map, Qt::LeftButton, {}, cell);
    QCOMPARE(view.view().query, 28);
    const double fitted = map->mapping().cell;
    QWheelEvent wheel(cell, map->mapToGlobal(cell), {}, {0, 240}, Qt::NoButton, Qt::NoModifier, Qt::NoScrollPhase,
                      false);
    QApplication::sendEvent(map, &wheel);
    QVERIFY(map->mapping().cell > fitted);
    QTest::keyClick(map, Qt::Key_Z, Qt::ControlModifier);
    QCOMPARE(map->mapping().cell, fitted);
    QTest::keyClick(map, Qt::Key_M);
    QVERIFY(view.view().overlay);

    // One row: its keys by rank, in bars, in the table, and hovered there.
    auto *table = window.child<KeyTable>("keyTable");
    QTRY_VERIFY_WITH_TIMEOUT(table->keys()->row() && table->keys()->row()->request.query == 28, 10000);
    QCOMPARE(table->keys()->row()->order.size(), std::size_t{29});
    auto *bars = window.child<RowPlot>("rowInspectorPlot");
    QTest::mouseMove(bars->childAt(bars->barCentre(14)), bars->barCentre(14));
    QTRY_VERIFY(hover.hover().key == table->keys()->row()->order[13]);
    window.click("queryDown");
    QTRY_COMPARE(view.view().query, 29);

    // Back in time by the handle and the keys: the picture stays there while training goes on.
    auto *slider = window.child<SnapshotSlider>("snapshotSlider");
    const std::int64_t early = slider->stepAt(1);
    const QPoint at(static_cast<int>(slider->xOf(early)), slider->height() / 2);
    QTest::mousePress(slider, Qt::LeftButton, {}, at);
    QTest::mouseRelease(slider, Qt::LeftButton, {}, at);
    QCOMPARE(view.view().step, early);
    QVERIFY(!view.view().followLive);
    QTRY_VERIFY_WITH_TIMEOUT(map->picture()->request.snapshot->step == early, 10000);
    QTest::keyClick(map, Qt::Key_BracketRight);
    QTRY_VERIFY_WITH_TIMEOUT(map->picture()->request.snapshot->step > early, 10000);
    QTest::keyClick(map, Qt::Key_K);
    QVERIFY(view.view().limitsOf(MapKind::IndexScore).has_value());
    const double high = map->picture()->scale.high;
    QTest::keyClick(map, Qt::Key_BracketRight);
    const std::int64_t later = view.view().step;
    QTRY_VERIFY_WITH_TIMEOUT(map->picture()->request.snapshot->step == later, 10000);
    QCOMPARE(map->picture()->scale.high, high);
    QTest::keyClick(map, Qt::Key_K);

    // Live again.
    QTest::mouseClick(window.child<QCheckBox>("followLive"), Qt::LeftButton, {}, QPoint(8, 10));
    QVERIFY(view.view().followLive);
    QTRY_VERIFY_WITH_TIMEOUT(map->picture()->request.snapshot->step > later, 60000);

    // Every view goes home, as picture and as numbers.
    window.click("stopButton");
    QTRY_VERIFY_WITH_TIMEOUT(!window->queue().training(), 10000);
    QTest::keyClick(map, Qt::Key_Escape);
    QTRY_VERIFY_WITH_TIMEOUT(window->inspectPage()->settled(), 20000);
    const std::pair<const char *, const char *> figures[] = {{"atlas", "layer,map,head,t,s,value"},
                                                             {"map", "t,s,value"},
                                                             {"mask", "t,s,state"},
                                                             {"row", "rank,key,token,state,score,attention"},
                                                             {"distance", "distance,share_selected,attention"}};
    for (const auto &[figure, header] : figures) {
        const QString picture = window.exported(QLatin1String(figure), "PNG");
        QVERIFY2(QImage(picture).width() > 500, qPrintable(picture));
        QFile csv(window.exported(QLatin1String(figure), "CSV"));
        QVERIFY(csv.open(QIODevice::ReadOnly));
        QVERIFY2(csv.readLine().startsWith(header), figure);
        QVERIFY2(!csv.readLine().isEmpty(), figure);
    }
}

QTEST_MAIN(tst_Look)
#include "tst_look.moc"
