#include "app/train_page.h"
#include "core/base/json_reader.h"
#include "tests/journey/launch_window.h"
#include "widgets/panels/notice_bar.h"

#include <QProcess>
#include <QPushButton>

#include <csignal>

using namespace sparsescope;
namespace fs = std::filesystem;

/// What is left when a program ends, in whatever way, and what the next window makes of it.
class tst_ComesBack : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase() { test::LaunchWindow::prepare(); }
    void init() { m_window = std::make_unique<test::LaunchWindow>(); }
    void cleanup() { m_window.reset(); }
    void whatWasCutOffIsResumed();
    void theSessionComesBack();
    void aDamagedSessionIsSetAside();
    void aSignalSavesBeforeTheEnd();
    void withoutADisplayOneLineSaysSo();

private:
    std::unique_ptr<test::LaunchWindow> m_window;
};

void tst_ComesBack::whatWasCutOffIsResumed()
{
    test::LaunchWindow &window = *m_window;
    QProcess training;
    training.start(test::program("sparsescope-cli"),
                   {QStringLiteral("train"), QString::fromStdString((window.file("presets") / "tiny.json").string()),
                    QStringLiteral("--out"), QString::fromStdString(window.file("runs").string()),
                    QStringLiteral("--device"), QStringLiteral("cpu")});
    const fs::path first = window.file("runs") / "tiny" / "seq_24" / "classic" / "seed_0";
    const auto saved = [&] {
        std::error_code ignored;
        return fs::exists(first / "run.json", ignored) && fs::exists(first / "run.sqlite", ignored) &&
               !RunReader(first).checkpoints().empty();
    };
    QTRY_VERIFY_WITH_TIMEOUT(saved(), 60000);
    training.kill();
    QVERIFY(training.waitForFinished());

    window.open();
    window->openPath(window.file("runs"));
    auto *notices = window.child<NoticeBar>("noticeBar");
    QTRY_COMPARE_WITH_TIMEOUT(notices->newest(), QStringLiteral("2 runs were cut off"), 10000);
    for (RunData *run : window->runs()) {
        QVERIFY(run->state() == RunState::Interrupted);
    }
    QPushButton *resume = nullptr;
    for (QPushButton *button : notices->findChildren<QPushButton *>()) {
        resume = button->text().startsWith(QStringLiteral("Resume from ")) ? button : resume;
    }
    QVERIFY(resume != nullptr);
    QTest::mouseClick(resume, Qt::LeftButton);
    QVERIFY(window->queue().training());
    QTRY_VERIFY_WITH_TIMEOUT(!window->queue().training(), 120000);
    for (RunData *run : window->runs()) {
        QVERIFY2(run->state() == RunState::Finished, qPrintable(run->reason()));
        QCOMPARE(run->series("train.loss").size(), std::size_t{600}); // no step twice, none missing
    }
    QCOMPARE(notices->count(), 0);
}

void tst_ComesBack::theSessionComesBack()
{
    test::LaunchWindow &window = *m_window;
    window.open();
    QTest::mouseClick(window.child<QPushButton>("presetButton"), Qt::LeftButton);
    auto *add = window.child<QPushButton>("addToQueueButton");
    window.type("stepsEdit", QStringLiteral("20"));
    for (int copy = 0; copy < 3; ++copy) {
        QTest::mouseClick(add, Qt::LeftButton);
    }
    QTest::keyClick(window.get(), Qt::Key_Return, Qt::ControlModifier);
    // Should the program end here, by whatever cause, the next window finds what it trains and what waits.
    const auto kept = [&](const char *list, const char *folder) {
        if (!fs::exists(window.file("session.json"))) {
            return false;
        }
        const nlohmann::ordered_json session = readJsonFile(window.file("session.json")); // whole at any moment
        return session.at(list).dump().find('"' + window.file(folder).string() + '"') != std::string::npos;
    };
    QTRY_VERIFY_WITH_TIMEOUT(kept("queue", "runs/tiny-3"), 10000);
    QTRY_VERIFY_WITH_TIMEOUT(kept("folders", "runs/tiny"), 10000);
    QTRY_VERIFY_WITH_TIMEOUT(window->runs().front()->state() == RunState::Finished, 60000);
    QTest::keyClick(window.get(), Qt::Key_F6, Qt::ShiftModifier);
    QTRY_VERIFY_WITH_TIMEOUT(!window->queue().training(), 10000);
    const QStringList left = window.waiting();
    window.chooseRow("tiny", 0);
    window->runs().front()->showCurves(false);
    window->viewState().setStep(7);
    window.type("stepsEdit", QStringLiteral("33"));
    window->trainPage()->loss()->plot()->setFocus();
    QTest::keyClick(window.get(), Qt::Key_L);
    QTest::keyClick(window.get(), Qt::Key_F8); // no log
    const QString run = window->currentRun()->id();
    const std::size_t runs = window->runs().size();
    window->close();

    window.open();
    QCOMPARE(window.waiting(), left);
    QVERIFY(!window->queue().training()); // nobody asked it to
    QTRY_COMPARE_WITH_TIMEOUT(window->runs().size(), runs, 10000);
    QTRY_COMPARE(window->viewState().view().step, std::int64_t{7});
    QVERIFY(!window->viewState().view().followLive);
    QCOMPARE(window->currentRun()->id(), run);
    QCOMPARE(window->currentRun()->experiment(), QStringLiteral("tiny"));
    QCOMPARE(window.child<QLineEdit>("stepsEdit")->text(), QStringLiteral("33"));
    QVERIFY(window->trainPage()->loss()->plot()->logX());
    QVERIFY(window.child<QWidget>("logDock")->isHidden());
    int hidden = 0;
    for (const RunData *known : window->runs()) {
        hidden += known->curvesShown() ? 0 : 1;
    }
    QCOMPARE(hidden, 1);
}

