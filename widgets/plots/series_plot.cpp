// Longer than 400 lines: the one wrapper of the plot library: layers, mouse and export.
#include "widgets/plots/series_plot.h"

#include "widgets/state/number_text.h"
#include "widgets/style/fonts.h"
#include "widgets/style/icons.h"
#include "widgets/style/theme.h"

#include <qcustomplot.h>

#include <QApplication>
#include <QClipboard>
#include <QPicture>
#include <QVBoxLayout>

#include <algorithm>
#include <cmath>

namespace sparsescope {

namespace {

constexpr int kTopMargin = 24; ///< room for the names of the stages

class CountTicker : public QCPAxisTicker {
protected:
    QString getTickLabel(double tick, const QLocale &, QChar, int) override
    {
        return std::abs(tick - std::round(tick)) < 1e-9 * std::max(1.0, std::abs(tick)) ? countText(std::llround(tick)) : QString();
    }
};

class LogCountTicker : public QCPAxisTickerLog {
protected:
    QString getTickLabel(double tick, const QLocale &, QChar, int) override
    {
        return tick >= 0.99 ? countText(std::llround(tick)) : QString::number(tick, 'g', 3);
    }
};

/// As many decimals as the distance of the ticks needs.
class ValueTicker : public QCPAxisTicker {
protected:
    double getTickStep(const QCPRange &range) override { return m_step = QCPAxisTicker::getTickStep(range); }
    QString getTickLabel(double tick, const QLocale &, QChar, int) override
    {
        const int decimals = m_step > 0 ? std::clamp(-static_cast<int>(std::floor(std::log10(m_step) + 1e-9)), 0, 8) : 2;
        QString text = QString::number(std::abs(tick) < m_step * 1e-6 ? 0.0 : tick, 'f', decimals);
        if (text.startsWith(QLatin1Char('-'))) {
            text.replace(0, 1, QChar(0x2212));
        }
        return text;
    }

private:
    double m_step = 1;
};

/// A log axis of a loss spans less than a decade: 1, 2, 5 and their neighbours are named.
class LogValueTicker : public QCPAxisTicker {
protected:
    QVector<double> createTickVector(double, const QCPRange &range) override
    {
        QVector<double> ticks;
        if (range.lower <= 0 || range.upper <= range.lower) {
            return ticks;
        }
        for (double decade = std::pow(10.0, std::floor(std::log10(range.lower))); decade <= range.upper; decade *= 10) {
            for (const double step : {1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0}) {
                ticks.push_back(step * decade);
            }
        }
        return ticks;
    }
    QVector<double> createSubTickVector(int, const QVector<double> &) override { return {}; }
    QString getTickLabel(double tick, const QLocale &, QChar, int) override { return QString::number(tick, 'g', 3); }
};

QCPScatterStyle::ScatterShape scatterShape(Marker marker)
{
    switch (marker) {
    case Marker::Circle: return QCPScatterStyle::ssCircle;
    case Marker::Square: return QCPScatterStyle::ssSquare;
    case Marker::Diamond: return QCPScatterStyle::ssDiamond;
    case Marker::Triangle: return QCPScatterStyle::ssTriangle;
    }
    return QCPScatterStyle::ssCircle;
}

std::optional<double> valueAt(const Series &points, double x)
{
    auto after = std::upper_bound(points.begin(), points.end(), x, [](double value, const Point &p) { return value < p.x; });
    if (after == points.begin()) {
        return std::nullopt;
    }
    const double y = std::prev(after)->y;
    return std::isfinite(y) ? std::optional(y) : std::nullopt;
}

} // namespace

/// Shading of stages, under the grid.
class SeriesPlot::Ground : public QCPLayerable {
public:
    Ground(QCustomPlot *plot, SeriesPlot *owner) : QCPLayerable(plot, QStringLiteral("background")), m_owner(owner) {}

protected:
    void applyDefaultAntialiasingHint(QCPPainter *painter) const override { painter->setAntialiasing(false); }
    void draw(QCPPainter *painter) override
    {
        const QRectF area = mParentPlot->axisRect()->rect();
        painter->setClipRect(area);
        for (const PlotStage &stage : m_owner->m_content.stages) {
            if (stage.shaded && stage.to > stage.from) {
                const double left = mParentPlot->xAxis->coordToPixel(std::max(stage.from, m_owner->m_logX ? 1e-3 : -1e300));
                const double right = mParentPlot->xAxis->coordToPixel(stage.to);
                painter->fillRect(QRectF(QPointF(std::max(left, area.left()), area.top()), QPointF(std::min(right, area.right()), area.bottom())),
                                  m_owner->m_tokens.stage);
            }
        }
    }

private:
    SeriesPlot *m_owner;
};

/// Names of stages, chance lines, snapshot ticks, cursor and hover line: everything that may change without the curves.
class SeriesPlot::Overlay : public QCPLayerable {
public:
    Overlay(QCustomPlot *plot, SeriesPlot *owner) : QCPLayerable(plot, QStringLiteral("overlay")), m_owner(owner) {}

protected:
    void applyDefaultAntialiasingHint(QCPPainter *painter) const override { painter->setAntialiasing(true); }
    void draw(QCPPainter *painter) override
    {
        m_area = mParentPlot->axisRect()->rect();
        painter->setFont(uiFont(11));
        drawStages(*painter);
        drawLines(*painter);
        drawTicks(*painter);
        drawSteps(*painter);
        if (m_owner->m_content.curves.empty() && !m_owner->m_content.empty.isEmpty()) {
            painter->setFont(uiFont(13));
            painter->setPen(m_owner->m_tokens.hint);
            painter->drawText(m_area, Qt::AlignCenter, m_owner->m_content.empty);
        }
    }

private:
    double x(double value) const { return mParentPlot->xAxis->coordToPixel(value); }
    double y(double value) const { return mParentPlot->yAxis->coordToPixel(value); }
    bool insideX(double pixel) const { return pixel >= m_area.left() - 0.5 && pixel <= m_area.right() + 0.5; }

