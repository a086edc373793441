#include "core/base/statistics.h"

#include <QTest>

#include <cmath>

using namespace sparsescope;

namespace {

bool near(const std::optional<double> &value, double expected, double tolerance)
{
    return value && std::abs(*value - expected) < tolerance;
}

std::string verdictOf(const std::vector<double> &differences, double margin = 0.02)
{
    return toString(pairedDifference(differences, margin).verdict);
}

} // namespace

class tst_Statistics : public QObject {
    Q_OBJECT
private slots:
    void quantilesAreThoseOfTheTables();
    void intervalOfAKnownSample();
    void halfWidthsOfTheStudy();
    void verdicts();
    void fewSeedsNeverClaim();
    void equalDifferences();
    void holmTakesClaimsBack();
    void moreMayBeBetter();
    void seedsResolveWhatTheStudySays();
    void means();
};

void tst_Statistics::quantilesAreThoseOfTheTables()
{
    QVERIFY(std::abs(tQuantile(0.95, 1) - 12.7062) < 1e-4);
    QVERIFY(std::abs(tQuantile(0.95, 2) - 4.3027) < 1e-4);
    QVERIFY(std::abs(tQuantile(0.95, 4) - 2.7764) < 1e-4);
    QVERIFY(std::abs(tQuantile(0.95, 7) - 2.3646) < 1e-4);
}

void tst_Statistics::intervalOfAKnownSample()
{
    // mean 2, sd 1, n 3: half-width 4.3027 / sqrt(3)
    const PairedDifference result = pairedDifference({1, 2, 3}, 0.02);
    QVERIFY(near(result.mean, 2, 1e-12));
    QVERIFY(near(result.sd, 1, 1e-12));
    QVERIFY(std::abs(result.ci95->low - (2 - 4.302653 / std::sqrt(3.0))) < 1e-5);
    QVERIFY(std::abs(result.ci95->high - (2 + 4.302653 / std::sqrt(3.0))) < 1e-5);
    // With two degrees of freedom P(|T| > t) = 1 - t / sqrt(2 + t^2); here t = 2 sqrt(3).
    QVERIFY(near(result.p, 1 - 2 * std::sqrt(3.0) / std::sqrt(14.0), 1e-9));
}

void tst_Statistics::halfWidthsOfTheStudy()
{
    // Half-width over sd: 2.48 at n = 3, 1.24 at 5, 0.84 at 8.
    for (const auto &[n, expected] : {std::pair(3, 2.48), std::pair(5, 1.24), std::pair(8, 0.84)})
        QVERIFY(std::abs(tQuantile(0.95, n - 1) / std::sqrt(static_cast<double>(n)) - expected) < 0.006);
}

void tst_Statistics::verdicts()
{
    QCOMPARE(verdictOf({}), std::string("not measured"));
    QCOMPARE(verdictOf({-0.5}), std::string("one seed: no interval"));
    QCOMPARE(verdictOf({-0.10, -0.11, -0.12}), std::string("better"));
    QCOMPARE(verdictOf({0.10, 0.11, 0.12}), std::string("worse"));
    QCOMPARE(verdictOf({0.001, -0.001, 0.0}), std::string("no difference within the margin"));
    QCOMPARE(verdictOf({0.1, -0.1, 0.0}), std::string("not clear"));
    QCOMPARE(verdictOf({0.010, 0.011, 0.012}),
             std::string("no difference within the margin")); // real, but below the margin
    QCOMPARE(verdictOf({0.019, 0.0195, 0.0205}),
             std::string("not clear")); // excludes 0, below the margin, reaches over it
    QVERIFY(!pairedDifference({-0.5}, 0.02).ci95);
    QVERIFY(!pairedDifference({}, 0.02).mean);
}

