#include "core/base/bootstrap.h"

#include <QtTest>

#include <cmath>
#include <random>
#include <stdexcept>
#include <vector>

using namespace sparsescope;

class tst_bootstrap : public QObject {
    Q_OBJECT
private slots:
    void repeats()
    {
        const std::vector<double> differences{0.1, -0.2, 0.4, 0.3}, labels{1, 1, 1, 1};
        const auto first = pairedBootstrap(differences, labels), second = pairedBootstrap(differences, labels);
        QCOMPARE(first->low, second->low);
        QCOMPARE(first->high, second->high);
        QVERIFY(first->low < 0.15 && first->high > 0.15);
    }
    /// Over many windows the interval is the normal one of the mean.
    void agreesWithTheNormalInterval()
    {
        std::mt19937_64 random(3);
        std::normal_distribution<double> normal(0.5, 2.0);
        const std::size_t n = 1000;
        std::vector<double> differences, labels(n, 1);
        double sum = 0, squares = 0;
        for (std::size_t i = 0; i < n; ++i) {
            differences.push_back(normal(random));
            sum += differences.back();
            squares += differences.back() * differences.back();
        }
        const double mean = sum / n, error = std::sqrt((squares / n - mean * mean) / n);
        const auto interval = pairedBootstrap(differences, labels);
        QVERIFY(std::abs(interval->low - (mean - 1.96 * error)) < 0.2 * error);
        QVERIFY(std::abs(interval->high - (mean + 1.96 * error)) < 0.2 * error);
    }
    /// A window with more labels counts for more: the estimate is the loss per label.
    void weighsWindowsByTheirLabels()
    {
        const auto interval = pairedBootstrap({10, 10, 1}, {10, 10, 1});
        QCOMPARE(interval->low, 1.0);
        QCOMPARE(interval->high, 1.0);
    }
    void needsTwoWindows()
    {
        QVERIFY(!pairedBootstrap({}, {}));
        QVERIFY(!pairedBootstrap({1.0}, {4.0}));
        QVERIFY_EXCEPTION_THROWN(pairedBootstrap({1.0}, {}), std::invalid_argument);
    }
    void ofThreeValues()
    {
        // Of {0, 0, 3} a resample's mean is the number of threes: 0 to 3 with 8, 12, 6 and 1 chances of 27. So 2.5 % lies
        // within the zeros and 97.5 % beyond the twos (26 of 27 is 96.3 %).
        const auto interval = bootstrapInterval({0, 0, 3});
        QCOMPARE(interval->low, 0.0);
        QCOMPARE(interval->high, 3.0);
        // Of four values, two of them 4: a mean is a quarter of 4 times a count with 1, 4, 6, 4 and 1 chances of 16; both
        // ends lie within the outermost.
        const auto even = bootstrapInterval({0, 4, 0, 4});
        QCOMPARE(even->low, 0.0);
        QCOMPARE(even->high, 4.0);
        const auto again = bootstrapInterval({0.1, 0.2, 0.7, 0.4}), first = bootstrapInterval({0.1, 0.2, 0.7, 0.4});
        QCOMPARE(again->low, first->low);
        QCOMPARE(again->high, first->high);
        QCOMPARE(bootstrapInterval({0.5, 0.5, 0.5})->low, 0.5);
        QVERIFY(!bootstrapInterval({0.5}) && !bootstrapInterval({}));
    }
};

QTEST_GUILESS_MAIN(tst_bootstrap)
#include "tst_bootstrap.moc"