    void tag(QCPPainter &painter, QPointF centre, const QString &text, const QColor &ink, const QColor &ground, QFont::Weight weight)
    {
        painter.setFont(uiFont(11, weight));
        const double width = QFontMetricsF(painter.font()).horizontalAdvance(text) + 10;
        double left = centre.x() - width / 2;
        left = std::clamp(left, 0.0, std::max(0.0, mParentPlot->viewport().width() - width));
        const QRectF box(left, centre.y() - 8, width, 16);
        if (ground.isValid()) {
            painter.setPen(Qt::NoPen);
            painter.setBrush(ground);
            painter.drawRoundedRect(box, 3, 3);
        }
        painter.setPen(ink);
        painter.drawText(box, Qt::AlignCenter, text);
    }

    void drawStages(QCPPainter &painter)
    {
        const Tokens &t = m_owner->m_tokens;
        QString waiting; // a stage without width on this axis is named together with the one after it
        painter.setFont(uiFont(11, QFont::Medium));
        const auto &stages = m_owner->m_content.stages;
        for (std::size_t index = 0; index < stages.size(); ++index) {
            const PlotStage &stage = stages[index];
            if (stage.to <= stage.from && index + 1 < stages.size()) {
                waiting = stage.name;
                continue;
            }
            const double left = std::max(m_area.left(), index == 0 ? m_area.left() : x(stage.from));
            const double right = std::min(m_area.right(), index + 1 == stages.size() ? m_area.right() : x(stage.to));
            if (index > 0 && insideX(x(stage.from))) {
                painter.setPen(QPen(t.hint, 1, Qt::DotLine));
                painter.drawLine(QPointF(x(stage.from), m_area.top() - 18), QPointF(x(stage.from), m_area.bottom()));
            }
            QString name = stage.name;
            if (!waiting.isEmpty()) {
                const QString both = waiting + QStringLiteral(", then ") + stage.name.left(1).toLower() + stage.name.mid(1);
                const bool fits = QFontMetricsF(painter.font()).horizontalAdvance(both) < right - left - 8;
                name = fits ? both : name;
                waiting.clear();
            }
            if (QFontMetricsF(painter.font()).horizontalAdvance(name) < right - left - 6) {
                painter.setPen(t.text2);
                painter.drawText(QRectF(left + 5, m_area.top() - 19, right - left - 6, 16), Qt::AlignLeft | Qt::AlignVCenter, name);
            }
        }
    }

