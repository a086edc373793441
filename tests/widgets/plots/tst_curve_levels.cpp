#include "widgets/plots/curve_levels.h"

#include <QTest>

#include <algorithm>
#include <cmath>
#include <random>

using namespace sparsescope;

/// What is drawn of a long curve: few points, and no peak less.
class tst_CurveLevels : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void shortCurvesStayWhole();
    void noPeakIsLost_data();
    void noPeakIsLost();
    void gapsDoNotHideValues();
};

namespace {

constexpr int kPoints = 200000;

/// Noise with rare peaks of one point.
Series spiky(std::mt19937 &random)
{
    std::normal_distribution<double> noise;
    Series series;
    for (int i = 0; i < kPoints; ++i) {
        const double peak = random() % 10000 == 0 ? 50 * noise(random) : 0;
        series.push_back({i + 1.0, noise(random) + peak});
    }
    return series;
}

std::pair<double, double> extremes(const Series &series, double low, double high)
{
    double lowest = INFINITY, highest = -INFINITY;
    for (const Point &point : series) {
        if (point.x >= low && point.x <= high) {
            lowest = std::min(lowest, point.y);
            highest = std::max(highest, point.y);
        }
    }
    return {lowest, highest};
}

} // namespace

void tst_CurveLevels::shortCurvesStayWhole()
{
    Series series;
    for (int i = 0; i < 4000; ++i) {
        series.push_back({double(i), double(i % 7)});
    }
    QCOMPARE(CurveLevels(series).within(series, {100, 200, 10, false}).size(), series.size());
    QVERIFY(CurveLevels(Series()).within(Series(), {0, 1, 10, false}).empty());
}

void tst_CurveLevels::noPeakIsLost_data()
{
    QTest::addColumn<bool>("logarithmic");
    QTest::addRow("linear") << false;
    QTest::addRow("logarithmic") << true;
}

void tst_CurveLevels::noPeakIsLost()
{
    QFETCH(bool, logarithmic);
    std::mt19937 random(7);
    const Series series = spiky(random);
    const CurveLevels levels(series);
    for (int trial = 0; trial < 60; ++trial) {
        const double width = kPoints * std::exp2(-trial % 12), low = 1 + std::fmod(random(), kPoints - width + 1);
        const int columns = 50 + int(random() % 500);
        const double high = low + width;
        const Series shown = levels.within(series, {low, high, columns, logarithmic});
        QVERIFY(std::is_sorted(shown.begin(), shown.end(), [](Point a, Point b) { return a.x < b.x; }));
        const int octaves = logarithmic ? int(std::ceil(std::log2(high / low))) : 1;
        QVERIFY2(shown.size() <= std::size_t(4 * (columns + octaves) + octaves),
                 qPrintable(QStringLiteral("%1 points for %2 columns").arg(shown.size()).arg(columns)));
        // Each column shows its lowest and its highest: so does any group of them. A block may reach over an end.
        const double inner = width / columns;
        const auto [lowest, highest] = extremes(series, low + inner, high - inner);
        const auto [drawnLow, drawnHigh] = extremes(shown, low, high);
        QVERIFY(drawnLow <= lowest && drawnHigh >= highest);
        for (const Point &point : shown) {
            QCOMPARE(point.y, series[std::size_t(point.x) - 1].y);
        }
    }
}

void tst_CurveLevels::gapsDoNotHideValues()
{
    std::mt19937 random(8);
    Series series = spiky(random);
    for (int i = 1; i < kPoints; i += 3) {
        series[i].y = NAN;
    }
    const auto [lowest, highest] = extremes(series, 0, kPoints);
    const auto [drawnLow, drawnHigh] =
        extremes(CurveLevels(series).within(series, {0, kPoints, 300, false}), 0, kPoints);
    QCOMPARE(drawnLow, lowest);
    QCOMPARE(drawnHigh, highest);
}

QTEST_APPLESS_MAIN(tst_CurveLevels)
#include "tst_curve_levels.moc"