void tst_Statistics::fewSeedsNeverClaim()
{
    QCOMPARE(verdictOf({-0.500, -0.501}), std::string("not clear"));
    QCOMPARE(verdictOf({0.500, 0.500}), std::string("not clear"));
    QCOMPARE(verdictOf({0.0, 0.0}), std::string("no difference within the margin"));
}

void tst_Statistics::equalDifferences()
{
    const PairedDifference result = pairedDifference({0.5, 0.5, 0.5}, 0.02);
    QCOMPARE(result.ci95->low, 0.5);
    QCOMPARE(result.ci95->high, 0.5);
    QCOMPARE(*result.p, 0.0);
    QCOMPARE(*pairedDifference({0, 0, 0}, 0.02).p, 1.0);
}

void tst_Statistics::holmTakesClaimsBack()
{
    const auto withP = [](double p, Verdict verdict) {
        PairedDifference comparison;
        comparison.n = 3;
        comparison.p = p;
        comparison.verdict = verdict;
        return comparison;
    };
    // Smallest against 0.05/3, next against 0.05/2, last against 0.05.
    std::vector<PairedDifference> table = {withP(0.04, Verdict::Worse), withP(0.001, Verdict::Better),
                                           withP(0.02, Verdict::Better)};
    applyHolm(table);
    QVERIFY(table[0].verdict == Verdict::Worse && table[1].verdict == Verdict::Better &&
            table[2].verdict == Verdict::Better);
    table = {withP(0.04, Verdict::Worse), withP(0.001, Verdict::Better), withP(0.03, Verdict::Better)};
    applyHolm(table);
    QVERIFY(table[1].verdict == Verdict::Better);
    QVERIFY(table[2].verdict == Verdict::NotClear); // 0.03 > 0.025
    QVERIFY(table[0].verdict == Verdict::NotClear); // and all behind it, though 0.04 < 0.05
    table = {withP(0.9, Verdict::NoDifference), withP(0.04, Verdict::Worse), PairedDifference{}};
    applyHolm(table);
    QVERIFY(table[0].verdict == Verdict::NoDifference);
    QVERIFY(table[1].verdict == Verdict::NotClear); // 0.04 > 0.05/2; a comparison without p counts for nothing
}

void tst_Statistics::moreMayBeBetter()
{
    const auto verdict = [](const std::vector<double> &differences, BetterIs betterIs) {
        return toString(pairedDifference(differences, 0.01, betterIs).verdict);
    };
    QCOMPARE(verdict({0.10, 0.11, 0.12}, BetterIs::More), std::string("better"));
    QCOMPARE(verdict({-0.10, -0.11, -0.12}, BetterIs::More), std::string("worse"));
    QCOMPARE(verdict({0.001, -0.001, 0.0}, BetterIs::More), std::string("no difference within the margin"));
}

void tst_Statistics::seedsResolveWhatTheStudySays()
{
    QVERIFY(!resolvableHalfWidth(1, 0.015));
    for (const auto &[n, half] : {std::pair(3, 0.037), std::pair(5, 0.019), std::pair(8, 0.013)})
        QVERIFY(std::abs(*resolvableHalfWidth(n, kUsualSd) - half) < 0.0005);
    QCOMPARE(resolutionText(5), std::string("5 seeds tell differences of 0.019 nats from none (at an sd of 0.015)"));
    QCOMPARE(resolutionText(1), std::string("one seed: no interval"));
    QVERIFY(resolutionText(2).find("need three") != std::string::npos);
}

void tst_Statistics::means()
{
    QVERIFY(!meanOf({}) && !sdOf({}) && !sdOf({1}) && !medianOf({}));
    QCOMPARE(*meanOf({1, 2, 6}), 3.0);
    QCOMPARE(*sdOf({1, 3}), std::sqrt(2.0));
    QCOMPARE(*medianOf({9, 1, 5}), 5.0);
    QCOMPARE(*medianOf({9, 1, 5, 6}), 5.5);
}

QTEST_GUILESS_MAIN(tst_Statistics)
#include "tst_statistics.moc"
