#include "widgets/plots/series_plot.h"

#include "tests/journey/drawn_text.h"
#include "tests/widgets/frame_times.h"
#include "widgets/plots/column_spans.h"
#include "widgets/style/theme.h"

#include <qcustomplot.h>

#include <QApplication>
#include <QPicture>
#include <QRandomGenerator>
#include <QTest>

#include <algorithm>
#include <cmath>

using namespace sparsescope;

namespace {

/// Where shapes lie, without what clips them: as a file of vectors has them.
class ShapeEngine : public test::TextEngine {
public:
    void drawPath(const QPainterPath &path) override { add(path.controlPointRect()); }
    void drawPolygon(const QPointF *points, int count, PolygonDrawMode) override
    {
        add(QPolygonF(QList<QPointF>(points, points + count)).boundingRect());
    }
    QRectF bounds;

private:
    void add(const QRectF &box) { bounds |= state->transform().mapRect(box); }
};

class ShapeRecorder : public test::TextRecorder {
public:
    using test::TextRecorder::TextRecorder;
    QPaintEngine *paintEngine() const override { return &m_shapes; }
    QRectF bounds() const { return m_shapes.bounds; }

private:
    mutable ShapeEngine m_shapes;
};

} // namespace

class tst_SeriesPlot : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void markersKeepApart_data();
    void markersKeepApart();
    void markersAreWholeAtTheEdges();
    void everyColumnKeepsItsExtremes_data();
    void everyColumnKeepsItsExtremes();
    void aStrokeOfSpansIsAPenStroke();
    void aLongBandIsFilledFromEdgeToEdge();
    void aPictureOfNoiseTakesNoLongerThanItsPixels();
    void theFittedRangeIsThatOfTheSortedValues();
    void vectorsEndAtTheAxes();
    void wordsLieBesideTheData_data();
    void wordsLieBesideTheData();
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

void tst_SeriesPlot::markersAreWholeAtTheEdges()
{
    applyTheme(*qApp, Theme::Light);
    PlotContent content;
    content.curves.push_back({QStringLiteral("a"), Family::Classic, {{0, 1}, {5, 1}, {10, 1}}});
    content.curves[0].markers = true;
    content.xHigh = 10;
    SeriesPlot plot;
    plot.resize(500, 200);
    plot.setContent(std::move(content));
    const QImage image = plot.grab().toImage();
    const auto inked = [&](QPointF middle) {
        int left = 0, right = 0;
        for (int y = -5; y <= 5; ++y) {
            for (int x = 1; x <= 5; ++x) {
                const QPoint centre = middle.toPoint();
                const auto isInk = [&](int dx) {
                    const QColor colour = image.pixelColor(centre.x() + dx, centre.y() + y);
                    return colour.blue() > colour.red() + 60; // the family's blue; grid and frame are grey
                };
                left += isInk(-x);
                right += isInk(x);
            }
        }
        return std::pair(left, right);
    };
    const auto [left, right] = inked(plot.pixelAt(5, 1));
    QVERIFY(left > 5);
    for (const double x : {0.0, 10.0}) {
        const auto [before, after] = inked(plot.pixelAt(x, 1));
        QVERIFY2(qAbs(before - left) <= 3 && qAbs(after - right) <= 3,
                 qPrintable(
                     QStringLiteral("%1: %2 and %3 of %4 and %5").arg(x).arg(before).arg(after).arg(left).arg(right)));
    }
}

void tst_SeriesPlot::everyColumnKeepsItsExtremes_data()
{
    QTest::addColumn<double>("column");
    QTest::newRow("1x") << 1.0;
    QTest::newRow("2x") << 0.5;
}

void tst_SeriesPlot::everyColumnKeepsItsExtremes()
{
    QFETCH(double, column);
    constexpr double kWidth = 2;
    QRandomGenerator random(3);
    QVector<QPointF> points;
    for (int i = 0; i < 4000; ++i) {
        points.push_back({50 + i * 0.05, 100 + 40 * random.generateDouble() + (random.bounded(200) == 0 ? 60 : 0)});
    }
    points[2000].setY(qQNaN()); // a gap
    const QVector<QRectF> spans = columnSpans(points, column, kWidth);
    QCOMPARE(spans.size(), qsizetype(200 / column));
    for (const QRectF &span : spans) {
        double lowest = INFINITY, highest = -INFINITY;
        for (const QPointF &point : points) {
            if (std::floor(point.x() / column) * column == span.left() && !std::isnan(point.y())) {
                lowest = std::min(lowest, point.y());
                highest = std::max(highest, point.y());
            }
        }
        QVERIFY(span.top() <= lowest - kWidth / 2 && span.bottom() >= highest + kWidth / 2);
    }
    for (qsizetype i = 1; i < spans.size(); ++i) { // a line without holes
        QVERIFY(spans[i].top() <= spans[i - 1].bottom() && spans[i].bottom() >= spans[i - 1].top());
    }
}

