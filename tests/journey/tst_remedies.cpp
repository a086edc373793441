#include "app/train_page.h"
#include "tests/journey/launch_window.h"
#include "widgets/panels/config_form.h"
#include "widgets/panels/notice_bar.h"
#include "widgets/plots/series_plot.h"
#include "widgets/style/dialogs.h"

#include <QComboBox>
#include <QLabel>
#include <QPushButton>

#include <chrono>
#include <mutex>
#include <thread>

using namespace sparsescope;
namespace fs = std::filesystem;

/// What the buttons of a notice do; engines that stand in for those to which it happens.
class tst_Remedies : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase() { test::LaunchWindow::prepare(); }
    void init() { m_window = std::make_unique<test::LaunchWindow>(); }
    void cleanup() { m_window.reset(); }
    void theStepOfANanIsShown();
    void aGpuThatIsTooSmallLeavesTheCpu();
    void anExperimentWithoutItsDeviceRunsOnTheCpu();
    void aFullDiskOffersAnotherFolder_data();
    void aFullDiskOffersAnotherFolder();

private:
    QPushButton *remedy(const char *words) const
    {
        for (QPushButton *button : m_window->child<NoticeBar>("noticeBar")->findChildren<QPushButton *>()) {
            if (button->text() == QString::fromUtf8(words)) {
                return button;
            }
        }
        return nullptr;
    }
    /// An engine whose runs all fail with this reason at step 12.
    static Engine failing(const std::string &reason);
    void train() const
    {
        QTest::mouseClick(m_window->child<QPushButton>("presetButton"), Qt::LeftButton);
        QTest::keyClick(m_window->get(), Qt::Key_Return, Qt::ControlModifier);
    }

    std::unique_ptr<test::LaunchWindow> m_window;
};

Engine tst_Remedies::failing(const std::string &reason)
{
    return [reason](const ExperimentConfig &experiment, const RunnerOptions &options, RunControl &,
                    TrainingObserver &observer) {
        fs::create_directories(options.out / experiment.name);
        std::ofstream(options.out / experiment.name / "experiment.json") << experiment.document.dump();
        std::vector<RunOutcome> outcomes;
        for (const RunConfig &run : expand(experiment)) {
            for (std::int64_t step = 1; step <= 12; ++step) {
                observer.onStep({run.folder(), step, 0, {{"train.loss", 3.0 / static_cast<double>(step)}}});
            }
            observer.onState({run.folder(), RunState::Failed, reason, 12, run.training.steps});
            outcomes.push_back({run.folder(), RunState::Failed, reason, 12});
        }
        return outcomes;
    };
}

void tst_Remedies::theStepOfANanIsShown()
{
    test::LaunchWindow &window = *m_window;
    window.open(failing("loss became NaN at step 9, first in layer 3. Halve training.learning_rate."));
    train();
    QTRY_VERIFY_WITH_TIMEOUT(remedy("Go to step 9") != nullptr, 5000);
    window->showPage(Page::Inspect);
    QTest::mouseClick(remedy("Go to step 9"), Qt::LeftButton);
    QCOMPARE(window->page(), Page::Train);
    QCOMPARE(window->trainPage()->loss()->plot()->cursorStep().value_or(-1), std::int64_t{9});
    QVERIFY(!window->viewState().view().followLive); // it stays there
    QVERIFY(remedy("Halve the learning rate") != nullptr && remedy("Use the CPU") == nullptr);
}

void tst_Remedies::aGpuThatIsTooSmallLeavesTheCpu()
{
    test::LaunchWindow &window = *m_window;
    window.open(failing("not enough GPU memory at step 12, in layer 3: 1.2 GB needed. Make the model smaller."));
    train();
    QTRY_VERIFY_WITH_TIMEOUT(remedy("Use the CPU") != nullptr, 5000);
    QTest::mouseClick(remedy("Use the CPU"), Qt::LeftButton);
    QCOMPARE(window.child<QComboBox>("presetCombo")->currentText(), QStringLiteral("Copy of tiny"));
    QCOMPARE(window.waiting().size(), 0); // nothing is queued without a look
}

void tst_Remedies::anExperimentWithoutItsDeviceRunsOnTheCpu()
{
    test::LaunchWindow &window = *m_window;
    static std::mutex mutex;
    static std::vector<std::string> devices;
    devices.clear();
    window.open([](const ExperimentConfig &, const RunnerOptions &options, RunControl &,
                   TrainingObserver &) -> std::vector<RunOutcome> {
        const std::lock_guard lock(mutex);
        devices.push_back(options.device);
        if (devices.size() == 1) {
            throw Failure({"no CUDA device can be used here (no driver)", "--device", "cuda", "auto or cpu", ""});
        }
        return {};
    });
    window->queue().setDevice("cuda");
    train();
    QTRY_VERIFY_WITH_TIMEOUT(remedy("Use the CPU") != nullptr, 5000);
    QTest::mouseClick(remedy("Use the CPU"), Qt::LeftButton);
    QTRY_COMPARE_WITH_TIMEOUT(
        [] {
            const std::lock_guard lock(mutex);
            return devices;
        }(),
        (std::vector<std::string>{"cuda", "cpu"}), 5000);
    QTRY_VERIFY(!window->queue().training());
    QCOMPARE(window.child<NoticeBar>("noticeBar")->count(), 0);
}

