#include "widgets/plots/beyond_top.h"

#include "widgets/plots/series_plot.h"
#include "widgets/style/theme.h"

#include <qcustomplot.h>

#include <QApplication>
#include <QTest>

using namespace sparsescope;

namespace {

/// A thousand steps near 2 nats; the first few of DSA stand high above, and one of Classic does.
PlotContent spiked()
{
    PlotContent content;
    for (const Family family : {Family::Classic, Family::Sparse}) {
        PlotCurve curve{QStringLiteral("loss"), family, {}};
        for (int step = 1; step <= 1000; ++step) {
            const bool high = family == Family::Sparse ? step < 4 : step == 500;
            curve.points.push_back({static_cast<double>(step), high ? 20.0 + step : 2 + 0.001 * (step % 10)});
        }
        content.curves.push_back(std::move(curve));
    }
    content.xHigh = 1000;
    return content;
}

} // namespace

class tst_BeyondTop : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void aCurveThatGoesOnAboveHasACaret();
    void noCaretWhereAllIsShownOrTheRangeWasChosen();
};

void tst_BeyondTop::aCurveThatGoesOnAboveHasACaret()
{
    applyTheme(*qApp, Theme::Light);
    SeriesPlot plot;
    plot.resize(700, 300);
    plot.setContent(spiked());
    const QImage image = plot.grab().toImage();
    auto *canvas = plot.findChild<QCustomPlot *>();
    QVERIFY(canvas->yAxis->range().upper < 20);
    const std::vector<BeyondTop> found = beyondTop(*canvas, plot.content());
    QCOMPARE(found.size(), std::size_t{2});
    QVERIFY(found[0].family == Family::Sparse && found[0].x == 3 && found[0].y == 23);
    QVERIFY(found[1].family == Family::Classic && found[1].x == 500 && found[1].y == 520);
    for (const BeyondTop &beyond : found) {
        const QPoint inside = (beyond.tip + QPointF(0, 4)).toPoint();
        QCOMPARE(image.pixelColor(inside).name(), familyColour(beyond.family, currentTokens()).name());
        QVERIFY(canvas->axisRect()->rect().contains(inside));
        const QString words = plot.tooltipAt(inside);
        QVERIFY2(words.contains(beyond.family == Family::Sparse ? QStringLiteral("DSA reaches 23")
                                                                : QStringLiteral("Classic reaches 520")),
                 qPrintable(words));
    }
    QCOMPARE(plot.tooltipAt(canvas->axisRect()->rect().center()), QString());
}

void tst_BeyondTop::noCaretWhereAllIsShownOrTheRangeWasChosen()
{
    SeriesPlot plot;
    plot.resize(700, 300);
    PlotContent flat = spiked();
    for (PlotCurve &curve : flat.curves)
        for (Point &point : curve.points)
            point.y = 2 + point.x / 1e6;
    plot.setContent(flat);
    plot.grab();
    auto *canvas = plot.findChild<QCustomPlot *>();
    QVERIFY(beyondTop(*canvas, plot.content()).empty());
    plot.setContent(spiked());
    plot.grab();
    const QPoint caret = beyondTop(*canvas, plot.content()).back().tip.toPoint();
    QVERIFY(!plot.tooltipAt(caret).isEmpty());
    canvas->yAxis->setRange(1.9, 2.1); // as the wheel does
    plot.grab();
    QCOMPARE(plot.tooltipAt(caret), QString());
    plot.resetView();
    plot.grab();
    QVERIFY(!plot.tooltipAt(caret).isEmpty());
}

QTEST_MAIN(tst_BeyondTop)
#include "tst_beyond_top.moc"