void tst_SeriesPlot::aStrokeOfSpansIsAPenStroke()
{
    const QRect seen(20, 10, 300, 160);
    QRandomGenerator random(5);
    QVector<QPointF> points;
    for (int i = 0; i < 300; ++i) { // slopes, peaks, and ends far outside
        points.push_back(
            {i * 1.2 - 10, 60 + 30 * std::sin(i * 0.05) + (i % 20 == 0 ? 50 * random.generateDouble() : 0)});
    }
    points.push_front({-1e9, 60});
    points.push_back({1e9, 60});
    QImage drawn(seen.size() * 2, QImage::Format_ARGB32_Premultiplied);
    drawn.setDevicePixelRatio(2);
    drawn.fill(Qt::transparent);
    QImage filled = drawn;
    QPainter pen(&drawn);
    pen.setRenderHint(QPainter::Antialiasing);
    pen.translate(-seen.topLeft());
    pen.setPen(QPen(Qt::black, 2, Qt::SolidLine, Qt::FlatCap, Qt::RoundJoin));
    pen.drawPolyline(points.mid(1, 300));
    pen.end();
    QPainter painter(&filled);
    painter.translate(-seen.topLeft());
    paintSpans(painter, strokeSpans(points, seen, 0.125, 2), seen, 2, Qt::black);
    painter.end();
    qint64 inked = 0, apart = 0;
    for (int y = 0; y < drawn.height(); ++y) {
        for (int x = 0; x < drawn.width(); ++x) {
            inked += drawn.pixelColor(x, y).alpha();
            apart += std::abs(drawn.pixelColor(x, y).alpha() - filled.pixelColor(x, y).alpha());
        }
    }
    QVERIFY2(inked > 0 && apart * 20 < inked, qPrintable(QStringLiteral("%1 of %2").arg(apart).arg(inked)));
}

namespace {

/// Four families of noise, each with a band around it.
PlotContent noise(int points)
{
    QRandomGenerator random(7);
    PlotContent content;
    for (const Family family : {Family::Classic, Family::Sparse, Family::Mhla, Family::MhlaSparse}) {
        PlotCurve curve{QStringLiteral("a"), family, {}};
        PlotBand band{family, {}};
        for (int i = 0; i < points; ++i) {
            curve.points.push_back({static_cast<double>(i), 2 + random.generateDouble()});
            band.points.push_back({static_cast<double>(i), 2.5, 0.2 + 0.1 * random.generateDouble(), 3});
        }
        content.curves.push_back(std::move(curve));
        content.bands.push_back(std::move(band));
    }
    content.xHigh = points - 1;
    return content;
}

} // namespace

void tst_SeriesPlot::aLongBandIsFilledFromEdgeToEdge()
{
    applyTheme(*qApp, Theme::Light);
    PlotContent content = noise(50000);
    content.bands.resize(1);
    content.curves.resize(1);
    content.curves[0].points = {{0, 5}};
    content.yLow = 0;
    content.yHigh = 5;
    SeriesPlot plot;
    plot.resize(600, 300);
    plot.setContent(content);
    const QImage screen = plot.grab().toImage();
    QImage picture(plot.size(), QImage::Format_ARGB32_Premultiplied);
    QPainter painter(&picture);
    plot.paint(painter, plot.size(), currentTokens());
    painter.end();
    for (const QImage &image : {screen, picture}) {
        for (double x = 500; x < 49500; x += 1000) {
            const auto blue = [&](double y) {
                const QColor colour = image.pixelColor(plot.pixelAt(x, y).toPoint());
                return colour.blue() - colour.red() > 25;
            };
            QVERIFY2(blue(2.25) && blue(2.55) && blue(2.75) && !blue(2.1) && !blue(2.9),
                     qPrintable(QString::number(x)));
        }
    }
}

void tst_SeriesPlot::aPictureOfNoiseTakesNoLongerThanItsPixels()
{
    SeriesPlot plot;
    plot.setContent(noise(20000));
    const QSize size(900, 500);
    const auto paintInto = [&](QPaintDevice &device) {
        QPainter painter(&device);
        const FrameTimer timer;
        plot.paint(painter, size, currentTokens());
        painter.end();
        return timer.own();
    };
    QImage image(size * 2, QImage::Format_ARGB32_Premultiplied);
    image.setDevicePixelRatio(2);
    QPicture commands; // the same without a pixel
    const double listed = paintInto(commands), painted = paintInto(image);
    QVERIFY2(painted < 25 * listed, qPrintable(QStringLiteral("%1 ms after %2").arg(painted).arg(listed)));
}

