#include "app/train_page.h"
#include "tests/journey/launch_window.h"
#include "widgets/panels/config_form.h"
#include "widgets/panels/log_panel.h"
#include "widgets/panels/notice_bar.h"
#include "widgets/state/run_table_model.h"

#include <QAction>
#include <QComboBox>
#include <QLabel>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QToolButton>

#include <atomic>
#include <chrono>
#include <thread>

using namespace sparsescope;
namespace fs = std::filesystem;

namespace {

/// Does a bar say so, wholly or in the tooltip of what has no room?
bool says(const NoticeBar &notices, const char *words)
{
    return std::ranges::any_of(notices.findChildren<QLabel *>(), [&](const QLabel *label) {
        return (label->text() + label->toolTip()).contains(QLatin1String(words));
    });
}

} // namespace

/// From an empty form to a queue of three, with everything that happens to it, with real keys and a real engine.
class tst_Launch : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase() { test::LaunchWindow::prepare(); }
    void init() { m_window = std::make_unique<test::LaunchWindow>(); }
    void cleanup() { m_window.reset(); }
    void aBadFieldStopsTheWay();
    void theQueueIsReorderedTrainedAndGoesOn();
    void singleRunsMoveAndGo();
    void aFailedRunIsTold();
    void aRunThatHasToWaitIsTold();
    void noticesLeaveRoomInTheSmallestWindow();

private:
    std::unique_ptr<test::LaunchWindow> m_window;
};

void tst_Launch::aBadFieldStopsTheWay()
{
    test::LaunchWindow &window = *m_window;
    window.open();
    QTest::mouseClick(window.child<QPushButton>("presetButton"), Qt::LeftButton);
    auto *add = window.child<QPushButton>("addToQueueButton");
    auto *message = window.child<QLabel>("configMessage");
    auto *estimate = window.child<QLabel>("estimateLabel");
    QTRY_VERIFY(estimate->text().startsWith(QStringLiteral("2 runs · up to ")));
    QCOMPARE(add->text(), QStringLiteral("Add 2 runs to queue"));

    const QString before = estimate->text();
    window.type("layersEdit", QStringLiteral("6"));
    QTRY_VERIFY_WITH_TIMEOUT(estimate->text() != before, 1000);

    // No computer that runs this test has that much memory.
    const std::pair<const char *, const char *> large[] = {
        {"layersEdit", "128"}, {"headsEdit", "128"}, {"widthEdit", "16384"}, {"indexerDimEdit", "128"}};
    for (const auto &[edit, value] : large) {
        window.type(edit, QLatin1String(value));
    }
    QVERIFY(add->isEnabled());
    QTRY_VERIFY(estimate->text().contains(QStringLiteral("More than the ")));
    QVERIFY2(estimate->text().endsWith(QStringLiteral("not even one sequence fits")), qPrintable(estimate->text()));
    QTest::mouseClick(window.child<QPushButton>("resetConfigButton"), Qt::LeftButton);
    QTRY_COMPARE(estimate->text(), before);

    window.type("headsEdit", QStringLiteral("3")); // 16 / 3 is not whole
    QVERIFY(window.child<QLineEdit>("headsEdit")->property("bad").toBool());
    QVERIFY(!add->isEnabled());
    QCOMPARE(message->text(), QStringLiteral("1 field needs a change before this can run"));
    window.type("indexerDimEdit", QStringLiteral("7")); // odd, and too few
    QCOMPARE(message->text(), QStringLiteral("2 fields need a change before this can run"));
    QTest::mouseClick(add, Qt::LeftButton);
    QVERIFY(window->queue().waiting().empty());

    window.type("headsEdit", QStringLiteral("2"));
    window.type("indexerDimEdit", QStringLiteral("8"));
    QVERIFY(add->isEnabled() && message->isHidden());
    QVERIFY(!window.child<QLineEdit>("headsEdit")->property("bad").toBool());
}

