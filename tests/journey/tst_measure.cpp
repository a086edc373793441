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
    const QString file = m_place.filePath("mine.json");
    QProcess bench;
    bench.start(qEnvironmentVariable("SPARSESCOPE_BIN") + "/sparsescope-cli",
                {"bench", "topk", "--device", "cpu", "--set", "queries=16", "--set", "keys=64", "--set", "k=8",
                 "--rounds", "1", "--launches", "1", "--quiet", "--out", file});
    QVERIFY(bench.waitForFinished(60000));
    QCOMPARE(bench.exitCode(), 0);
    drop(file);
    auto *page = (*m_window)->speedPage();
    QTRY_VERIFY(page->isVisible() && page->shown() != nullptr);
    QCOMPARE(page->shown()->subject, std::string("topk"));
    QCOMPARE(page->shown()->rows.front().keys, std::int64_t{64});
    QVERIFY(page->subjectText().contains("k 8"));
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