    void drawLines(QCPPainter &painter)
    {
        const Tokens &t = m_owner->m_tokens;
        for (const PlotLine &line : m_owner->m_content.lines) {
            const double at = y(line.y);
            if (at < m_area.top() - 1 || at > m_area.bottom() + 1) {
                continue;
            }
            painter.setPen(QPen(t.chance, 1.3, Qt::DashLine));
            painter.drawLine(QPointF(m_area.left(), at), QPointF(m_area.right(), at));
            painter.setFont(uiFont(11, QFont::Medium));
            painter.setPen(t.text2);
            // At the right: curves start high at the left and have left the chance line by then.
            const double top = at - 18 > m_area.top() ? at - 18 : at + 2;
            painter.drawText(QRectF(m_area.left() + 6, top, m_area.width() - 12, 16), Qt::AlignRight | Qt::AlignVCenter, line.text);
        }
    }

    void drawTicks(QCPPainter &painter)
    {
        painter.setPen(QPen(m_owner->m_tokens.accent, 1.4));
        double last = -10;
        for (const double tick : m_owner->m_content.ticks) {
            const double at = x(tick);
            if (insideX(at) && at - last >= 2) { // closer ones would merge into a bar
                painter.drawLine(QPointF(at, m_area.bottom() - 6), QPointF(at, m_area.bottom() - 1));
                last = at;
            }
        }
    }

    void drawSteps(QCPPainter &painter)
    {
        const Tokens &t = m_owner->m_tokens;
        const PlotContent &content = m_owner->m_content;
        if (content.now && insideX(x(*content.now)) && m_owner->m_cursor != std::llround(*content.now)) {
            painter.setPen(QPen(t.accent, 1.2, Qt::DotLine));
            const double at = x(*content.now);
            const double top = m_area.top() + 0.5 * m_area.height();
            painter.drawLine(QPointF(at, top), QPointF(at, m_area.bottom()));
            tag(painter, {at, top - 9}, QStringLiteral("Now ") + countText(std::llround(*content.now)), t.text2, t.panel, QFont::Normal);
        }
        if (m_owner->m_hover && m_owner->m_hover != m_owner->m_cursor && insideX(x(static_cast<double>(*m_owner->m_hover)))) {
            const double at = x(static_cast<double>(*m_owner->m_hover));
            painter.setPen(QPen(t.hint, 1, Qt::DotLine));
            painter.drawLine(QPointF(at, m_area.top()), QPointF(at, m_area.bottom()));
            tag(painter, {at, m_area.bottom() + 12}, countText(*m_owner->m_hover), t.text2, t.panel, QFont::Normal);
        }
        if (!m_owner->m_cursor || !insideX(x(static_cast<double>(*m_owner->m_cursor)))) {
            return;
        }
        const double at = x(static_cast<double>(*m_owner->m_cursor));
        painter.setPen(QPen(t.cursor, 1));
        painter.drawLine(QPointF(at, m_area.top()), QPointF(at, m_area.bottom()));
        const double covered = QFontMetricsF(uiFont(11, QFont::DemiBold)).horizontalAdvance(QStringLiteral("Step ") + countText(*m_owner->m_cursor)) + 40;
        painter.fillRect(QRectF(at - covered / 2, m_area.bottom() + 2, covered, 18), t.panel); // tick labels do not show from behind
        tag(painter, {at, m_area.bottom() + 12}, QStringLiteral("Step ") + countText(*m_owner->m_cursor), t.text, t.selection, QFont::DemiBold);
        painter.setClipRect(m_area);
        for (const PlotCurve &curve : content.curves) {
            const auto value = curve.readAtCursor && !curve.markers ? valueAt(curve.points, static_cast<double>(*m_owner->m_cursor)) : std::nullopt;
            if (value) {
                const QColor colour = familyColour(curve.family, t);
                painter.setPen(Qt::NoPen);
                painter.setBrush(colour);
                painter.drawEllipse(QPointF(at, y(*value)), 3.2, 3.2);
            }
        }
        painter.setClipping(false);
    }

