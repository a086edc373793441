#include "core/base/gates.h"
#include "tests/widgets/fake_runs.h"
#include "widgets/panels/soundness_panel.h"
#include "widgets/state/run_table_model.h"
#include "widgets/style/check_look.h"
#include "widgets/style/theme.h"

#include <QApplication>
#include <QHelpEvent>
#include <QLabel>
#include <QSignalSpy>
#include <QTest>
#include <QToolTip>

#include <algorithm>

using namespace sparsescope;

namespace {

CheckResult result(const char *gate, CheckOutcome outcome, std::optional<double> value = {},
                   std::optional<double> limit = {})
{
    return {gate, "seq_64/sparse/seed_0", outcome, value, limit, "as it was measured"};
}

/// Is a colour on the picture, within a pixel's rounding?
int pixels(const QImage &image, const QColor &colour)
{
    int count = 0;
    for (int y = 0; y < image.height(); ++y) {
        for (int x = 0; x < image.width(); ++x) {
            count += image.pixelColor(x, y).rgb() == colour.rgb() ? 1 : 0;
        }
    }
    return count;
}

} // namespace

class tst_SoundnessPanel : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase() { applyTheme(*qApp, Theme::Light); }
    void init();
    void nothingMeasuredIsNoPass();
    void theHeadlineSaysTheWorst();
    void aFailedGateIsTintedAndSaysWhatToDo();
    void resultsComeWhileItTrains();
    void tooltipsSayHowItIsMeasured();
    void theRunTableMarksAnUnsoundRun();
    void narrowDocksWrapTheRemedy();

private:
    RunData &sparse() { return *m_runs[1]; }
    QLabel *headline() { return m_panel->findChild<QLabel *>(QStringLiteral("soundnessHeadline")); }
    SoundnessList *list() { return m_panel->findChild<SoundnessList *>(QStringLiteral("soundnessList")); }
    void passAll()
    {
        for (CheckResult check : sparse().checks()) {
            check.outcome = CheckOutcome::Passed;
            check.value = 0;
            check.limit = 1;
            sparse().apply(check);
        }
        sparse().flush();
    }

    std::vector<std::unique_ptr<RunData>> m_runs;
    std::unique_ptr<SoundnessPanel> m_panel;
};

void tst_SoundnessPanel::init()
{
    m_panel.reset();
    m_runs = test::smallRuns();
    QVERIFY(sparse().config().model.family == Family::Sparse);
    m_panel = std::make_unique<SoundnessPanel>();
    m_panel->resize(312, 420);
    m_panel->setRun(&sparse(), QStringLiteral("DSA s0"));
    m_panel->show();
}

void tst_SoundnessPanel::nothingMeasuredIsNoPass()
{
    QCOMPARE(headline()->text(), QStringLiteral("Checks not run"));
    QCOMPARE(headline()->property("role").toString(), QStringLiteral("hint"));
    QCOMPARE(list()->accessibleDescription().count(QStringLiteral("not checked")), 11);
    QVERIFY(!list()->accessibleDescription().contains(QStringLiteral("passed")));
    QCOMPARE(pixels(list()->grab().toImage(), currentTokens().passed), 0);
    m_panel->setRun(nullptr, {});
    QCOMPARE(headline()->text(), QStringLiteral("No run selected"));
}

void tst_SoundnessPanel::theHeadlineSaysTheWorst()
{
    passAll();
    QCOMPARE(headline()->text(), QStringLiteral("All 11 checks passed"));
    QCOMPARE(headline()->property("role").toString(), QStringLiteral("passed"));
    sparse().apply(result("ties", CheckOutcome::Warning, 0.024, 0.01));
    sparse().flush();
    QCOMPARE(headline()->text(), QStringLiteral("Compare with care: 1 warning"));
    QCOMPARE(headline()->property("role").toString(), QStringLiteral("check"));
    sparse().apply(result("causality", CheckOutcome::Failed, 2.5, 1e-4));
    sparse().flush();
    QCOMPARE(headline()->text(), QStringLiteral("Do not compare yet: 1 check failed"));
    QCOMPARE(headline()->property("role").toString(), QStringLiteral("failed"));
}