void tst_Launch::theQueueIsReorderedTrainedAndGoesOn()
{
    test::LaunchWindow &window = *m_window;
    window.open();
    QTest::mouseClick(window.child<QPushButton>("presetButton"), Qt::LeftButton);
    auto *add = window.child<QPushButton>("addToQueueButton");
    for (int copy = 0; copy < 4; ++copy) {
        QTest::mouseClick(add, Qt::LeftButton);
    }
    QCOMPARE(window.waiting(), QStringList({"tiny", "tiny-2", "tiny-3", "tiny-4"}));
    QCOMPARE(window->runs().size(), std::size_t{8});
    QVERIFY(!window->queue().training()); // adding is not starting

    // The last one is not wanted after all; the third comes before the second.
    auto *table = window.child<QTreeView>("runTable");
    window.chooseRow("tiny-4");
    QTest::keyClick(table, Qt::Key_Delete);
    QCOMPARE(window.waiting(), QStringList({"tiny", "tiny-2", "tiny-3"}));
    QCOMPARE(window->runs().size(), std::size_t{6});
    QVERIFY(window->currentRun() != nullptr);
    window.chooseRow("tiny-3");
    QVERIFY(!window.child<QToolButton>("moveDownButton")->isEnabled());
    QTest::keyClick(table, Qt::Key_Up, Qt::AltModifier);
    QCOMPARE(window.waiting(), QStringList({"tiny", "tiny-3", "tiny-2"}));
    QCOMPARE(window.rows(), window.waiting());
    QTest::mouseClick(window.child<QToolButton>("moveUpButton"), Qt::LeftButton);
    QCOMPARE(window.waiting(), QStringList({"tiny-3", "tiny", "tiny-2"}));
    QTest::mouseClick(window.child<QToolButton>("moveDownButton"), Qt::LeftButton);
    QCOMPARE(window.waiting(), QStringList({"tiny", "tiny-3", "tiny-2"}));

    // Start, pause, resume.
    QTest::keyClick(window.get(), Qt::Key_Return, Qt::ControlModifier);
    QTRY_VERIFY_WITH_TIMEOUT(!window->runs().front()->series("train.loss").empty(), 20000);
    QCOMPARE(window.waiting(), QStringList({"tiny-3", "tiny-2"}));
    window.chooseRow("tiny", 0); // what trains is not to be moved or removed
    QVERIFY(!window.child<QToolButton>("moveUpButton")->isEnabled() &&
            !window.child<QToolButton>("moveDownButton")->isEnabled());
    QTest::keyClick(table, Qt::Key_Delete);
    QVERIFY(window->queue().training());
    QTest::keyClick(window.get(), Qt::Key_F6);
    QTRY_COMPARE_WITH_TIMEOUT(window.child<QPushButton>("startButton")->text(), QStringLiteral("Resume"), 5000);
    const std::int64_t paused = window->runs().front()->step();
    QTest::qWait(300);
    QCOMPARE(window->runs().front()->step(), paused);
    QTest::keyClick(window.get(), Qt::Key_F6);
    QTRY_VERIFY_WITH_TIMEOUT(window->runs().front()->step() > paused, 5000);
    QVERIFY(window->viewState().view().followLive); // the cursor goes with the training, not with its snapshots
    QTRY_VERIFY_WITH_TIMEOUT(window->viewState().view().step > paused, 5000);

    // Hide a run's curves and show them again.
    RunData *hidden = window->currentRun();
    const QString name = QString::fromStdString(displayName(hidden->config().model.family));
    const auto curves = [&] {
        int count = 0;
        for (const PlotCurve &curve : window->trainPage()->loss()->plot()->content().curves) {
            count += curve.name == name ? 1 : 0;
        }
        return count;
    };
    QTRY_COMPARE(curves(), 1);
    table->setFocus();
    QTest::keyClick(table, Qt::Key_Space);
    QTRY_COMPARE(curves(), 0);
    QTest::keyClick(table, Qt::Key_Space);
    QTRY_COMPARE(curves(), 1);

    // The filter finds the runs of one family.
    QTest::keyClick(window.get(), Qt::Key_F, Qt::ControlModifier);
    QTest::keyClicks(QApplication::focusWidget(), QStringLiteral("dsa"));
    QCOMPARE(table->model()->rowCount(table->model()->index(0, 0)), 1);
    QTest::keyClick(QApplication::focusWidget(), Qt::Key_A, Qt::ControlModifier);
    QTest::keyClick(QApplication::focusWidget(), Qt::Key_Backspace);
    QCOMPARE(table->model()->rowCount(table->model()->index(0, 0)), 2);

    // Stop: with a checkpoint; the others wait.
    QTest::keyClick(window.get(), Qt::Key_F6, Qt::ShiftModifier);
    QTRY_VERIFY_WITH_TIMEOUT(!window->queue().training(), 5000);
    QVERIFY(window->runs().front()->state() == RunState::Stopped);
    QVERIFY(!RunReader(window->runs().front()->folder()).checkpoints().empty());
    QCOMPARE(window.waiting(), QStringList({"tiny-3", "tiny-2"}));

    // Duplicate the stopped one, shorter.
    window.chooseRow("tiny");
    QTest::keyClick(window.get(), Qt::Key_D, Qt::ControlModifier);
    QCOMPARE(window.child<QComboBox>("presetCombo")->currentText(), QStringLiteral("Copy of tiny"));
    window.type("stepsEdit", QStringLiteral("20"));
    QTest::mouseClick(add, Qt::LeftButton);
    QCOMPARE(window.waiting(), QStringList({"tiny-3", "tiny-2", "tiny-4"}));
    QCOMPARE(window->queue().waiting().back().config.document["training"]["steps"].get<int>(), 20);
    window.chooseRow("tiny-4");
    QTest::keyClick(table, Qt::Key_Up, Qt::AltModifier);
    QTest::keyClick(table, Qt::Key_Up, Qt::AltModifier);
    for (const char *other : {"tiny-3", "tiny-2"}) {
        window.chooseRow(other);
        QTest::keyClick(table, Qt::Key_Delete);
    }
    QCOMPARE(window.waiting(), QStringList({"tiny-4"}));

    // Go on with the stopped one by its menu's action: it queues behind and trains to its end.
    window.chooseRow("tiny");
    window.child<QAction>("resumeAction")->trigger();
    QTRY_VERIFY_WITH_TIMEOUT(!window->queue().training() && window.waiting().empty(), 120000);
    QCOMPARE(window.rows(), QStringList({"tiny-4", "tiny"})); // in the order in which they trained
    for (RunData *run : window->runs()) {
        QVERIFY2(run->state() == RunState::Finished, qPrintable(run->id() + run->reason()));
    }
}