void tst_ComesBack::aDamagedSessionIsSetAside()
{
    test::LaunchWindow &window = *m_window;
    std::ofstream(window.file("session.json")) << "{\"version\": 1, \"page\": 3}";
    window.open();
    QCOMPARE(window.child<NoticeBar>("noticeBar")->newest(), QStringLiteral("The last session could not be restored"));
    QVERIFY(fs::exists(window.file("session.json.bad")));
    QVERIFY(window.child<QWidget>("demoCard")->isVisible());
    window->close();
    QVERIFY(fs::exists(window.file("session.json"))); // a new one, clean
}

void tst_ComesBack::aSignalSavesBeforeTheEnd()
{
    QProcess process;
    QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
    environment.insert(QStringLiteral("QT_QPA_PLATFORM"), QStringLiteral("offscreen"));
    environment.insert(QStringLiteral("XDG_DATA_HOME"), QString::fromStdString(m_window->file("").string()));
    environment.insert(QStringLiteral("XDG_CONFIG_HOME"), QString::fromStdString(m_window->file("").string()));
    process.setProcessEnvironment(environment);
    process.start(test::program("sparsescope"),
                  {QStringLiteral("--demo"), QStringLiteral("--device"), QStringLiteral("cpu"),
                   QStringLiteral("--out-folder"), QString::fromStdString(m_window->file("runs").string())});
    const auto firstRun = [&] {
        const std::vector<fs::path> found = findRuns(m_window->file("runs"));
        return found.empty() ? -1 : RunReader(found.front()).lastStep();
    };
    std::error_code ignored;
    QTRY_VERIFY_WITH_TIMEOUT(fs::exists(m_window->file("runs"), ignored) && firstRun() > 2, 60000);
    kill(static_cast<pid_t>(process.processId()), SIGTERM);
    QVERIFY(process.waitForFinished(30000));
    QCOMPARE(process.exitStatus(), QProcess::NormalExit);
    QCOMPARE(process.exitCode(), 130);
    for (const fs::path &run : findRuns(m_window->file("runs"))) {
        const RunReader reader(run);
        QVERIFY2(reader.state() == RunState::Stopped, toString(reader.state()).c_str());
        QVERIFY(!reader.checkpoints().empty());
    }
}

void tst_ComesBack::withoutADisplayOneLineSaysSo()
{
    QProcess process;
    QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
    for (const char *name : {"DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"}) {
        environment.remove(QLatin1String(name));
    }
    process.setProcessEnvironment(environment);
    process.start(test::program("sparsescope"), QStringList());
    QVERIFY(process.waitForFinished(30000));
    QCOMPARE(process.exitStatus(), QProcess::NormalExit);
    QCOMPARE(process.exitCode(), 1);
    const QString said = QString::fromUtf8(process.readAllStandardError());
    QCOMPARE(said.count(QLatin1Char('\n')), 1);
    QVERIFY2(said.contains(QStringLiteral("--screenshot")) && said.contains(QStringLiteral("sparsescope-cli")),
             qPrintable(said));
}

QTEST_MAIN(tst_ComesBack)
#include "tst_comes_back.moc"
