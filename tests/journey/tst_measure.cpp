#include "app/bench_process.h"
#include "tests/journey/live_window.h"
#include "widgets/panels/kernel_table.h"
#include "widgets/panels/speed_page.h"
#include "widgets/plots/layer_time_plot.h"
#include "widgets/style/dialogs.h"

#include <QDragEnterEvent>
#include <QDropEvent>
#include <QFile>
#include <QMimeData>
#include <QProcess>
#include <QTemporaryDir>
#include <QUrl>

#include <memory>

using namespace sparsescope;

/// A person asks what the sparse layer costs: opens the Speed page before anything was trained, finds where it begins to win,
/// measures on their own machine with the command line, drops the file on the window, and takes the figure home.
class tst_Measure : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase() { test::LiveWindow::prepare(); }
    void init()
    {
        m_window = std::make_unique<test::LiveWindow>();
        m_window->open();
    }
    void cleanup() { m_window.reset(); }
    void findsWhereItWins();
    void ownMeasurementIsDropped();
    void measuresAgainWhileTrainingIsPaused();
    void measuringIsCalledOff();
    void withoutAGpuItSaysSo();
    void asksForTheSameSizes();
    void damagedFileIsNamed();

private:
    void drop(const QString &file) const
    {
        QMimeData data;
        data.setUrls({QUrl::fromLocalFile(file)});
        QDragEnterEvent enter({400, 300}, Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
        QApplication::sendEvent(m_window->get(), &enter);
        QVERIFY(enter.isAccepted());
        QDropEvent event({400, 300}, Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
        QApplication::sendEvent(m_window->get(), &event);
    }
    /// Measures a tiny selection on the CPU by the command line, and drops the file.
    void dropOwn() const
    {
        const QString file = m_place.filePath("mine.json");
        QProcess bench;
        bench.start(qEnvironmentVariable("SPARSESCOPE_BIN") + "/sparsescope-cli",
                    {"bench", "topk", "--device", "cpu", "--set", "queries=16", "--set", "keys=64", "--set", "k=8",
                     "--rounds", "1", "--launches", "1", "--quiet", "--out", file});
        QVERIFY(bench.waitForFinished(60000));
        QCOMPARE(bench.exitCode(), 0);
        drop(file);
    }
    /// The device is looked for after the window is there.
    QPushButton *measureButton() const { return m_window->child<QPushButton>("measureButton"); }
    QTemporaryDir m_place;
    std::unique_ptr<test::LiveWindow> m_window;
};

void tst_Measure::findsWhereItWins()
{
    QTest::keyClick(m_window->get(), Qt::Key_4, Qt::ControlModifier);
    auto *page = (*m_window)->speedPage();
    QTRY_VERIFY(page->isVisible());
    QVERIFY(page->shown() != nullptr && !page->shown()->indexer.empty()); // a whole layer comes first
    auto *plot = m_window->child<LayerTimePlot>("layerTimePlot");
    QVERIFY(plot->isVisible());
    QTest::mouseClick(plot, Qt::LeftButton, Qt::NoModifier, plot->pointBox(0).center().toPoint());
    QCOMPARE(page->point(), 0);
    QVERIFY(m_window->child<KernelTable>("kernelTable")->rowCount() >= 4);
    const QString path = m_window->exported("speed", "CSV");
    QFile csv(path);
    QVERIFY2(csv.open(QIODevice::ReadOnly), qPrintable(path));
    const QByteArray text = csv.readAll();
    QVERIFY2(text.contains("128K,\"Attention core, "), text.constData());
}

void tst_Measure::ownMeasurementIsDropped()
{
    dropOwn();
    auto *page = (*m_window)->speedPage();
    QTRY_VERIFY(page->isVisible() && page->shown() != nullptr);
    QCOMPARE(page->shown()->subject, std::string("topk"));
    QCOMPARE(page->shown()->rows.front().keys, std::int64_t{64});
    QVERIFY(page->subjectText().contains("k 8"));
}

void tst_Measure::measuresAgainWhileTrainingIsPaused()
{
    m_window->choosePreset("smoke");
    m_window->type("stepsEdit", "100000");
    m_window->click("startButton");
    RunQueue &queue = (*m_window)->queue();
    QTRY_VERIFY_WITH_TIMEOUT((*m_window)->currentRun() != nullptr && (*m_window)->currentRun()->step() > 5, 20000);
    dropOwn();
    auto *page = (*m_window)->speedPage();
    QTRY_VERIFY(page->shown() != nullptr && page->shown()->subject == "topk");
    const std::filesystem::path before = page->shown()->file;
    QTRY_VERIFY(measureButton()->isEnabled());
    QTest::mouseClick(measureButton(), Qt::LeftButton);
    QVERIFY(queue.thread().pausing());
    QVERIFY(m_window->child<QPushButton>("measureCancel")->isVisible() && !measureButton()->isVisible());
    QTRY_VERIFY_WITH_TIMEOUT(page->shown()->file != before, 60000);
    // It is the same measurement, of now, kept beside the runs; and training goes on.
    QCOMPARE(page->shown()->subject, std::string("topk"));
    QCOMPARE(page->shown()->rows.front().keys, std::int64_t{64});
    QCOMPARE(page->shown()->rows.front().k.value_or(0), std::int64_t{8});
    QCOMPARE(page->shown()->file.parent_path().filename().string(), std::string("measurements"));
    QVERIFY(std::filesystem::exists(page->shown()->file));
    QVERIFY(measureButton()->isVisible());
    QVERIFY(!queue.thread().pausing());
    const std::int64_t step = (*m_window)->currentRun()->step();
    QTRY_VERIFY_WITH_TIMEOUT((*m_window)->currentRun()->step() > step, 20000);
    m_window->click("stopButton");
    QTRY_VERIFY_WITH_TIMEOUT(!queue.training(), 20000);
}

void tst_Measure::measuringIsCalledOff()
{
    dropOwn();
    auto *page = (*m_window)->speedPage();
    QTRY_VERIFY(measureButton()->isEnabled());
    const std::filesystem::path before = page->shown()->file;
    QTest::mouseClick(measureButton(), Qt::LeftButton);
    QTest::mouseClick(m_window->child<QPushButton>("measureCancel"), Qt::LeftButton);
    QVERIFY(measureButton()->isVisible() && !m_window->child<QPushButton>("measureCancel")->isVisible());
    QTest::qWait(1500); // it would have come by now
    QVERIFY(page->shown()->file == before);
    QTest::mouseClick(measureButton(), Qt::LeftButton); // and again, to the end
    QTRY_VERIFY_WITH_TIMEOUT(page->shown()->file != before, 60000);
}

void tst_Measure::withoutAGpuItSaysSo()
{
    QTest::keyClick(m_window->get(), Qt::Key_4, Qt::ControlModifier);
    auto *page = (*m_window)->speedPage();
    QTRY_VERIFY(page->isVisible() && page->shown() != nullptr && page->shown()->gpu);
    QTRY_VERIFY2(measureButton()->toolTip().startsWith("No GPU is used here"), qPrintable(measureButton()->toolTip()));
    QVERIFY2(measureButton()->toolTip().contains("H100"), qPrintable(measureButton()->toolTip()));
    QVERIFY(!measureButton()->isEnabled());
}

void tst_Measure::asksForTheSameSizes()
{
    const auto folder = std::filesystem::path(qEnvironmentVariable("SPARSESCOPE_SOURCE").toStdString()) /
                        "experiments/results/bench/h100";
    const BenchDocument core = readBench(folder / "core_4x64_training.json");
    QCOMPARE(benchCommand(core, "cuda", "out.json").join(' '),
             QString("bench attention --context 4096 8192 16384 32768 65536 131072 --indexer 4x64 --direction training "
                     "--set k=2048 --set heads=128 --rounds %1 --device cuda --out out.json")
                 .arg(core.rounds));
    QCOMPARE(benchCommand(readBench(folder / "topk.json"), "cuda", "out.json").join(' '),
             QString("bench topk --rounds 7 --device cuda --out out.json")); // its usual shapes
    QCOMPARE(benchCommand(readBench(folder / "step_2048_quarter.json"), "auto", "out.json").join(' '),
             QString("bench step --vocabulary 257 --set "
                     "sweep.family=[\"classic\",\"sparse\",\"mhla\",\"mhla_sparse\"] --set "
                     "sweep.sequence_length=[2048] --set training.batch_size=8 --set model.selection.top_k=L/4 "
                     "--rounds 3 --device auto --out out.json"));
}

void tst_Measure::damagedFileIsNamed()
{
    const QString file = m_place.filePath("damaged.json");
    QFile damaged(file);
    QVERIFY(damaged.open(QIODevice::WriteOnly));
    damaged.write(R"({"schema": 1, "bench": "topk", "rows": []})");
    damaged.close();
    drop(file);
    auto *notices = m_window->child<QWidget>("noticeBar");
    QTRY_VERIFY(notices->isVisible());
    QString words;
    for (const QLabel *label : notices->findChildren<QLabel *>()) {
        words += label->text() + ' ';
    }
    QVERIFY2(words.contains("damaged.json") && words.contains("machine"), qPrintable(words));
    QVERIFY((*m_window)->speedPage()->shown() == nullptr);
}

QTEST_MAIN(tst_Measure)
#include "tst_measure.moc"
