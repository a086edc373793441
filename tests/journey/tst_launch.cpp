#include "app/main_window.h"
#include "app/train_page.h"
#include "core/experiment/runner.h"
#include "core/train/train_run.h"
#include "core/train/warm_up.h"
#include "tests/core/tiny_experiment.h"
#include "widgets/panels/config_form.h"
#include "widgets/panels/log_panel.h"
#include "widgets/panels/notice_bar.h"
#include "widgets/panels/run_table.h"
#include "widgets/style/theme.h"

#include <QAction>
#include <QApplication>
#include <QComboBox>
#include <QLabel>
#include <QLineEdit>
#include <QPlainTextEdit>
#include <QProcess>
#include <QPushButton>
#include <QStandardPaths>
#include <QTemporaryDir>
#include <QTest>
#include <QToolButton>
#include <QTreeView>

#include <csignal>
#include <fstream>
#include <future>

using namespace sparsescope;
namespace fs = std::filesystem;

/// From an empty form to a queue of three, with everything that happens to it, with real keys and a real engine.
class tst_Launch : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase();
    void init();
    void cleanup();
    void aBadFieldStopsTheWay();
    void theQueueIsReorderedTrainedAndGoesOn();
    void aFailedRunIsTold();
    void whatWasCutOffIsResumed();
    void theSessionComesBack();
    void aDamagedSessionIsSetAside();
    void aSignalSavesBeforeTheEnd();
    void withoutADisplayOneLineSaysSo();

private:
    void open(Engine engine = runExperiment);
    template <class T>
    T *child(const char *name)
    {
        return m_window->findChild<T *>(QLatin1String(name));
    }
    void type(const char *edit, const QString &text);
    void chooseRow(const std::string &experiment);
    QStringList waiting();
    QStringList rows();
    fs::path file(const char *name) const { return fs::path(m_folder->path().toStdString()) / name; }

    std::unique_ptr<QTemporaryDir> m_folder;
    std::unique_ptr<MainWindow> m_window;
};

namespace {

nlohmann::ordered_json launchExperiment()
{
    nlohmann::ordered_json document = tinyExperiment();
    document["training"]["steps"] = 600;
    document["training"]["eval_every"] = 100;
    document["training"]["checkpoint_seconds"] = 1;
    document["probe"]["every"] = 200;
    document["sweep"]["family"] = {"classic", "sparse"};
    return document;
}

QString program(const char *name)
{
    return qEnvironmentVariable("SPARSESCOPE_BIN") + QLatin1Char('/') + QLatin1String(name);
}

} // namespace

void tst_Launch::initTestCase()
{
    QStandardPaths::setTestModeEnabled(true);
    QApplication::setOrganizationName(QStringLiteral("sparsescope-test"));
    applyTheme(*qApp, Theme::Light);
    warmUpEngine("cpu");
}

void tst_Launch::init()
{
    m_folder = std::make_unique<QTemporaryDir>();
    fs::create_directories(file("presets"));
    std::ofstream(file("presets") / "tiny.json") << launchExperiment().dump(2);
}

void tst_Launch::cleanup()
{
    m_window.reset();
    m_folder.reset();
}

void tst_Launch::open(Engine engine)
{
    WindowOptions options;
    options.out = file("runs");
    options.presets = file("presets");
    options.session = file("session.json");
    options.device = "cpu";
    m_window.reset(); // before another holds the session
    m_window = std::make_unique<MainWindow>(std::move(engine), options);
    m_window->restoreSession(true);
    m_window->resize(1600, 1000);
    m_window->show();
    m_window->activateWindow();
    QVERIFY(QTest::qWaitForWindowActive(m_window.get()));
}

void tst_Launch::type(const char *edit, const QString &text)
{
    auto *field = child<QLineEdit>(edit);
    field->setFocus();
    field->selectAll();
    QTest::keyClicks(field, text);
}

void tst_Launch::chooseRow(const std::string &experiment)
{
    auto *table = child<QTreeView>("runTable");
    const QAbstractItemModel *model = table->model();
    for (int row = 0; row < model->rowCount(); ++row) {
        const QModelIndex group = model->index(row, 0);
        if (group.data().toString().toStdString() == experiment) {
            table->scrollTo(group);
            QTest::mouseClick(table->viewport(), Qt::LeftButton, {},
                              table->visualRect(model->index(0, 0, group)).center());
            return;
        }
    }
    QFAIL("no such experiment in the table");
}

QStringList tst_Launch::waiting()
{
    QStringList names;
    for (const QueuedExperiment &entry : m_window->queue().waiting()) {
        names << QString::fromStdString(entry.config.name);
    }
    return names;
}

