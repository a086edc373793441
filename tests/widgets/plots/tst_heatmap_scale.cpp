#include "widgets/plots/indexer_heatmap.h"

#include "tests/widgets/sample_snapshot.h"
#include "widgets/style/theme.h"

#include <QApplication>
#include <QTest>

#include <algorithm>
#include <cmath>

using namespace sparsescope;

/// The map on a screen of two device pixels per pixel.
class TestHeatmapScale : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase() { applyTheme(*qApp, Theme::Dark); }

    void cellsAreWholeDevicePixelsOfTheirColour_data()
    {
        QTest::addColumn<int>("length");
        QTest::newRow("larger than the screen") << 700; // reduced: 2 x 2 cells per device pixel
        QTest::newRow("whole") << 96;
    }

    void cellsAreWholeDevicePixelsOfTheirColour()
    {
        QFETCH(int, length);
        ViewState view;
        HoverState hover;
        IndexerHeatmap map(&view, &hover);
        map.resize(length == 96 ? QSize(620, 620) : QSize(420, 420));
        QCOMPARE(map.devicePixelRatioF(), 2.0);
        PictureMaker maker;
        MapRequest request;
        request.snapshot = sample::snapshot({.length = length, .layers = 1, .topK = 16});
        request.theme = Theme::Dark;
        map.setPicture(std::make_shared<const LayerPicture>(maker.make(request)));
        map.show();
        const double device = map.mapping().cell * 2;
        const QImage screen = map.grab().toImage();
        QCOMPARE(screen.devicePixelRatio(), 2.0);
        const LayerPicture &picture = *map.picture();
        const int level = mipLevel(map.mapping(), 2);
        QCOMPARE(level, length == 96 ? 0 : 1);
        const QImage &source = picture.valueLevels[static_cast<std::size_t>(level)].image;
        if (level == 0) {
            QCOMPARE(device, std::round(device));
        }
        int compared = 0;
        for (int t = 1; t < source.height(); t += 5) {
            for (int s = 0; s + 4 < t; s += 3) { // off the diagonal, where the hatch begins
                const int side = 1 << level;
                const QPointF centre =
                    map.mapping().origin + QPointF((s + 0.5) * side, (t + 0.5) * side) * map.mapping().cell;
                QCOMPARE(screen.pixel(static_cast<int>(centre.x() * 2), static_cast<int>(centre.y() * 2)),
                         source.pixel(s, t));
                ++compared;
            }
        }
        QVERIFY(compared > 100);
    }

    void aRowAddsUp()
    {
        ViewState view;
        HoverState hover;
        IndexerHeatmap map(&view, &hover);
        map.resize(620, 620);
        PictureMaker maker;
        MapRequest request;
        request.snapshot = sample::snapshot({.length = 64, .layers = 1, .topK = 16});
        map.setPicture(std::make_shared<const LayerPicture>(maker.make(request)));
        QVERIFY(map.reductionText().startsWith("1 cell = "));
        const RowAnswer row = makeRow({request.snapshot, 0, 40});
        // The ranks of the keys of one query are a permutation where no two scores are equal.
        std::vector<int> ranks;
        for (int s = 0; s <= 40; ++s) {
            ranks.push_back(row.rankOf(s));
        }
        std::sort(ranks.begin(), ranks.end());
        QCOMPARE(ranks.front(), 1);
        QVERIFY(ranks.back() <= 41);
        QCOMPARE(row.topKeys, 16);
        QCOMPARE(row.needed + row.missed, 16);
        double all = 0;
        for (const float mass : row.row.attention) {
            all += mass;
        }
        QVERIFY(std::abs(all - 1) < 5e-3);
        QVERIFY(*row.massKept <= all + 1e-6 && *row.massKept > 0);
    }
};

int main(int argc, char **argv)
{
    qputenv("QT_SCALE_FACTOR", "2"); // before the application reads it
    QApplication application(argc, argv);
    TestHeatmapScale test;
    return QTest::qExec(&test, argc, argv);
}
#include "tst_heatmap_scale.moc"
