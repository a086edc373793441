#include "core/train/schedule.h"
#include "core/train/stage_machine.h"
#include "tests/core/tiny_experiment.h"

#include <QTest>

#include <cmath>

using namespace sparsescope;

class tst_StageMachine : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void indexerOnlyStepsDoNotMoveTheAxis();
    void emptyStagesAreSkipped();
    void restoreRefusesAPositionOutside();
    void theScheduleWarmsUpAndEndsAtTheFloor();
};

void tst_StageMachine::indexerOnlyStepsDoNotMoveTheAxis()
{
    StageMachine stages(stagesOf(tinyRun(Family::Sparse)));
    QCOMPARE(stages.mainStepsInAll(), 10);
    std::vector<std::pair<std::int64_t, std::int64_t>> ends; // main and uncounted steps at each stage end
    while (!stages.finished()) {
        if (stages.advance()) {
            ends.emplace_back(stages.position().mainSteps, stages.position().uncountedSteps);
        }
    }
    const std::vector<std::pair<std::int64_t, std::int64_t>> expected{{7, 0}, {7, 4}, {10, 4}};
    QCOMPARE(ends, expected);
    QCOMPARE(stages.beginOf(1), 7);
    QCOMPARE(stages.endOf(1), 7);
    QCOMPARE(stages.endOf(2), 10);
}

void tst_StageMachine::emptyStagesAreSkipped()
{
    StageMachine stages({{"a", 0, {}, {}, {}, {}}, {"b", 1, {}, {}, {}, {}}, {"c", 0, {}, {}, {}, {}}});
    QCOMPARE(stages.current().name, std::string("b"));
    QVERIFY(stages.advance());
    QVERIFY(stages.finished());
}

void tst_StageMachine::restoreRefusesAPositionOutside()
{
    StageMachine stages(stagesOf(tinyRun(Family::Classic)));
    stages.restore({0, 3, 3, 0});
    QCOMPARE(stages.position().mainSteps, 3);
    QVERIFY_EXCEPTION_THROWN(stages.restore({5, 0, 3, 0}), Failure);
    QVERIFY_EXCEPTION_THROWN(stages.restore({0, 10, 10, 0}), Failure);
    QVERIFY_EXCEPTION_THROWN(stages.restore({-1, 0, 0, 0}), Failure);
}

void tst_StageMachine::theScheduleWarmsUpAndEndsAtTheFloor()
{
    TrainingConfig training;
    training.steps = 100;
    training.warmupSteps = 10;
    training.scheduleFloor = 0.1;
    QCOMPARE(scheduleFactor(training, 0), 0.1);
    QCOMPARE(scheduleFactor(training, 9), 1.0);
    QCOMPARE(scheduleFactor(training, 10), 1.0);
    QCOMPARE(scheduleFactor(training, 55), 0.55); // half way: the mean of 1 and the floor
    QVERIFY(std::abs(scheduleFactor(training, 100) - 0.1) < 1e-12);
    training.schedule = Schedule::Constant;
    QCOMPARE(scheduleFactor(training, 80), 1.0);
}

QTEST_GUILESS_MAIN(tst_StageMachine)
#include "tst_stage_machine.moc"
