#include "widgets/plots/heatmap_coordinates.h"

#include <QTest>

#include <cmath>

using namespace sparsescope;

class TestHeatmapCoordinates : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void findsTheCellUnderAPixel()
    {
        const CellMapping mapping{{10, 20}, 5};
        const QSize cells(8, 6);
        QCOMPARE(cellAt({10, 20}, mapping, cells), std::optional(QPoint(0, 0)));
        QCOMPARE(cellAt({14.99, 24.99}, mapping, cells), std::optional(QPoint(0, 0)));
        QCOMPARE(cellAt({15, 25}, mapping, cells), std::optional(QPoint(1, 1)));
        QCOMPARE(cellAt({49.9, 49.9}, mapping, cells), std::optional(QPoint(7, 5)));
        QVERIFY(!cellAt({50, 30}, mapping, cells));
        QVERIFY(!cellAt({30, 50}, mapping, cells));
        QVERIFY(!cellAt({9.9, 30}, mapping, cells));
    }

    void everyCellIsFoundAtItsCentre()
    {
        for (const double cell : {0.37, 1.0, 2.5, 5.0}) {
            const CellMapping mapping{{3.5, 7.25}, cell};
            for (int t = 0; t < 40; ++t) {
                for (int s = 0; s < 40; ++s) {
                    QCOMPARE(cellAt(cellCentre(t, s, mapping), mapping, QSize(40, 40)), std::optional(QPoint(s, t)));
                }
            }
        }
    }

    void fitsInWholeDevicePixels()
    {
        QCOMPARE(fitMapping(QRectF(4, 4, 700, 640), QSize(128, 128), 1).cell, 5.0);
        QCOMPARE(fitMapping(QRectF(4, 4, 700, 645), QSize(128, 128), 1).cell, 5.0);
        QCOMPARE(fitMapping(QRectF(4, 4, 700, 705), QSize(128, 128), 2).cell, 5.0); // 10.9 device pixels, 10 whole
        QCOMPARE(fitMapping(QRectF(4, 4, 710, 710), QSize(128, 128), 2).cell, 5.5); // 11 device pixels
        QCOMPARE(fitMapping(QRectF(0, 0, 512, 512), QSize(1024, 1024), 1).cell,
                 0.5); // does not fit: a share of a pixel
        QCOMPARE(fitMapping(QRectF(0, 0, 512, 512), QSize(2, 2), 1).cell, kMaxPixelsPerCell);
    }

    void zoomKeepsThePointUnderThePointer_data()
    {
        QTest::addColumn<double>("dpr");
        QTest::newRow("1x") << 1.0;
        QTest::newRow("2x") << 2.0;
        QTest::newRow("1.5x") << 1.5;
    }

    void zoomKeepsThePointUnderThePointer()
    {
        QFETCH(double, dpr);
        const QRectF viewport(50, 80, 512, 512);
        const QSize cells(256, 256);
        const QPointF pixel(300, 333);
        CellMapping mapping = fitMapping(viewport, cells, dpr);
        double before = mapping.cell;
        for (int step = 0; step < 12; ++step) {
            const QPointF onMap = (pixel - mapping.origin) / mapping.cell;
            mapping = zoomMapping(mapping, pixel, kZoomStep, viewport, cells, dpr);
            QVERIFY(mapping.cell > before);
            before = mapping.cell;
            const QPointF moved = mapping.origin + onMap * mapping.cell - pixel; // by less than a device pixel
            QVERIFY(std::abs(moved.x()) * dpr <= 0.5 + 1e-9 && std::abs(moved.y()) * dpr <= 0.5 + 1e-9);
            QVERIFY(std::abs(mapping.cell * dpr - std::round(mapping.cell * dpr)) < 1e-9);
            QVERIFY(mapRect(mapping, cells).contains(viewport));
        }
        for (int step = 0; step < 40; ++step) {
            mapping = zoomMapping(mapping, pixel, 1 / kZoomStep, viewport, cells, dpr);
        }
        QCOMPARE(mapping, fitMapping(viewport, cells, dpr));
    }

    void zoomEndsAtTheLargestCell()
    {
        const QRectF viewport(0, 0, 512, 512);
        CellMapping mapping = fitMapping(viewport, QSize(64, 64), 1);
        for (int step = 0; step < 50; ++step) {
            mapping = zoomMapping(mapping, {100, 100}, kZoomStep, viewport, QSize(64, 64), 1);
        }
        QCOMPARE(mapping.cell, kMaxPixelsPerCell);
    }

    void panStopsAtTheEdges()
    {
        const QRectF viewport(10, 10, 100, 100);
        const CellMapping mapping{{10, 10}, 4};
        const QSize cells(50, 50); // 200 pixels
        QCOMPARE(panMapping(mapping, {30, 30}, viewport, cells, 1).origin, QPointF(10, 10));
        QCOMPARE(panMapping(mapping, {-30, -20}, viewport, cells, 1).origin, QPointF(-20, -10));
        QCOMPARE(panMapping(mapping, {-500, -500}, viewport, cells, 1).origin, QPointF(-90, -90));
    }

    void namesTheVisibleCells()
    {
        QCOMPARE(visibleCells({{0, 0}, 10}, QRectF(0, 0, 100, 100), QSize(10, 10)), QRect(0, 0, 10, 10));
        QCOMPARE(visibleCells({{-25, -15}, 10}, QRectF(0, 0, 50, 50), QSize(20, 20)), QRect(2, 1, 6, 6));
        QVERIFY(visibleCells({{200, 0}, 10}, QRectF(0, 0, 100, 100), QSize(10, 10)).isEmpty());
    }

    void choosesTheFirstLevelWhoseCellsArePixels()
    {
        QCOMPARE(mipLevel({{}, 5}, 1), 0);
        QCOMPARE(mipLevel({{}, 1}, 1), 0);
        QCOMPARE(mipLevel({{}, 0.5}, 1), 1);
        QCOMPARE(mipLevel({{}, 0.5}, 2), 0);
        QCOMPARE(mipLevel({{}, 0.3}, 1), 2);
        QCOMPARE(mipLevel({{}, 0.125}, 1), 3);
    }

    void keepsTicksApart()
    {
        QCOMPARE(tickStep({{}, 5}, 34), 8);
        QCOMPARE(tickStep({{}, 64}, 34), 1);
        QCOMPARE(tickStep({{}, 0.25}, 34), 256);
    }
};

QTEST_GUILESS_MAIN(TestHeatmapCoordinates)
#include "tst_heatmap_coordinates.moc"