QStringList tst_Launch::rows()
{
    QStringList names;
    const QAbstractItemModel *model = child<QTreeView>("runTable")->model();
    for (int row = 0; row < model->rowCount(); ++row) {
        names << model->index(row, 0).data().toString();
    }
    return names;
}

void tst_Launch::aBadFieldStopsTheWay()
{
    open();
    QTest::mouseClick(child<QPushButton>("presetButton"), Qt::LeftButton);
    auto *add = child<QPushButton>("addToQueueButton");
    auto *message = child<QLabel>("configMessage");
    auto *estimate = child<QLabel>("estimateLabel");
    QTRY_VERIFY(estimate->text().startsWith(QStringLiteral("2 runs · up to ")));
    QCOMPARE(add->text(), QStringLiteral("Add 2 runs to queue"));

    const QString before = estimate->text();
    type("layersEdit", QStringLiteral("6"));
    QTRY_VERIFY_WITH_TIMEOUT(estimate->text() != before, 1000);

    type("headsEdit", QStringLiteral("3")); // 16 / 3 is not whole
    QVERIFY(child<QLineEdit>("headsEdit")->property("bad").toBool());
    QVERIFY(!add->isEnabled());
    QCOMPARE(message->text(), QStringLiteral("1 field needs a change before this can run"));
    type("indexerDimEdit", QStringLiteral("7")); // odd, and too few
    QCOMPARE(message->text(), QStringLiteral("2 fields need a change before this can run"));
    QTest::mouseClick(add, Qt::LeftButton);
    QVERIFY(m_window->queue().waiting().empty());

    type("headsEdit", QStringLiteral("2"));
    type("indexerDimEdit", QStringLiteral("8"));
    QVERIFY(add->isEnabled() && message->isHidden());
    QVERIFY(!child<QLineEdit>("headsEdit")->property("bad").toBool());
}