    SeriesPlot *m_owner;
    QRectF m_area;
};

SeriesPlot::SeriesPlot(QWidget *parent) : QWidget(parent), m_plot(new QCustomPlot(this)), m_tokens(currentTokens())
{
    auto *layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->addWidget(m_plot);
    setFocusPolicy(Qt::StrongFocus);
    m_plot->setFocusProxy(this);
    m_plot->setMinimumSize(0, 0);
    m_plot->setBufferDevicePixelRatio(devicePixelRatioF());
    m_plot->setAutoAddPlottableToLegend(false);
    m_plot->setPlottingHints(QCP::phFastPolylines | QCP::phCacheLabels);
    m_plot->layer(QStringLiteral("overlay"))->setMode(QCPLayer::lmBuffered);
    m_plot->setInteractions(QCP::iRangeDrag | QCP::iRangeZoom);
    m_plot->installEventFilter(this);
    m_ground = new Ground(m_plot, this);
    m_overlay = new Overlay(m_plot, this);
    buildAxes();
    applyTokens(m_tokens);

    connect(m_plot->xAxis, qOverload<const QCPRange &>(&QCPAxis::rangeChanged), this, [this] {
        m_zoomedX = m_zoomedX || !m_fitting;
        Q_EMIT viewChanged();
    });
    connect(m_plot->yAxis, qOverload<const QCPRange &>(&QCPAxis::rangeChanged), this, [this] {
        m_zoomedY = m_zoomedY || !m_fitting;
        Q_EMIT viewChanged();
    });
    connect(m_plot, &QCustomPlot::mousePress, this, [this](QMouseEvent *event) {
        m_pressed = event->pos();
        const bool box = event->button() == Qt::RightButton || event->modifiers() & Qt::ShiftModifier;
        m_plot->setSelectionRectMode(box ? QCP::srmZoom : QCP::srmNone);
    });
    connect(m_plot, &QCustomPlot::mouseRelease, this, [this](QMouseEvent *event) {
        if ((event->pos() - m_pressed).manhattanLength() > 3) {
            return;
        }
        if (event->button() == Qt::RightButton) {
            Q_EMIT menuRequested(event->globalPosition().toPoint());
        } else if (event->button() == Qt::LeftButton) {
            if (const auto step = stepAt(event->pos().x())) {
                Q_EMIT cursorMoved(*step);
            }
        }
    });
    connect(m_plot, &QCustomPlot::mouseDoubleClick, this, &SeriesPlot::resetView);
    connect(m_plot, &QCustomPlot::mouseMove, this, [this](QMouseEvent *event) {
        if (event->buttons() == Qt::NoButton) {
            Q_EMIT hovered(stepAt(event->pos().x()));
        }
    });
    connect(m_plot, &QCustomPlot::mouseWheel, this, [this](QWheelEvent *event) {
        const QRect area = m_plot->axisRect()->rect();
        const bool overX = event->position().y() > area.bottom(), overY = event->position().x() < area.left();
        Qt::Orientations zoom = Qt::Horizontal | Qt::Vertical;
        if (event->modifiers() & Qt::ShiftModifier || overX) {
            zoom = Qt::Horizontal;
        } else if (event->modifiers() & Qt::ControlModifier || overY) {
            zoom = Qt::Vertical;
        }
        m_plot->axisRect()->setRangeZoom(zoom);
    });
}

SeriesPlot::~SeriesPlot() = default;

void SeriesPlot::buildAxes()
{
    QCPAxisRect *area = m_plot->axisRect();
    area->setAutoMargins(QCP::msLeft | QCP::msBottom | QCP::msRight);
    area->setMargins({0, kTopMargin, 0, 0});
    area->setMinimumMargins({44, kTopMargin, 18, 22});
    area->setRangeZoomFactor(0.85);
    for (QCPAxis *axis : {m_plot->xAxis, m_plot->yAxis}) {
        axis->setTickLength(0);
        axis->setSubTicks(false);
        axis->setTickLabelPadding(5);
    }
    const bool logX = m_logX, logY = m_logY;
    m_plot->xAxis->setScaleType(logX ? QCPAxis::stLogarithmic : QCPAxis::stLinear);
    m_plot->yAxis->setScaleType(logY ? QCPAxis::stLogarithmic : QCPAxis::stLinear);
    m_plot->xAxis->setTicker(logX ? QSharedPointer<QCPAxisTicker>(new LogCountTicker) : QSharedPointer<QCPAxisTicker>(new CountTicker));
    m_plot->yAxis->setTicker(logY ? QSharedPointer<QCPAxisTicker>(new LogValueTicker) : QSharedPointer<QCPAxisTicker>(new ValueTicker));
}

void SeriesPlot::applyTokens(const Tokens &tokens)
{
    m_tokens = tokens;
    m_plot->setBackground(QBrush(tokens.panel));
    for (QCPAxis *axis : {m_plot->xAxis, m_plot->yAxis}) {
        axis->setBasePen(QPen(tokens.border, 1));
        axis->setTickPen(QPen(tokens.border, 1));
        axis->setTickLabelFont(uiFont(11));
        axis->setTickLabelColor(tokens.text2);
        axis->setLabelFont(uiFont(11));
        axis->setLabelColor(tokens.text2);
        axis->setLabelPadding(4);
        axis->grid()->setPen(QPen(tokens.grid, 1));
        axis->grid()->setZeroLinePen(QPen(tokens.grid, 1));
        axis->grid()->setSubGridVisible(false);
    }
    rebuildGraphs();
}

void SeriesPlot::setContent(PlotContent content)
{
    m_content = std::move(content);
    m_plot->xAxis->setLabel(m_content.xLabel);
    m_plot->yAxis->setLabel(m_content.yLabel);
    rebuildGraphs();
    fit();
    m_plot->replot(QCustomPlot::rpQueuedReplot);
}

void SeriesPlot::rebuildGraphs()
{
    const std::size_t needed = m_content.curves.size() + 2 * m_content.bands.size();
    while (static_cast<std::size_t>(m_plot->graphCount()) > needed) {
        m_plot->removeGraph(m_plot->graphCount() - 1);
    }
    while (static_cast<std::size_t>(m_plot->graphCount()) < needed) {
        m_plot->addGraph();
    }
    int index = 0;
    for (const PlotBand &band : m_content.bands) { // first, so that lines lie on top
        QVector<double> x, low, high;
        for (const BandPoint &point : band.points) {
            if (point.n >= 2 && std::isfinite(point.std)) {
                x.push_back(point.x);
                low.push_back(point.mean - point.std);
                high.push_back(point.mean + point.std);
            }
        }
        QColor fill = familyColour(band.family, m_tokens);
        fill.setAlphaF(0.2F);
        QCPGraph *lower = m_plot->graph(index++);
        QCPGraph *upper = m_plot->graph(index++);
        for (QCPGraph *graph : {lower, upper}) {
            graph->setPen(Qt::NoPen);
            graph->setScatterStyle(QCPScatterStyle::ssNone);
            graph->setChannelFillGraph(nullptr);
            graph->setBrush(Qt::NoBrush);
        }
        lower->setData(x, low, true);
        upper->setData(x, high, true);
        upper->setBrush(fill);
        upper->setChannelFillGraph(lower);
    }
    for (const PlotCurve &curve : m_content.curves) {
        QCPGraph *graph = m_plot->graph(index++);
        QColor colour = familyColour(curve.family, m_tokens);
        QColor line = colour;
        line.setAlphaF(static_cast<float>(curve.opacity));
        graph->setChannelFillGraph(nullptr);
        graph->setBrush(Qt::NoBrush);
        graph->setPen(QPen(line, curve.width, Qt::SolidLine, Qt::FlatCap, Qt::RoundJoin));
        graph->setLineStyle(curve.markers ? QCPGraph::lsNone : QCPGraph::lsLine);
        graph->setScatterStyle(curve.markers || curve.markersOnLine
                                   ? QCPScatterStyle(scatterShape(familyMarker(curve.family)), QPen(colour, 1.6), m_tokens.panel, 7)
                                   : QCPScatterStyle(QCPScatterStyle::ssNone));
        QSharedPointer<QCPGraphDataContainer> data(new QCPGraphDataContainer);
        QVector<QCPGraphData> values;
        values.reserve(static_cast<qsizetype>(curve.points.size()));
        for (const Point &point : curve.points) {
            values.push_back({point.x, point.y});
        }
        data->set(values, true);
        graph->setData(data);
    }
}

std::pair<double, double> SeriesPlot::fittedY() const
{
    std::vector<double> values;
    for (const PlotCurve &curve : m_content.curves) {
        for (const Point &point : curve.points) {
            if (std::isfinite(point.y) && (!m_logY || point.y > 0)) {
                values.push_back(point.y);
            }
        }
    }
    double low = 0, high = 1;
    if (!values.empty()) {
        const auto at = [&](double share) {
            const auto position = static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size() - 1));
            std::nth_element(values.begin(), values.begin() + position, values.end());
            return values[static_cast<std::size_t>(position)];
        };
        low = at(0.01);
        high = at(0.99);
        if (values.size() < 100) {
            low = *std::min_element(values.begin(), values.end());
            high = *std::max_element(values.begin(), values.end());
        }
    }
    for (const PlotLine &line : m_content.lines) {
        low = values.empty() ? 0 : std::min(low, line.y);
        high = values.empty() ? line.y : std::max(high, line.y);
    }
    if (m_content.yLow) {
        low = *m_content.yLow;
    }
    if (m_content.yHigh) {
        high = *m_content.yHigh;
    }
    if (high <= low) {
        high = low + std::max(1e-3, std::abs(low) * 0.1);
    }
    if (m_logY) {
        low = std::max(low, high * 1e-6);
        const double ratio = std::pow(high / low, 0.06);
        return {low / ratio, high * ratio};
    }
    const double margin = 0.06 * (high - low);
    return {m_content.yLow ? low : low - margin, m_content.yHigh ? high : high + margin};
}