void tst_Launch::singleRunsMoveAndGo()
{
    test::LaunchWindow &window = *m_window;
    window.open();
    nlohmann::ordered_json document = test::launchExperiment();
    document["training"]["steps"] = 200;
    document["sweep"] = {{"seed", {0, 1, 2, 3}}, {"family", {"sparse"}}};
    window->queue().add(parseExperiment(document, "tiny.json"));
    const auto waiting = [&] {
        QStringList seeds;
        for (const std::string &run : window->queue().waitingRuns(window.file("runs") / "tiny")) {
            seeds << QString::fromStdString(run).right(1);
        }
        return seeds;
    };
    auto *table = window.child<QTreeView>("runTable");
    const auto rows = [&] {
        QStringList seeds;
        const QModelIndex group = table->model()->index(0, 0);
        for (int row = 0; row < table->model()->rowCount(group); ++row) {
            seeds
                << table->model()->index(row, 0, group).data(RunTableModel::RunRole).value<RunData *>()->id().right(1);
        }
        return seeds;
    };
    QCOMPARE(waiting(), QStringList({"0", "1", "2", "3"}));

    // Before it starts: the last one up, the second out.
    window.chooseRow("tiny", 3);
    QVERIFY(!window.child<QToolButton>("moveDownButton")->isEnabled());
    QTest::keyClick(table, Qt::Key_Up, Qt::AltModifier);
    QCOMPARE(waiting(), QStringList({"0", "1", "3", "2"}));
    QCOMPARE(rows(), waiting());
    QCOMPARE(window->currentRun()->config().training.seed, std::uint64_t{3}); // still the chosen one
    window.chooseRow("tiny", 1);
    QTest::keyClick(table, Qt::Key_Delete);
    QCOMPARE(waiting(), QStringList({"0", "3", "2"}));
    QCOMPARE(rows(), waiting());
    QCOMPARE(window->runs().size(), std::size_t{3});

    // While the first one trains: the others can still be moved and taken out, and it cannot.
    QTest::keyClick(window.get(), Qt::Key_Return, Qt::ControlModifier);
    QTRY_VERIFY_WITH_TIMEOUT(!window->runs().front()->series("train.loss").empty(), 20000);
    QCOMPARE(waiting(), QStringList({"3", "2"}));
    window.chooseRow("tiny", 0);
    QVERIFY(!window.child<QToolButton>("moveDownButton")->isEnabled());
    QTest::keyClick(table, Qt::Key_Delete);
    window.chooseRow("tiny", 2);
    QTest::mouseClick(window.child<QToolButton>("moveUpButton"), Qt::LeftButton);
    QCOMPARE(waiting(), QStringList({"2", "3"}));
    QCOMPARE(rows(), QStringList({"0", "2", "3"}));
    window.chooseRow("tiny", 2);
    QTest::keyClick(table, Qt::Key_Delete);
    QCOMPARE(waiting(), QStringList({"2"}));
    QTRY_VERIFY_WITH_TIMEOUT(!window->queue().training(), 60000);
    for (const RunData *run : window->runs()) {
        const bool out = run->config().training.seed == 3;
        QVERIFY2(run->state() == (out ? RunState::Stopped : RunState::Finished), qPrintable(run->id() + run->reason()));
    }
    QVERIFY(!fs::exists(window.file("runs") / "tiny" / "seq_24" / "sparse" / "seed_1")); // never queued
}

