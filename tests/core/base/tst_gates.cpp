#include "core/base/error.h"
#include "core/base/gates.h"

#include <QTest>

using namespace sparsescope;

/// The words of the gates and what is stored of them.
class tst_Gates : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void headlineCountsTheWorst();
    void resultsGoThroughJson();
};

void tst_Gates::headlineCountsTheWorst()
{
    CheckResult passed, warning, failed, notRun;
    passed.outcome = CheckOutcome::Passed;
    warning.outcome = CheckOutcome::Warning;
    failed.outcome = CheckOutcome::Failed;
    QCOMPARE(soundnessHeadline({}), std::string("Checks not run"));
    QCOMPARE(soundnessHeadline({notRun}), std::string("Checks not run"));
    QCOMPARE(soundnessHeadline({passed, passed, notRun}), std::string("All 2 checks passed"));
    QCOMPARE(soundnessHeadline({passed, warning}), std::string("Compare with care: 1 warning"));
    QCOMPARE(soundnessHeadline({passed, warning, failed, failed}), std::string("Do not compare yet: 2 checks failed"));
}

void tst_Gates::resultsGoThroughJson()
{
    CheckResult result{"ties", "seq_24/sparse/seed_0", CheckOutcome::Warning, 0.25, std::nullopt, "25 % of the rows"};
    const CheckResult back = checkResultFromJson(nlohmann::json::parse(toJson(result).dump()));
    QCOMPARE(back.gate, result.gate);
    QCOMPARE(back.run, result.run);
    QVERIFY(back.outcome == result.outcome);
    QCOMPARE(*back.value, 0.25);
    QVERIFY(!back.limit);
    QCOMPARE(back.measured, result.measured);
    QVERIFY_EXCEPTION_THROWN(checkResultFromJson(nlohmann::json{{"gate", "ties"}}), Failure);
}

QTEST_GUILESS_MAIN(tst_Gates)
#include "tst_gates.moc"
