#include "core/base/series.h"

#include <QTest>

#include <cmath>
#include <limits>
#include <map>
#include <random>

using namespace sparsescope;

namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

Series noise(int count, unsigned seed)
{
    std::mt19937 random(seed);
    std::normal_distribution<double> normal;
    Series series;
    for (int i = 0; i < count; ++i)
        series.push_back({static_cast<double>(i), normal(random)});
    return series;
}

} // namespace

class tst_Series : public QObject {
    Q_OBJECT
private slots:
    void smoothingEqualsTheClosedForm_data();
    void smoothingEqualsTheClosedForm();
    void smoothingByZeroReturnsTheData();
    void smoothingSkipsNan();
    void decimationKeepsFirstExtremesAndLast();
    void decimationCutsToTheWindow();
    void decimationOfFewPointsReturnsThem();
    void decimationWithNan();
    void meanAndStdOverSeeds();
    void seedsThatPartAreAveragedAsThoseThatDoNot();
};

void tst_Series::smoothingEqualsTheClosedForm_data()
{
    QTest::addColumn<double>("weight");
    for (const double weight : {0.1, 0.5, 0.9, 0.99, 0.999})
        QTest::addRow("weight %g", weight) << weight;
}

void tst_Series::smoothingEqualsTheClosedForm()
{
    // sum_i w^(n-i) y_i / sum_i w^(n-i)
    QFETCH(double, weight);
    const Series series = noise(300, 1);
    const Series smoothed = smooth(series, weight);
    QCOMPARE(smoothed.size(), series.size());
    QCOMPARE(smoothed.front().y, series.front().y); // the correction makes the first value itself
    for (std::size_t n = 0; n < series.size(); ++n) {
        double above = 0, below = 0;
        for (std::size_t i = 0; i <= n; ++i) {
            const double share = std::pow(weight, static_cast<double>(n - i));
            above += share * series[i].y;
            below += share;
        }
        QVERIFY(std::abs(smoothed[n].y - above / below) < 1e-10);
        QCOMPARE(smoothed[n].x, series[n].x);
    }
}

void tst_Series::smoothingByZeroReturnsTheData()
{
    const Series series = {{0, 1}, {1, kNan}, {2, 3}};
    const Series same = smooth(series, 0);
    QCOMPARE(same.size(), std::size_t{3});
    QVERIFY(std::isnan(same[1].y));
    QVERIFY(smooth({}, 0.9).empty());
}

void tst_Series::smoothingSkipsNan()
{
    const Series with = {{0, 1}, {1, kNan}, {2, 3}, {3, 5}}, without = {{0, 1}, {2, 3}, {3, 5}};
    const Series a = smooth(with, 0.7), b = smooth(without, 0.7);
    QCOMPARE(a.size(), std::size_t{3});
    for (std::size_t i = 0; i < 3; ++i) {
        QCOMPARE(a[i].x, b[i].x);
        QCOMPARE(a[i].y, b[i].y);
    }
}