void SeriesPlot::fit()
{
    m_fitting = true;
    if (!m_zoomedX) {
        const double low = m_logX ? std::max(1.0, m_content.xLow) : m_content.xLow;
        m_plot->xAxis->setRange(low, std::max(m_content.xHigh, low + 1));
    }
    if (!m_zoomedY) {
        const auto [low, high] = fittedY();
        m_plot->yAxis->setRange(low, high);
    }
    m_fitting = false;
}

void SeriesPlot::setLogX(bool on)
{
    if (m_logX != on) {
        m_logX = on;
        m_zoomedX = false;
        m_fitting = true; // another scale may clip the range by itself
        buildAxes();
        fit();
        m_plot->replot(QCustomPlot::rpQueuedReplot);
    }
}

void SeriesPlot::setLogY(bool on)
{
    if (m_logY != on) {
        m_logY = on;
        m_zoomedY = false;
        m_fitting = true;
        buildAxes();
        fit();
        m_plot->replot(QCustomPlot::rpQueuedReplot);
    }
}

void SeriesPlot::setCursor(std::optional<std::int64_t> step)
{
    if (m_cursor != step) {
        m_cursor = step;
        replotOverlay();
    }
}

void SeriesPlot::setHover(std::optional<std::int64_t> step)
{
    if (m_hover != step) {
        m_hover = step;
        replotOverlay();
    }
}