void tst_Launch::aFailedRunIsTold()
{
    test::LaunchWindow &window = *m_window;
    // Stands in for an engine whose loss became NaN: what the window makes of it is looked at here.
    window.open([](const ExperimentConfig &experiment, const RunnerOptions &options, RunControl &,
                   TrainingObserver &observer) {
        fs::create_directories(options.out / experiment.name);
        std::ofstream(options.out / experiment.name / "experiment.json") << experiment.document.dump();
        std::vector<RunOutcome> outcomes;
        for (const RunConfig &run : expand(experiment)) {
            const std::string reason = "loss became NaN at step 12, first in layer 3. Halve training.learning_rate.";
            observer.onLog({run.folder(), 0, 12, LogLevel::Error, reason});
            observer.onState({run.folder(), RunState::Failed, reason, 12, run.training.steps});
            outcomes.push_back({run.folder(), RunState::Failed, reason, 12});
        }
        return outcomes;
    });
    QTest::mouseClick(window.child<QPushButton>("presetButton"), Qt::LeftButton);
    auto *add = window.child<QPushButton>("addToQueueButton");
    QTest::mouseClick(add, Qt::LeftButton);
    QTest::mouseClick(add, Qt::LeftButton);
    window.child<QAction>("continueOnErrorAction")->trigger(); // off
    QVERIFY(!window->queue().continueOnError());
    QTest::keyClick(window.get(), Qt::Key_Return, Qt::ControlModifier);
    QTRY_VERIFY_WITH_TIMEOUT(!window->queue().training(), 5000);
    QCOMPARE(window.waiting(), QStringList({"tiny-2"})); // it does not start after a failure
    auto *notices = window.child<NoticeBar>("noticeBar");
    QTRY_COMPARE(notices->count(), 2);
    QCOMPARE(notices->newest(), QStringLiteral("DSA: loss became NaN at step 12"));
    QVERIFY(says(*notices, "First in layer 3. Halve training.learning_rate."));

    // A remedy makes a copy with half the rate; nothing is queued without a look.
    const double rate = window->runs().back()->config().training.learningRate;
    for (QPushButton *button : notices->findChildren<QPushButton *>()) {
        if (button->text() == QLatin1String("Halve the learning rate")) {
            QTest::mouseClick(button, Qt::LeftButton);
            break;
        }
    }
    QCOMPARE(window.child<QComboBox>("presetCombo")->currentText(), QStringLiteral("Copy of tiny"));
    QCOMPARE(window->form()->document()["training"]["learning_rate"].get<double>(), rate / 2);
    QCOMPARE(window.waiting().size(), 1);

    // A double click on the run shows its line in the log.
    auto *table = window.child<QTreeView>("runTable");
    window.chooseRow("tiny", 0);
    QTest::mouseDClick(table->viewport(), Qt::LeftButton, {}, table->visualRect(table->currentIndex()).center());
    QCOMPARE(window->page(), Page::Train);
    QVERIFY(
        window.child<LogPanel>("logPanel")->view()->textCursor().selectedText().contains(QStringLiteral("became NaN")));

    window.child<QAction>("continueOnErrorAction")->trigger(); // on: the rest is tried
    QTest::keyClick(window.get(), Qt::Key_Return, Qt::ControlModifier);
    QTRY_VERIFY_WITH_TIMEOUT(!window->queue().training() && window.waiting().empty(), 5000);
}

