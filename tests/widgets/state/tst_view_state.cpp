#include "widgets/state/view_state.h"

#include <QSignalSpy>
#include <QTest>

using namespace sparsescope;

class TestViewState : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void undoAndRedoWalkTheChanges()
    {
        ViewState state;
        QVERIFY(!state.canUndo());
        state.setLayer(3);
        state.setCell(12, 5);
        state.setMap(MapKind::Attention, 2);
        const View all = state.view();
        state.undo();
        QCOMPARE(state.view().map, MapKind::IndexScore);
        QCOMPARE(state.view().query, 12);
        state.undo();
        QCOMPARE(state.view().query, -1);
        QCOMPARE(state.view().layer, 3);
        state.undo();
        QCOMPARE(state.view().layer, 0);
        QVERIFY(!state.canUndo());
        state.undo();
        for (int i = 0; i < 3; ++i) {
            QVERIFY(state.canRedo());
            state.redo();
        }
        QVERIFY(state.view() == all);
        // A new change ends what could be redone.
        state.undo();
        state.setLayer(1);
        QVERIFY(!state.canRedo());
    }

    void sidesAreUndoneButNotProposals()
    {
        ViewState state;
        state.proposeSides(QStringLiteral("a"), QStringLiteral("b"));
        QVERIFY(!state.canUndo());
        state.swapSides();
        QCOMPARE(state.view().sideA, QStringLiteral("b"));
        state.setCompareBy(XAxis::Flops);
        state.setCompared({QStringLiteral("c")});
        state.setDifferenceLimit(0.05);
        for (int i = 0; i < 3; ++i) {
            state.undo();
        }
        QCOMPARE(state.view().compareBy, XAxis::Step);
        QVERIFY(state.view().compared.isEmpty() && !state.view().differenceLimit);
        QCOMPARE(state.view().sideA, QStringLiteral("b"));
        state.undo();
        QCOMPARE(state.view().sideA, QStringLiteral("a"));
        QCOMPARE(state.view().sideB, QStringLiteral("b"));
        QVERIFY(!state.canUndo());
    }

    void changesOfOneThingWithin400MillisecondsAreOneStep()
    {
        ViewState state;
        for (int i = 1; i <= 5; ++i) {
            state.setWindow(MapWindow{64, 0, 0, 4.0 * i});
        }
        state.setLayer(1);
        state.undo();
        QCOMPARE(state.view().layer, 0);
        QCOMPARE(state.view().window->cell, 20.0);
        state.undo();
        QVERIFY(!state.view().window);
        QVERIFY(!state.canUndo());
        state.setWindow(MapWindow{64, 0, 0, 4});
        QTest::qWait(ViewState::kMergeMilliseconds + 60);
        state.setWindow(MapWindow{64, 0, 0, 8});
        state.undo();
        QCOMPARE(state.view().window->cell, 4.0);
    }

    void followingARunIsNoStepAndTheRunStays()
    {
        ViewState state;
        state.setRun("a");
        state.followStep(10);
        state.followStep(20);
        QVERIFY(!state.canUndo());
        state.setStep(5);
        state.setRun("b");
        state.setInspect(InspectView::Focus);
        state.undo();
        QVERIFY(state.view().followLive);
        QCOMPARE(state.view().run, QStringLiteral("b"));
        QCOMPARE(state.view().inspect, InspectView::Focus);
    }

    void keepsAHundredSteps()
    {
        ViewState state;
        for (int i = 0; i < 300; ++i) { // two things in turn: nothing merges
            i % 2 == 0 ? state.setLayer(i + 1) : state.setQuery(i);
        }
        int steps = 0;
        for (; state.canUndo(); ++steps) {
            state.undo();
        }
        QCOMPARE(steps, ViewState::kUndoSteps);
        QCOMPARE(state.view().layer, 199);
    }

    void aChangeThatIsNoneStaysSilent()
    {
        ViewState state;
        state.setLayer(2);
        QSignalSpy changed(&state, &ViewState::changed);
        state.setLayer(2);
        state.setLimits(MapKind::Attention, std::nullopt);
        QCOMPARE(changed.count(), 0);
        state.setLimits(MapKind::Attention, Limits{0.001, 0.5});
        QCOMPARE(changed.count(), 1);
        QVERIFY(!state.view().limitsOf(MapKind::IndexScore));
        state.clearLimits();
        QVERIFY(!state.view().limitsOf(MapKind::Attention));
    }
};

QTEST_GUILESS_MAIN(TestViewState)
#include "tst_view_state.moc"
