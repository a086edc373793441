#include "widgets/plots/series_plot.h"

#include <qcustomplot.h>

#include <QTest>

using namespace sparsescope;

class tst_SeriesPlot : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void markersKeepApart_data();
    void markersKeepApart();
};

void tst_SeriesPlot::markersKeepApart_data()
{
    QTest::addColumn<int>("points");
    QTest::addColumn<bool>("line");
    QTest::addColumn<double>("apart"); // px; a marker has 7
    QTest::newRow("few") << 5 << false << 12.0;
    QTest::newRow("many") << 2000 << false << 12.0;
    QTest::newRow("many on a line") << 2000 << true << 48.0;
}

void tst_SeriesPlot::markersKeepApart()
{
    QFETCH(int, points);
    QFETCH(bool, line);
    QFETCH(double, apart);
    PlotContent content;
    content.curves.push_back({QStringLiteral("a"), Family::Sparse, {}});
    content.curves[0].markers = !line;
    content.curves[0].markersOnLine = line;
    for (int i = 0; i < points; ++i)
        content.curves[0].points.push_back({static_cast<double>(i), 1});
    content.xHigh = points - 1;
    SeriesPlot plot;
    plot.resize(700, 300);
    plot.setContent(std::move(content));
    plot.grab();
    const QCPGraph *graph = plot.findChild<QCustomPlot *>()->graph(0);
    const double step = graph->keyAxis()->coordToPixel(1) - graph->keyAxis()->coordToPixel(0);
    const double spaced = step * (graph->scatterSkip() + 1);
    QVERIFY2(spaced >= apart, qPrintable(QString::number(spaced)));
    QVERIFY2(spaced - step < apart, qPrintable(QString::number(spaced))); // and none is missing without need
}

QTEST_MAIN(tst_SeriesPlot)
#include "tst_series_plot.moc"