void tst_Launch::aRunThatHasToWaitIsTold()
{
    test::LaunchWindow &window = *m_window;
    std::atomic<bool> room = false;
    // Stands in for an engine on a full disk; it waits for room, as the real one does.
    window.open([&room](const ExperimentConfig &experiment, const RunnerOptions &options, RunControl &control,
                        TrainingObserver &observer) {
        std::vector<RunOutcome> outcomes;
        const RunConfig run = expand(experiment).front();
        const std::int64_t steps = run.training.steps;
        const std::string place = (options.out / experiment.name / run.folder()).string();
        observer.onState({run.folder(), RunState::Running, "", 5, steps});
        observer.onState(
            {run.folder(), RunState::Paused,
             place + "/checkpoints/00000005.partial/model.safetensors: cannot write the file, got No space left on "
                     "device. The disk is full: make room and try again.",
             5, steps});
        while (!room && !control.stopping()) {
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
        observer.onState({run.folder(), RunState::Running, "", 5, steps});
        while (!control.stopping()) {
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
        outcomes.push_back({run.folder(), RunState::Stopped, "", 5});
        return outcomes;
    });
    QTest::mouseClick(window.child<QPushButton>("presetButton"), Qt::LeftButton);
    QTest::keyClick(window.get(), Qt::Key_Return, Qt::ControlModifier);
    auto *notices = window.child<NoticeBar>("noticeBar");
    QTRY_COMPARE(notices->newest(), QStringLiteral("Disk full: Classic is paused at step 5"));
    QVERIFY(says(*notices, "in another folder it goes on from its last checkpoint. checkpoints/00000005.partial/"));
    QTRY_VERIFY(window.child<QLabel>("statusRun")->text().startsWith(QStringLiteral("Paused tiny")));
    QVERIFY(window.child<QPushButton>("stopButton")->isEnabled());
    room = true;
    QTRY_COMPARE(notices->count(), 0); // mended: nothing is left to say
    QTest::keyClick(window.get(), Qt::Key_F6, Qt::ShiftModifier);
    QTRY_VERIFY_WITH_TIMEOUT(!window->queue().training(), 5000);
}

void tst_Launch::noticesLeaveRoomInTheSmallestWindow()
{
    test::LaunchWindow &window = *m_window;
    window.open();
    QTest::mouseClick(window.child<QPushButton>("presetButton"), Qt::LeftButton);
    window->resize(1100, 700);
    auto *notices = window.child<NoticeBar>("noticeBar");
    const QString cause = QStringLiteral("DSA failed at step 4,182");
    const QString consequence =
        QStringLiteral("What happened to it takes more words than two lines hold. ").repeated(6);
    for (const char *id : {"first", "second", "third"}) {
        notices->post(QLatin1String(id), NoticeBar::Kind::Failed, cause, consequence,
                      {{QStringLiteral("Halve the learning rate"), [] {}}, {QStringLiteral("Show in the log"), [] {}}});
    }
    QTest::qWait(200);
    QCOMPARE(window->size(), QSize(1100, 700));
    QVERIFY2(notices->height() < 220, qPrintable(QString::number(notices->height())));
    auto *plot = window.child<QWidget>("lossPlot");
    QVERIFY2(plot->height() >= plot->minimumSizeHint().height(), qPrintable(QString::number(plot->height())));
    int whole = 0;
    for (const QLabel *label : notices->findChildren<QLabel *>()) {
        if (label->isVisible() && label->text() != cause) {
            ++whole;
            QVERIFY(label->height() >= label->heightForWidth(label->width())); // nothing is cut off
            QCOMPARE(label->toolTip(), consequence);
        }
    }
    QCOMPARE(whole, 1); // the newest
    // With room all of it is there.
    window->resize(1600, 1000);
    QTest::qWait(200);
    for (const QLabel *label : notices->findChildren<QLabel *>()) {
        QVERIFY(label->isVisible());
        QVERIFY(label->text() == cause || label->text() == consequence);
    }
    QCOMPARE(window->size(), QSize(1600, 1000));
}

QTEST_MAIN(tst_Launch)
#include "tst_launch.moc"