void tst_SoundnessPanel::aFailedGateIsTintedAndSaysWhatToDo()
{
    passAll();
    const int height = list()->heightForWidth(312);
    const QImage before = list()->grab().toImage();
    QVERIFY(pixels(before, currentTokens().passed) > 200);
    QCOMPARE(pixels(before, currentTokens().failed), 0);
    sparse().apply(result("causality", CheckOutcome::Failed, 2.5, 1e-4));
    sparse().flush();
    QVERIFY(list()->heightForWidth(312) > height); // the remedy needs its lines
    const QImage after = list()->grab().toImage();
    QVERIFY(pixels(after, currentTokens().failedTint) > 2000);
    // The bar at the left, 3 px wide and as high as the row.
    QCOMPARE(after.pixelColor(1, 12).rgb(), currentTokens().failed.rgb());
    QVERIFY(list()->accessibleDescription().contains(QStringLiteral("Future cannot leak failed")));
}

void tst_SoundnessPanel::resultsComeWhileItTrains()
{
    QSignalSpy changed(&sparse(), &RunData::checksChanged);
    sparse().apply(result("causality", CheckOutcome::Passed, 1e-6, 1e-4));
    QCOMPARE(changed.count(), 0); // with the next frame
    sparse().flush();
    QCOMPARE(changed.count(), 1);
    QCOMPARE(headline()->text(), QStringLiteral("1 check passed, 6 not made yet"));
    sparse().apply(result("causality", CheckOutcome::Passed, 1e-6, 1e-4)); // nothing new
    sparse().flush();
    QCOMPARE(changed.count(), 1);
    RunUpdate update;
    update.checks = {result("start", CheckOutcome::Passed, 0.01, 0.03)};
    update.state = {sparse().id().toStdString(), RunState::Queued, {}, 0, 100};
    sparse().apply(update);
    sparse().flush();
    QCOMPARE(headline()->text(), QStringLiteral("2 checks passed, 5 not made yet"));
}

void tst_SoundnessPanel::tooltipsSayHowItIsMeasured()
{
    sparse().apply(result("causality", CheckOutcome::Passed, 1e-6, 1e-4));
    sparse().flush();
    QHelpEvent help(QEvent::ToolTip, QPoint(60, 10), list()->mapToGlobal(QPoint(60, 10)));
    QApplication::sendEvent(list(), &help);
    QVERIFY2(QToolTip::text().contains(QStringLiteral("as it was measured")), qPrintable(QToolTip::text()));
    QVERIFY(QToolTip::text().contains(QStringLiteral("Passes when")));
}

void tst_SoundnessPanel::theRunTableMarksAnUnsoundRun()
{
    RunTableModel model;
    model.setRuns(test::pointers(m_runs));
    const QModelIndex state = model.indexOf(&sparse(), RunTableModel::State);
    QVERIFY(!state.data(Qt::ToolTipRole).toString().contains(QStringLiteral("Do not compare")));
    QSignalSpy changed(&model, &RunTableModel::dataChanged);
    sparse().apply(result("effective-k", CheckOutcome::Failed, 3, 0));
    sparse().flush();
    QVERIFY(changed.count() > 0);
    QVERIFY(sparse().unsound());
    QVERIFY(state.data(Qt::ToolTipRole).toString().contains(QStringLiteral("Do not compare yet: 1 check failed")));
    QVERIFY(state.data(Qt::AccessibleTextRole).toString().contains(QStringLiteral("1 check failed")));
}

void tst_SoundnessPanel::narrowDocksWrapTheRemedy()
{
    passAll();
    sparse().apply(result("chance", CheckOutcome::Failed, 7, 5.5));
    sparse().flush();
    QVERIFY(list()->heightForWidth(240) > list()->heightForWidth(600));
    m_panel->resize(262, 200);
    QApplication::processEvents();
    QVERIFY(list()->height() >= list()->heightForWidth(list()->width())); // it scrolls, nothing is cut
}

QTEST_MAIN(tst_SoundnessPanel)
#include "tst_soundness_panel.moc"