void SeriesPlot::replotOverlay()
{
    if (isVisible()) {
        m_plot->layer(QStringLiteral("overlay"))->replot();
    }
}

void SeriesPlot::resetView()
{
    m_zoomedX = m_zoomedY = false;
    fit();
    m_plot->replot(QCustomPlot::rpQueuedReplot);
    Q_EMIT viewChanged();
}

void SeriesPlot::copyImage()
{
    QApplication::clipboard()->setPixmap(m_plot->grab());
}

std::pair<double, double> SeriesPlot::xRange() const
{
    return {m_plot->xAxis->range().lower, m_plot->xAxis->range().upper};
}

std::pair<double, double> SeriesPlot::yRange() const
{
    return {m_plot->yAxis->range().lower, m_plot->yAxis->range().upper};
}

QPointF SeriesPlot::pixelAt(double x, double y) const
{
    return QPointF(m_plot->xAxis->coordToPixel(x), m_plot->yAxis->coordToPixel(y)) + QPointF(m_plot->pos());
}

std::optional<std::int64_t> SeriesPlot::stepAt(double pixelX) const
{
    const QRect area = m_plot->axisRect()->rect();
    if (pixelX < area.left() || pixelX > area.right() || m_content.curves.empty()) {
        return std::nullopt;
    }
    const double step = m_plot->xAxis->pixelToCoord(pixelX);
    return std::clamp<std::int64_t>(std::llround(step), 0, std::llround(m_content.xHigh));
}