void tst_Series::decimationKeepsFirstExtremesAndLast()
{
    const Series series = noise(10'007, 2);
    const int columns = 93;
    const double low = 0, high = 10'006;
    const Series few = decimate(series, low, high, columns);
    QVERIFY(few.size() <= 4u * columns);
    const auto columnOf = [&](const Point &p) {
        return std::min(static_cast<int>((p.x - low) / (high - low) * columns), columns - 1);
    };
    std::map<int, Series> whole, kept;
    for (const Point &point : series)
        whole[columnOf(point)].push_back(point);
    for (const Point &point : few)
        kept[columnOf(point)].push_back(point);
    QCOMPARE(kept.size(), whole.size());
    const auto byY = [](const Point &a, const Point &b) { return a.y < b.y; };
    for (const auto &[column, points] : whole) {
        const Series &chosen = kept[column];
        QVERIFY(chosen.size() <= 4);
        QCOMPARE(chosen.front().x, points.front().x);
        QCOMPARE(chosen.back().x, points.back().x);
        QCOMPARE(std::min_element(chosen.begin(), chosen.end(), byY)->y,
                 std::min_element(points.begin(), points.end(), byY)->y);
        QCOMPARE(std::max_element(chosen.begin(), chosen.end(), byY)->y,
                 std::max_element(points.begin(), points.end(), byY)->y);
    }
    for (std::size_t i = 1; i < few.size(); ++i)
        QVERIFY(few[i - 1].x < few[i].x);
}

void tst_Series::decimationCutsToTheWindow()
{
    const Series series = noise(1'000, 3);
    const Series few = decimate(series, 100, 899, 10);
    QCOMPARE(few.front().x, 100.0);
    QCOMPARE(few.back().x, 899.0);
    QVERIFY(few.size() <= 40);
    QVERIFY(decimate(series, 2'000, 3'000, 10).empty());
    QVERIFY(decimate({}, 0, 1, 10).empty());
}

void tst_Series::decimationOfFewPointsReturnsThem()
{
    const Series series = {{1, 5}, {1, 7}, {2, 4}};
    QCOMPARE(decimate(series, 0, 10, 100).size(), std::size_t{3});
    QCOMPARE(decimate(series, 1, 1, 100).size(), std::size_t{2});
}

void tst_Series::decimationWithNan()
{
    Series series = noise(1'000, 4);
    series[10].y = kNan;
    series[0].y = kNan;
    series[500].y = 100;
    series[501].y = kNan;
    series[502].y = -100;
    series[503].y = kNan;
    const Series few = decimate(series, 0, 999, 5);
    const auto has = [&](double y) {
        return std::any_of(few.begin(), few.end(), [&](const Point &p) { return p.y == y; });
    };
    QVERIFY(has(100));
    QVERIFY(has(-100));
}

void tst_Series::meanAndStdOverSeeds()
{
    const auto band =
        meanAndStd(std::vector<Series>{{{0, 1}, {1, 2}, {2, 3}}, {{0, 3}, {1, 6}}, {{0, 8}, {1, kNan}, {3, 1}}});
    QCOMPARE(band.size(), std::size_t{4});
    QCOMPARE(band[0].n, 3);
    QCOMPARE(band[0].mean, 4.0);
    QCOMPARE(band[0].std, std::sqrt((9.0 + 1.0 + 16.0) / 2));
    QCOMPARE(band[1].n, 2);
    QCOMPARE(band[1].mean, 4.0);
    QCOMPARE(band[1].std, std::sqrt(8.0));
    QCOMPARE(band[2].n, 1);
    QVERIFY(std::isnan(band[2].std));
    QCOMPARE(band[3].x, 3.0);
    QVERIFY(meanAndStd(std::vector<Series>()).empty());
}

void tst_Series::seedsThatPartAreAveragedAsThoseThatDoNot()
{
    // At the same steps to begin with; then one has a gap, one a doubled point, and one is no number.
    std::vector<Series> seeds(3);
    for (int step = 0; step < 50; ++step) {
        for (std::size_t seed = 0; seed < seeds.size(); ++seed) {
            if (seed == 1 && step == 20)
                continue;
            seeds[seed].push_back({double(step), seed == 2 && step == 30 ? kNan : std::sin(step * 3.1 + double(seed))});
            if (seed == 0 && step == 25)
                seeds[seed].push_back({double(step), 7});
        }
    }
    const auto band = meanAndStd(seeds);
    QCOMPARE(band.size(), std::size_t{50});
    for (const BandPoint &point : band) {
        std::vector<double> ys;
        for (const Series &seed : seeds)
            for (const Point &other : seed)
                if (other.x == point.x && !std::isnan(other.y))
                    ys.push_back(other.y);
        QCOMPARE(point.n, int(ys.size()));
        double mean = 0, squares = 0;
        for (const double y : ys)
            mean += y / double(ys.size());
        for (const double y : ys)
            squares += (y - mean) * (y - mean);
        QVERIFY(std::abs(point.mean - mean) < 1e-12);
        QVERIFY(std::abs(point.std - std::sqrt(squares / double(ys.size() - 1))) < 1e-12);
    }
}

QTEST_GUILESS_MAIN(tst_Series)
#include "tst_series.moc"