void tst_SeriesPlot::theFittedRangeIsThatOfTheSortedValues()
{
    PlotContent content = noise(3000);
    content.bands.clear();
    content.curves[1].points[7].y = 1e9; // all others are near one another
    content.curves[2].points[8].y = qQNaN();
    content.curves[3].points[9].y = -1;
    for (const bool logarithmic : {false, true}) {
        std::vector<double> values;
        for (const PlotCurve &curve : content.curves) {
            for (const Point &point : curve.points) {
                if (std::isfinite(point.y) && (!logarithmic || point.y > 0)) {
                    values.push_back(point.y);
                }
            }
        }
        std::sort(values.begin(), values.end());
        const auto at = [&](double share) {
            return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1))];
        };
        const double low = at(0.01), high = at(0.99), ratio = std::pow(high / low, 0.06), margin = 0.06 * (high - low);
        const auto expected =
            logarithmic ? std::pair(low / ratio, high * ratio) : std::pair(low - margin, high + margin);
        QCOMPARE(fittedY(content, logarithmic), expected);
    }
}

void tst_SeriesPlot::wordsLieBesideTheData_data()
{
    QTest::addColumn<QSize>("size");
    QTest::addColumn<double>("jump"); // where the curve leaves the ground for the top edge
    QTest::addColumn<int>("cursor");
    for (const QSize size : {QSize(258, 118), QSize(390, 150), QSize(690, 130)}) {
        for (const double jump : {0.3, 0.7, 0.9}) {
            for (const int cursor : {20, 100}) {
                QTest::addRow("%d px, jump at %g, cursor at %d", size.width(), jump, cursor) << size << jump << cursor;
            }
        }
    }
}

void tst_SeriesPlot::wordsLieBesideTheData()
{
    QFETCH(QSize, size);
    QFETCH(double, jump);
    QFETCH(int, cursor);
    applyTheme(*qApp, Theme::Light);
    PlotContent content;
    content.curves.push_back({QStringLiteral("a"), Family::Sparse, {}});
    for (int i = 0; i <= 100; ++i) {
        content.curves[0].points.push_back({static_cast<double>(i), i < 100 * jump ? 0.4 : 0.9});
    }
    content.lines.push_back({0.45, QStringLiteral("Random keys: 0.45")});
    content.stages = {{0, 100 * jump, QStringLiteral("Dense training"), true},
                      {100 * jump, 100, QStringLiteral("Sparse training"), false}};
    content.xHigh = 100;
    content.yLow = 0.3;
    content.yHigh = 1;
    content.valueAtCursor = true;
    content.note = QStringLiteral("+0.007");
    SeriesPlot plot;
    plot.resize(size);
    plot.setContent(content);
    plot.setCursor(cursor);
    plot.grab();
    test::TextRecorder recorder(size);
    QPainter painter(&recorder);
    plot.paint(painter, size, currentTokens());
    painter.end();
    QStringList found;
    for (const test::DrawnText &drawn : recorder.texts()) {
        found << drawn.text;
        QVERIFY2(QRectF(QPointF(0, 0), size).contains(drawn.box), qPrintable(drawn.text));
        for (const Point &point : content.curves[0].points) {
            QVERIFY2(!drawn.box.adjusted(0, 2, 0, -3).contains(plot.pixelAt(point.x, point.y)),
                     qPrintable(QStringLiteral("%1 on %2, %3").arg(drawn.text).arg(point.x).arg(point.y)));
        }
    }
    const QString value = cursor < 100 * jump ? QStringLiteral("0.400") : QStringLiteral("0.900");
    for (const QString &text : {content.lines[0].text, content.note, value}) {
        QVERIFY2(found.contains(text),
                 qPrintable(text + QStringLiteral(" is not among ") + found.join(QLatin1Char('|'))));
    }
    QVERIFY(found.filter(QStringLiteral("Sparse")).size() == 1 && found.filter(QStringLiteral("Dense")).size() == 1);
}

/// A band and a line that go far beyond the shown range: on a device that clips nothing they end at the axes.
void tst_SeriesPlot::vectorsEndAtTheAxes()
{
    PlotContent content;
    content.curves.push_back({QStringLiteral("a"), Family::Sparse, {{0, 5}, {1, -30}, {2, 5}, {3, 60}, {4, 5}}});
    content.bands.push_back({Family::Sparse, {{0, 5, 100, 2}, {2, 5, 1, 2}, {4, 5, 300, 2}}});
    content.xHigh = 4;
    content.yLow = 0;
    content.yHigh = 10;
    SeriesPlot plot;
    plot.resize(600, 300);
    plot.setContent(std::move(content));
    ShapeRecorder recorder(QSize(600, 300));
    QPainter painter(&recorder);
    plot.paint(painter, QSize(600, 300), tokens(Theme::Light));
    painter.end();
    const QRectF drawn = recorder.bounds();
    QVERIFY(drawn.height() > 200);
    QVERIFY2(drawn.top() >= -2 && drawn.bottom() <= 302, qPrintable(QString::number(drawn.bottom())));
    QVERIFY(drawn.left() >= -2 && drawn.right() <= 602);
}

QTEST_MAIN(tst_SeriesPlot)
#include "tst_series_plot.moc"