void SeriesPlot::paint(QPainter &painter, const QSize &size, const Tokens &tokens)
{
    const Tokens shown = m_tokens;
    const std::optional<std::int64_t> hover = std::exchange(m_hover, std::nullopt);
    applyTokens(tokens);
    QPicture picture;
    {
        QCPPainter recorder(&picture);
        recorder.setMode(QCPPainter::pmVectorized);
        recorder.setMode(QCPPainter::pmNoCaching);
        m_plot->toPainter(&recorder, size.width(), size.height());
    }
    painter.drawPicture(0, 0, picture);
    m_hover = hover;
    applyTokens(shown);
    m_plot->replot(QCustomPlot::rpQueuedReplot);
}

void SeriesPlot::changeEvent(QEvent *event)
{
    QWidget::changeEvent(event);
    if (event->type() == QEvent::StyleChange || event->type() == QEvent::PaletteChange) {
        applyTokens(currentTokens());
        m_plot->replot(QCustomPlot::rpQueuedReplot);
    }
}

void SeriesPlot::keyPressEvent(QKeyEvent *event)
{
    if (event->key() == Qt::Key_0) {
        resetView();
    } else if (event->key() == Qt::Key_Plus || event->key() == Qt::Key_Minus) {
        m_plot->xAxis->scaleRange(event->key() == Qt::Key_Plus ? 0.8 : 1.25, m_plot->xAxis->range().center());
        m_plot->replot(QCustomPlot::rpQueuedReplot);
    } else {
        QWidget::keyPressEvent(event);
    }
}

bool SeriesPlot::eventFilter(QObject *watched, QEvent *event)
{
    if (event->type() == QEvent::Leave) {
        Q_EMIT hovered(std::nullopt);
    }
    return QWidget::eventFilter(watched, event);
}

} // namespace sparsescope
