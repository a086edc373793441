#include "widgets/plots/heatmap_image.h"
#include "widgets/plots/newest_worker.h"

#include <QRandomGenerator>
#include <QSemaphore>
#include <QTest>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

using namespace sparsescope;

namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

Map mapOf(int rows, int columns, std::vector<float> values)
{
    Map map;
    map.rows = rows;
    map.columns = columns;
    map.values = std::move(values);
    return map;
}

} // namespace

class TestHeatmapImage : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void colourTablesRunFromAnchorToAnchor()
    {
        QCOMPARE(colourTable(ColourMapName::Cividis).front(), qRgb(0x00, 0x22, 0x4E));
        QCOMPARE(colourTable(ColourMapName::Cividis).back(), qRgb(0xFE, 0xE8, 0x38));
        QCOMPARE(colourTable(ColourMapName::Viridis).front(), qRgb(0x44, 0x01, 0x54));
        QCOMPARE(colourTable(ColourMapName::Viridis).back(), qRgb(0xFD, 0xE7, 0x25));
        for (const ColourMapName name :
             {ColourMapName::Cividis, ColourMapName::Viridis, ColourMapName::Magma, ColourMapName::Grey}) {
            int before = -1; // these four grow lighter all the way, but for rounding: more reads as lighter
            for (const QRgb colour : colourTable(name)) {
                const int lightness = 299 * qRed(colour) + 587 * qGreen(colour) + 114 * qBlue(colour);
                QVERIFY2(lightness >= before - 1000, qPrintable(displayName(name)));
                before = lightness;
            }
        }
        for (const bool dark : {false, true}) {
            const ColourTable &table = colourTable(ColourMapName::Diverging, dark);
            QVERIFY(qBlue(table.front()) > qRed(table.front()));
            QVERIFY(qRed(table.back()) > qBlue(table.back()));
            QCOMPARE(qGray(table[128]) < 128, dark);
        }
    }

    void scalesFindTheirPlace()
    {
        const ColourScale linear{ColourMapName::Cividis, false, -1, 3};
        QCOMPARE(linear.index(-1), 0);
        QCOMPARE(linear.index(1), 128);
        QCOMPARE(linear.index(3), 255);
        QCOMPARE(linear.index(99), 255);
        QCOMPARE(linear.index(-99), 0);
        const ColourScale logarithmic{ColourMapName::Cividis, true, 0.1, 10};
        QCOMPARE(logarithmic.position(1), 0.5);
        QCOMPARE(logarithmic.index(0), 0);
        QCOMPARE(logarithmic.index(-5), 0);
        QCOMPARE(logarithmic.index(10), 255);
    }

    void aScaleIsThatOfTheSortedValues_data()
    {
        QTest::addColumn<int>("rows");
        QTest::addColumn<bool>("isSigned");
        QTest::newRow("small") << 40 << false;
        QTest::newRow("signed") << 40 << true;
        QTest::newRow("on several threads") << 1100 << false;
        QTest::newRow("signed on several threads") << 1100 << true;
    }

    void aScaleIsThatOfTheSortedValues()
    {
        QFETCH(int, rows);
        QFETCH(bool, isSigned);
        Map map{rows, rows, {}};
        QRandomGenerator random(5);
        for (int i = 0; i < rows * rows; ++i) { // every size of number, both signs, and cells without one
            const auto size = static_cast<float>(std::exp(8 * random.generateDouble() - 4));
            map.values.push_back(i % 3 == 0 ? std::numeric_limits<float>::quiet_NaN() : i % 5 == 0 ? -size : size);
        }
        std::vector<float> sorted;
        for (const float value : map.values) {
            if (!std::isnan(value)) {
                sorted.push_back(isSigned ? std::abs(value) : value);
            }
        }
        std::sort(sorted.begin(), sorted.end());
        const double top = sorted[static_cast<std::size_t>(0.997 * static_cast<double>(sorted.size() - 1))];
        const ColourScale scale = suitableScale(map, ColourMapName::Diverging, false, isSigned, 0.1);
        QCOMPARE(scale.high, top);
        QCOMPARE(scale.low, isSigned ? -top : double(sorted.front()));
        map.rows = map.columns = 0; // the values of several maps together
        QCOMPARE(suitableScale(map, ColourMapName::Diverging, false, isSigned, 0.1).high, top);
    }

    void suitableScalesSuit()
    {
        const Map positive = mapOf(2, 2, {4, kNan, 1, 2});
        const ColourScale log = suitableScale(positive, ColourMapName::Cividis, true, false, 0.1);
        QVERIFY(log.logarithmic);
        QVERIFY(log.low > 0 && log.low <= 0.1);
        const Map negative = mapOf(1, 2, {-3, -1});
        QVERIFY(!suitableScale(negative, ColourMapName::Cividis, true, false, 0.1).logarithmic);
        // A log scale from a floor above zero would show one cell of three.
        const Map mostlyNegative = mapOf(1, 4, {-3, -1, 2, kNan});
        const ColourScale linear = suitableScale(mostlyNegative, ColourMapName::Cividis, true, false, 0.1);
        QVERIFY(!linear.logarithmic);
        QCOMPARE(linear.low, -3.0);
        QVERIFY(suitableScale(mapOf(1, 3, {-3, 1, 2}), ColourMapName::Cividis, true, false, 0.1).logarithmic);
        const ColourScale both = suitableScale(mapOf(1, 3, {-3, 1, kNan}), ColourMapName::Diverging, false, true, 0);
        QCOMPARE(both.low, -both.high);
        const ColourScale flat = suitableScale(mapOf(1, 2, {0, 0}), ColourMapName::Cividis, true, false, 0.1);
        QVERIFY(flat.high > flat.low);
        QCOMPARE(flat.index(0), 0);
    }

    void reducersKeepWhatMatters()
    {
        const Map map = mapOf(3, 4, {1, -5, kNan, kNan, 2, 3, 7, kNan, -1, 0.5F, 2, 4});
        const Map largest = reduceMap(map, Reducer::Maximum);
        QCOMPARE(largest.rows, 2);
        QCOMPARE(largest.columns, 2);
        QCOMPARE(largest.values, (std::vector<float>{3, 7, 0.5F, 4}));
        QCOMPARE(reduceMap(map, Reducer::LargestMagnitude).values, (std::vector<float>{-5, 7, -1, 4}));
        QCOMPARE(reduceMap(map, Reducer::Sum).values, (std::vector<float>{1, 7, -0.5F, 6}));
        QVERIFY(std::isnan(reduceMap(mapOf(1, 2, {kNan, kNan}), Reducer::Sum).values[0]));
    }

    void levelsHalveAndPixelsHaveTheirColour()
    {
        Map map = mapOf(200, 200, std::vector<float>(200 * 200, kNan));
        for (int t = 0; t < 200; ++t) {
            for (int s = 0; s <= t; ++s) {
                map.values[static_cast<std::size_t>(t) * 200 + s] = static_cast<float>(t - s);
            }
        }
        const ColourScale scale{ColourMapName::Cividis, false, 0, 199};
        const auto levels = mapLevels(map, Reducer::Maximum, scale, tokens(Theme::Dark));
        QCOMPARE(levels.size(), std::size_t{3});
        QCOMPARE(levels[1].image.size(), QSize(100, 100));
        QCOMPARE(levels[2].image.size(), QSize(50, 50));
        const ColourTable &table = colourTable(ColourMapName::Cividis);
        QCOMPARE(levels[0].image.pixel(30, 150), table[static_cast<std::size_t>(scale.index(120))]);
        QCOMPARE(levels[1].image.pixel(15, 75),
                 table[static_cast<std::size_t>(scale.index(121))]); // rows 150, 151; keys 30, 31
        QCOMPARE(levels[0].image.pixel(151, 150), tokens(Theme::Dark).future.rgb());
    }

    void aSummedLevelHasItsOwnLimits()
    {
        const Map map = mapOf(128, 128, std::vector<float>(128 * 128, 0.25F));
        const auto levels =
            mapLevels(map, Reducer::Sum, {ColourMapName::Viridis, false, 0, 0.25}, tokens(Theme::Light));
        QCOMPARE(levels.size(), std::size_t{2});
        QVERIFY(levels[1].scale.high >= 1.0);
    }

    void maskStatesHaveTheirColoursAndFaultsSurvive()
    {
        MaskMap mask;
        mask.rows = mask.columns = 130;
        mask.states.assign(130 * 130, KeyState::Neither);
        for (int t = 0; t < 130; ++t) {
            for (int s = t + 1; s < 130; ++s) {
                mask.states[static_cast<std::size_t>(t) * 130 + s] = KeyState::Future;
            }
        }
        const auto set = [&mask](int t, int s, KeyState state) {
            mask.states[static_cast<std::size_t>(t) * 130 + s] = state;
        };
        set(100, 10, KeyState::SelectedNeeded);
        set(100, 20, KeyState::SelectedLittle);
        set(100, 30, KeyState::Missed);
        set(10, 100, KeyState::FutureSelected);
        for (const Theme theme : {Theme::Light, Theme::Dark}) {
            const Tokens &t = tokens(theme);
            const auto levels = maskLevels(mask, t);
            const QImage &full = levels[0].image;
            QCOMPARE(full.pixel(10, 100), t.selectedNeeded.rgb());
            QCOMPARE(full.pixel(20, 100), t.selectedLittle.rgb());
            QCOMPARE(full.pixel(30, 100), t.missed.rgb());
            QCOMPARE(full.pixel(100, 10), t.futureSelected.rgb());
            QCOMPARE(full.pixel(101, 10), t.future.rgb());
            QCOMPARE(full.pixel(50, 100), t.panel.rgb());
            QCOMPARE(levels.size(), std::size_t{3});
            QCOMPARE(levels[2].image.pixel(30 / 4, 100 / 4), t.missed.rgb());
            QCOMPARE(levels[2].image.pixel(100 / 4, 10 / 4), t.futureSelected.rgb());
            QVERIFY(levels[2].image.pixel(10 / 4, 100 / 4) != t.panel.rgb());
        }
    }

    void theNewestRequestWins()
    {
        QSemaphore began, mayGo;
        std::vector<int> computed, delivered;
        QObject context;
        {
            NewestWorker<int, int> worker(
                &context,
                [&](const int &request) {
                    computed.push_back(request);
                    began.release();
                    mayGo.acquire();
                    return request * 10;
                },
                [&](std::shared_ptr<const int> answer) { delivered.push_back(*answer); },
                [](const QString &) { QFAIL("failed"); });
            worker.request(1);
            QVERIFY(began.tryAcquire(1, 5000)); // 1 is being computed; what follows waits
            for (int request = 2; request <= 50; ++request) {
                worker.request(request);
            }
            mayGo.release(2);
            QTRY_COMPARE(delivered.size(), std::size_t{2});
        }
        QCOMPARE(computed, (std::vector<int>{1, 50}));
        QCOMPARE(delivered, (std::vector<int>{10, 500}));
    }

    void aFailureArrivesAsWords()
    {
        QObject context;
        QString reason;
        NewestWorker<int, int> worker(
            &context, [](const int &) -> int { throw std::runtime_error("layer 9: no such layer"); },
            [](std::shared_ptr<const int>) { QFAIL("delivered"); }, [&](const QString &text) { reason = text; });
        worker.request(1);
        QTRY_COMPARE(reason, QStringLiteral("layer 9: no such layer"));
    }
};

QTEST_GUILESS_MAIN(TestHeatmapImage)
#include "tst_heatmap_image.moc"
