#include "tests/journey/live_window.h"

#include <QDockWidget>
#include <QToolButton>

#include <memory>

using namespace sparsescope;

/// What is left of a screen of 1920 x 1080 when everything is twice as large: all that one presses stays in reach.
class tst_Enlarged : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase()
    {
        test::LiveWindow::prepare();
        m_window = std::make_unique<test::LiveWindow>();
        m_window->open();
        (*m_window)->setMinimumSize(960, 540); // as it is on such a screen
        m_window->choosePreset("demo");
    }
    void cleanupTestCase() { m_window.reset(); }
    void theToolbarIsWhole_data();
    void theToolbarIsWhole();
    void docksStandInOneColumn();

private:
    std::unique_ptr<test::LiveWindow> m_window;
};

void tst_Enlarged::theToolbarIsWhole_data()
{
    QTest::addColumn<QSize>("size");
    QTest::addColumn<QString>("device");
    QTest::newRow("half of a screen") << QSize(960, 540) << "CPU";
    QTest::newRow("half of a screen, a card") << QSize(960, 540) << "CUDA 0 · NVIDIA H100 80GB HBM3 · 80 GB";
    QTest::newRow("the design's smallest, a card") << QSize(1100, 700) << "CUDA 0 · NVIDIA H100 80GB HBM3 · 80 GB";
    QTest::newRow("the usual, a card") << QSize(1600, 1000) << "CUDA 0 · NVIDIA H100 80GB HBM3 · 80 GB";
}

void tst_Enlarged::theToolbarIsWhole()
{
    QFETCH(QSize, size);
    QFETCH(QString, device);
    auto *toolbar = m_window->child<RunToolbar>("toolbar");
    (*m_window)->resize(size);
    toolbar->setDevice(device, false, {});
    QTest::qWait(50);
    for (const char *name : {"trainPageButton", "speedPageButton", "startButton", "newExperimentButton", "exportButton",
                             "deviceChip", "themeButton"}) {
        const auto *widget = m_window->child<QWidget>(name);
        QVERIFY2(widget->isVisible(), name);
        const QRect at(widget->mapTo(m_window->get(), QPoint()), widget->size());
        QVERIFY2(QRect(QPoint(), size).contains(at), name);
    }
    const auto *chip = m_window->child<QLabel>("deviceChip");
    QVERIFY2(chip->text() == device || chip->toolTip().contains(device), qPrintable(chip->text()));
    QCOMPARE(chip->text() == device, size.width() == 1600 || device == "CPU");
}

void tst_Enlarged::docksStandInOneColumn()
{
    (*m_window)->resize(1600, 1000);
    auto *metrics = m_window->child<QDockWidget>("metricsDock");
    QTRY_COMPARE((*m_window)->dockWidgetArea(metrics), Qt::RightDockWidgetArea);
    (*m_window)->resize(960, 540);
    QTRY_COMPARE((*m_window)->dockWidgetArea(metrics), Qt::LeftDockWidgetArea);
    const auto *page = m_window->child<QWidget>("pageTrain");
    QTRY_VERIFY2(page->mapTo(m_window->get(), QPoint(page->width(), 0)).x() <= 960 && page->width() > 600,
                 qPrintable(QString::number(page->width())));
    (*m_window)->resize(1600, 1000);
    QTRY_COMPARE((*m_window)->dockWidgetArea(metrics), Qt::RightDockWidgetArea);
}

QTEST_MAIN(tst_Enlarged)
#include "tst_enlarged.moc"