void tst_Remedies::aFullDiskOffersAnotherFolder_data()
{
    QTest::addColumn<QByteArray>("reason");
    QTest::newRow("a file") << QByteArray(
        "snapshot: cannot write the file. The disk is full: make room and try again.");
    QTest::newRow("the database") << QByteArray(
        "run.sqlite: disk is full, got database or disk is full. Make room and try again.");
}

void tst_Remedies::aFullDiskOffersAnotherFolder()
{
    QFETCH(QByteArray, reason);
    const std::string full = reason.toStdString();
    test::LaunchWindow &window = *m_window;
    static std::mutex mutex;
    static std::vector<RunnerOptions> trained;
    trained.clear();
    // Trains a little, writes it down, and then finds no room.
    window.open([full](const ExperimentConfig &experiment, const RunnerOptions &options, RunControl &control,
                       TrainingObserver &observer) {
        const RunConfig run = expand(experiment).front();
        const std::lock_guard lock(mutex);
        trained.push_back(options);
        if (options.out.filename() != "runs") { // another disk
            observer.onState({run.folder(), RunState::Finished, "", 600, 600});
            return std::vector<RunOutcome>{{run.folder(), RunState::Finished, "", 600}};
        }
        const fs::path folder = options.out / experiment.name;
        fs::create_directories(folder);
        std::ofstream(folder / "experiment.json") << experiment.document.dump();
        RunWriter::create(folder / run.folder(), run)->scalars(5, 1, {{"train.loss", 3.0}});
        std::ofstream(folder / run.folder() / "run.lock") << "gone";
        observer.onState({run.folder(), RunState::Paused, full, 5, 600});
        while (!control.stopping()) {
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
        return std::vector<RunOutcome>{{run.folder(), RunState::Stopped, "", 5}};
    });
    train();
    QTRY_VERIFY_WITH_TIMEOUT(remedy("Choose another folder…") != nullptr, 5000);
    QVERIFY(remedy("Open the folder") != nullptr);
    bool said = false;
    for (const QLabel *label : window.child<NoticeBar>("noticeBar")->findChildren<QLabel *>()) {
        said = said || (label->text() + label->toolTip()).contains(QLatin1String("it goes on by itself"));
    }
    QVERIFY(said);
    QTest::mouseClick(window.child<QPushButton>("addToQueueButton"), Qt::LeftButton); // waits, and has not begun
    const fs::path run = expand(parseExperiment(test::launchExperiment(), "tiny.json")).front().folder();

    // A folder that has one of that name: nothing is lost, and another can be chosen.
    const fs::path taken = window.file("taken"), other = window.file("other");
    fs::create_directories(taken / "tiny");
    fs::create_directories(other);
    dialogs::setNextPath(QString::fromStdString(taken.string()));
    QTest::mouseClick(remedy("Choose another folder…"), Qt::LeftButton);
    QTRY_VERIFY_WITH_TIMEOUT(remedy("Resume here") != nullptr, 10000);
    QVERIFY(fs::is_empty(taken / "tiny") && !fs::exists(taken / ".tiny.copy.tmp"));

    dialogs::setNextPath(QString::fromStdString(other.string()));
    QTest::mouseClick(remedy("Choose another folder…"), Qt::LeftButton);
    QTRY_VERIFY_WITH_TIMEOUT(remedy("Open the old folder") != nullptr, 10000);
    QTRY_VERIFY_WITH_TIMEOUT(!window->queue().training(), 5000);
    const std::lock_guard lock(mutex);
    QCOMPARE(trained.at(1).out, other);
    QVERIFY(trained.at(1).resume);
    QCOMPARE(trained.at(2).out, other);                                   // what waited went along
    QVERIFY(fs::exists(window.file("runs") / "tiny" / run / "run.json")); // where it was, untouched
    QVERIFY(fs::exists(other / "tiny" / run / "run.json"));
    QVERIFY(!fs::exists(other / "tiny" / run / "run.lock"));
    QCOMPARE(window.rows(), (QStringList{"tiny", "tiny-2"})); // the experiment stands in the table once
    QCOMPARE(window->queue().out(), other);
}

QTEST_MAIN(tst_Remedies)
#include "tst_remedies.moc"