void tst_Launch::theQueueIsReorderedTrainedAndGoesOn()
{
    open();
    QTest::mouseClick(child<QPushButton>("presetButton"), Qt::LeftButton);
    auto *add = child<QPushButton>("addToQueueButton");
    for (int copy = 0; copy < 4; ++copy) {
        QTest::mouseClick(add, Qt::LeftButton);
    }
    QCOMPARE(waiting(), QStringList({"tiny", "tiny-2", "tiny-3", "tiny-4"}));
    QCOMPARE(m_window->runs().size(), std::size_t{8});
    QVERIFY(!m_window->queue().training()); // adding is not starting

    // The last one is not wanted after all; the third comes before the second.
    auto *table = child<QTreeView>("runTable");
    chooseRow("tiny-4");
    QTest::keyClick(table, Qt::Key_Delete);
    QCOMPARE(waiting(), QStringList({"tiny", "tiny-2", "tiny-3"}));
    QCOMPARE(m_window->runs().size(), std::size_t{6});
    QVERIFY(m_window->currentRun() != nullptr);
    chooseRow("tiny-3");
    QVERIFY(!child<QToolButton>("moveDownButton")->isEnabled());
    QTest::keyClick(table, Qt::Key_Up, Qt::AltModifier);
    QCOMPARE(waiting(), QStringList({"tiny", "tiny-3", "tiny-2"}));
    QCOMPARE(rows(), waiting());
    QTest::mouseClick(child<QToolButton>("moveUpButton"), Qt::LeftButton);
    QCOMPARE(waiting(), QStringList({"tiny-3", "tiny", "tiny-2"}));
    QTest::mouseClick(child<QToolButton>("moveDownButton"), Qt::LeftButton);
    QCOMPARE(waiting(), QStringList({"tiny", "tiny-3", "tiny-2"}));

    // Start, pause, resume.
    QTest::keyClick(m_window.get(), Qt::Key_Return, Qt::ControlModifier);
    QTRY_VERIFY_WITH_TIMEOUT(!m_window->runs().front()->series("train.loss").empty(), 20000);
    QCOMPARE(waiting(), QStringList({"tiny-3", "tiny-2"}));
    chooseRow("tiny"); // what trains is not to be moved or removed
    QVERIFY(!child<QToolButton>("moveUpButton")->isEnabled() && !child<QToolButton>("moveDownButton")->isEnabled());
    QTest::keyClick(table, Qt::Key_Delete);
    QVERIFY(m_window->queue().training());
    QTest::keyClick(m_window.get(), Qt::Key_F6);
    QTRY_COMPARE_WITH_TIMEOUT(child<QPushButton>("startButton")->text(), QStringLiteral("Resume"), 5000);
    const std::int64_t paused = m_window->runs().front()->step();
    QTest::qWait(300);
    QCOMPARE(m_window->runs().front()->step(), paused);
    QTest::keyClick(m_window.get(), Qt::Key_F6);
    QTRY_VERIFY_WITH_TIMEOUT(m_window->runs().front()->step() > paused, 5000);
    QVERIFY(m_window->viewState().view().followLive); // the cursor goes with the training, not with its snapshots
    QTRY_VERIFY_WITH_TIMEOUT(m_window->viewState().view().step > paused, 5000);

    // Hide a run's curves and show them again.
    RunData *hidden = m_window->currentRun();
    const QString name = QString::fromStdString(displayName(hidden->config().model.family));
    const auto curves = [&] {
        int count = 0;
        for (const PlotCurve &curve : m_window->trainPage()->loss()->plot()->content().curves) {
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
    QTest::keyClick(m_window.get(), Qt::Key_F, Qt::ControlModifier);
    QTest::keyClicks(QApplication::focusWidget(), QStringLiteral("dsa"));
    QCOMPARE(table->model()->rowCount(table->model()->index(0, 0)), 1);
    QTest::keyClick(QApplication::focusWidget(), Qt::Key_A, Qt::ControlModifier);
    QTest::keyClick(QApplication::focusWidget(), Qt::Key_Backspace);
    QCOMPARE(table->model()->rowCount(table->model()->index(0, 0)), 2);

    // Stop: with a checkpoint; the others wait.
    QTest::keyClick(m_window.get(), Qt::Key_F6, Qt::ShiftModifier);
    QTRY_VERIFY_WITH_TIMEOUT(!m_window->queue().training(), 5000);
    QVERIFY(m_window->runs().front()->state() == RunState::Stopped);
    QVERIFY(!RunReader(m_window->runs().front()->folder()).checkpoints().empty());
    QCOMPARE(waiting(), QStringList({"tiny-3", "tiny-2"}));

    // Duplicate the stopped one, shorter.
    chooseRow("tiny");
    QTest::keyClick(m_window.get(), Qt::Key_D, Qt::ControlModifier);
    QCOMPARE(child<QComboBox>("presetCombo")->currentText(), QStringLiteral("Copy of tiny"));
    type("stepsEdit", QStringLiteral("20"));
    QTest::mouseClick(add, Qt::LeftButton);
    QCOMPARE(waiting(), QStringList({"tiny-3", "tiny-2", "tiny-4"}));
    QCOMPARE(m_window->queue().waiting().back().config.document["training"]["steps"].get<int>(), 20);
    chooseRow("tiny-4");
    QTest::keyClick(table, Qt::Key_Up, Qt::AltModifier);
    QTest::keyClick(table, Qt::Key_Up, Qt::AltModifier);
    for (const char *other : {"tiny-3", "tiny-2"}) {
        chooseRow(other);
        QTest::keyClick(table, Qt::Key_Delete);
    }
    QCOMPARE(waiting(), QStringList({"tiny-4"}));

    // Go on with the stopped one by its menu's action: it queues behind and trains to its end.
    chooseRow("tiny");
    child<QAction>("resumeAction")->trigger();
    QTRY_VERIFY_WITH_TIMEOUT(!m_window->queue().training() && waiting().empty(), 120000);
    QCOMPARE(rows(), QStringList({"tiny-4", "tiny"})); // in the order in which they trained
    for (RunData *run : m_window->runs()) {
        QVERIFY2(run->state() == RunState::Finished, qPrintable(run->id() + run->reason()));
    }
}

void tst_Launch::aFailedRunIsTold()
{
    // Stands in for an engine whose loss became NaN: what the window makes of it is looked at here.
    open(
        [](const ExperimentConfig &experiment, const RunnerOptions &options, RunControl &, TrainingObserver &observer) {
            fs::create_directories(options.out / experiment.name);
            std::ofstream(options.out / experiment.name / "experiment.json") << experiment.document.dump();
            std::vector<RunOutcome> outcomes;
            for (const RunConfig &run : expand(experiment)) {
                const std::string reason = "loss became NaN at step 12. Halve training.learning_rate.";
                observer.onLog({run.folder(), 0, 12, LogLevel::Error, reason});
                observer.onState({run.folder(), RunState::Failed, reason, 12, run.training.steps});
                outcomes.push_back({run.folder(), RunState::Failed, reason, 12});
            }
            return outcomes;
        });
    QTest::mouseClick(child<QPushButton>("presetButton"), Qt::LeftButton);
    auto *add = child<QPushButton>("addToQueueButton");
    QTest::mouseClick(add, Qt::LeftButton);
    QTest::mouseClick(add, Qt::LeftButton);
    child<QAction>("continueOnErrorAction")->trigger(); // off
    QVERIFY(!m_window->queue().continueOnError());
    QTest::keyClick(m_window.get(), Qt::Key_Return, Qt::ControlModifier);
    QTRY_VERIFY_WITH_TIMEOUT(!m_window->queue().training(), 5000);
    QCOMPARE(waiting(), QStringList({"tiny-2"})); // it does not start after a failure
    auto *notices = child<NoticeBar>("noticeBar");
    QTRY_COMPARE(notices->count(), 2);
    QCOMPARE(notices->newest(), QStringLiteral("DSA failed at step 12"));

    // A remedy makes a copy with half the rate; nothing is queued without a look.
    const double rate = m_window->runs().back()->config().training.learningRate;
    for (QPushButton *button : notices->findChildren<QPushButton *>()) {
        if (button->text() == QLatin1String("Halve the learning rate")) {
            QTest::mouseClick(button, Qt::LeftButton);
            break;
        }
    }
    QCOMPARE(child<QComboBox>("presetCombo")->currentText(), QStringLiteral("Copy of tiny"));
    QCOMPARE(m_window->form()->document()["training"]["learning_rate"].get<double>(), rate / 2);
    QCOMPARE(waiting().size(), 1);

    // A double click on the run shows its line in the log.
    auto *table = child<QTreeView>("runTable");
    chooseRow("tiny");
    QTest::mouseDClick(table->viewport(), Qt::LeftButton, {}, table->visualRect(table->currentIndex()).center());
    QCOMPARE(m_window->page(), Page::Train);
    QVERIFY(child<LogPanel>("logPanel")->view()->textCursor().selectedText().contains(QStringLiteral("became NaN")));

    child<QAction>("continueOnErrorAction")->trigger(); // on: the rest is tried
    QTest::keyClick(m_window.get(), Qt::Key_Return, Qt::ControlModifier);
    QTRY_VERIFY_WITH_TIMEOUT(!m_window->queue().training() && waiting().empty(), 5000);
}

void tst_Launch::whatWasCutOffIsResumed()
{
    QProcess training;
    training.start(program("sparsescope-cli"),
                   {QStringLiteral("train"), QString::fromStdString((file("presets") / "tiny.json").string()),
                    QStringLiteral("--out"), QString::fromStdString(file("runs").string()), QStringLiteral("--device"),
                    QStringLiteral("cpu")});
    const fs::path first = file("runs") / "tiny" / "seq_24" / "classic" / "seed_0";
    const auto saved = [&] {
        std::error_code ignored;
        return fs::exists(first / "run.json", ignored) && fs::exists(first / "run.sqlite", ignored) &&
               !RunReader(first).checkpoints().empty();
    };
    QTRY_VERIFY_WITH_TIMEOUT(saved(), 60000);
    training.kill();
    QVERIFY(training.waitForFinished());

    open();
    m_window->openPath(file("runs"));
    auto *notices = child<NoticeBar>("noticeBar");
    QTRY_COMPARE_WITH_TIMEOUT(notices->newest(), QStringLiteral("2 runs were cut off"), 10000);
    for (RunData *run : m_window->runs()) {
        QVERIFY(run->state() == RunState::Interrupted);
    }
    QPushButton *resume = nullptr;
    for (QPushButton *button : notices->findChildren<QPushButton *>()) {
        resume = button->text().startsWith(QStringLiteral("Resume from ")) ? button : resume;
    }
    QVERIFY(resume != nullptr);
    QTest::mouseClick(resume, Qt::LeftButton);
    QVERIFY(m_window->queue().training());
    QTRY_VERIFY_WITH_TIMEOUT(!m_window->queue().training(), 120000);
    for (RunData *run : m_window->runs()) {
        QVERIFY2(run->state() == RunState::Finished, qPrintable(run->reason()));
        QCOMPARE(run->series("train.loss").size(), std::size_t{600}); // no step twice, none missing
    }
    QCOMPARE(notices->count(), 0);
}

void tst_Launch::theSessionComesBack()
{
    open();
    QTest::mouseClick(child<QPushButton>("presetButton"), Qt::LeftButton);
    auto *add = child<QPushButton>("addToQueueButton");
    type("stepsEdit", QStringLiteral("20"));
    for (int copy = 0; copy < 3; ++copy) {
        QTest::mouseClick(add, Qt::LeftButton);
    }
    QTest::keyClick(m_window.get(), Qt::Key_Return, Qt::ControlModifier);
    QTRY_VERIFY_WITH_TIMEOUT(m_window->runs().front()->state() == RunState::Finished, 60000);
    QTest::keyClick(m_window.get(), Qt::Key_F6, Qt::ShiftModifier);
    QTRY_VERIFY_WITH_TIMEOUT(!m_window->queue().training(), 10000);
    const QStringList left = waiting();
    chooseRow("tiny");
    m_window->runs().front()->showCurves(false);
    m_window->viewState().setStep(7);
    type("stepsEdit", QStringLiteral("33"));
    m_window->trainPage()->loss()->plot()->setFocus();
    QTest::keyClick(m_window.get(), Qt::Key_L);
    QTest::keyClick(m_window.get(), Qt::Key_F8); // no log
    const QString run = m_window->currentRun()->id();
    const std::size_t runs = m_window->runs().size();
    m_window->close();

    open();
    QCOMPARE(waiting(), left);
    QVERIFY(!m_window->queue().training()); // nobody asked it to
    QTRY_COMPARE_WITH_TIMEOUT(m_window->runs().size(), runs, 10000);
    QTRY_COMPARE(m_window->viewState().view().step, std::int64_t{7});
    QVERIFY(!m_window->viewState().view().followLive);
    QCOMPARE(m_window->currentRun()->id(), run);
    QCOMPARE(m_window->currentRun()->experiment(), QStringLiteral("tiny"));
    QCOMPARE(child<QLineEdit>("stepsEdit")->text(), QStringLiteral("33"));
    QVERIFY(m_window->trainPage()->loss()->plot()->logX());
    QVERIFY(child<QWidget>("logDock")->isHidden());
    int hidden = 0;
    for (const RunData *known : m_window->runs()) {
        hidden += known->curvesShown() ? 0 : 1;
    }
    QCOMPARE(hidden, 1);
}

void tst_Launch::aDamagedSessionIsSetAside()
{
    std::ofstream(file("session.json")) << "{\"version\": 1, \"page\": 3}";
    open();
    QCOMPARE(child<NoticeBar>("noticeBar")->newest(), QStringLiteral("The last session could not be restored"));
    QVERIFY(fs::exists(file("session.json.bad")));
    QVERIFY(child<QWidget>("demoCard")->isVisible());
    m_window->close();
    QVERIFY(fs::exists(file("session.json"))); // a new one, clean
}

void tst_Launch::aSignalSavesBeforeTheEnd()
{
    QProcess window;
    QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
    environment.insert(QStringLiteral("QT_QPA_PLATFORM"), QStringLiteral("offscreen"));
    environment.insert(QStringLiteral("XDG_DATA_HOME"), m_folder->path());
    environment.insert(QStringLiteral("XDG_CONFIG_HOME"), m_folder->path());
    window.setProcessEnvironment(environment);
    window.start(program("sparsescope"),
                 {QStringLiteral("--demo"), QStringLiteral("--device"), QStringLiteral("cpu"),
                  QStringLiteral("--out-folder"), QString::fromStdString(file("runs").string())});
    const auto firstRun = [&] {
        const std::vector<fs::path> found = findRuns(file("runs"));
        return found.empty() ? -1 : RunReader(found.front()).lastStep();
    };
    std::error_code ignored;
    QTRY_VERIFY_WITH_TIMEOUT(fs::exists(file("runs"), ignored) && firstRun() > 2, 60000);
    kill(static_cast<pid_t>(window.processId()), SIGTERM);
    QVERIFY(window.waitForFinished(30000));
    QCOMPARE(window.exitStatus(), QProcess::NormalExit);
    QCOMPARE(window.exitCode(), 130);
    for (const fs::path &run : findRuns(file("runs"))) {
        const RunReader reader(run);
        QVERIFY2(reader.state() == RunState::Stopped, toString(reader.state()).c_str());
        QVERIFY(!reader.checkpoints().empty());
    }
}

void tst_Launch::withoutADisplayOneLineSaysSo()
{
    QProcess window;
    QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
    for (const char *name : {"DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"}) {
        environment.remove(QLatin1String(name));
    }
    window.setProcessEnvironment(environment);
    window.start(program("sparsescope"), QStringList());
    QVERIFY(window.waitForFinished(30000));
    QCOMPARE(window.exitStatus(), QProcess::NormalExit);
    QCOMPARE(window.exitCode(), 1);
    const QString said = QString::fromUtf8(window.readAllStandardError());
    QCOMPARE(said.count(QLatin1Char('\n')), 1);
    QVERIFY2(said.contains(QStringLiteral("--screenshot")) && said.contains(QStringLiteral("sparsescope-cli")),
             qPrintable(said));
}

QTEST_MAIN(tst_Launch)
#include "tst_launch.moc"
