// Longer than 400 lines: one widget with its mouse, keys, axes and painting, which share every member.
#include "widgets/plots/series_plot.h"

#include "widgets/plots/beyond_top.h"
#include "widgets/plots/plot_canvas.h"
#include "widgets/plots/plot_graphs.h"
#include "widgets/plots/plot_tickers.h"
#include "widgets/plots/plot_vectors.h"
#include "widgets/plots/whole_markers.h"
#include "widgets/style/fonts.h"
#include "widgets/style/theme.h"

#include <qcustomplot.h>

#include <QApplication>
#include <QClipboard>
#include <QHelpEvent>
#include <QToolTip>
#include <QVBoxLayout>

#include <algorithm>
#include <cmath>
#include <tuple>

namespace sparsescope {

namespace {

constexpr double kZoomStep = 1.25;
constexpr int kAroundAxis = 50, kTickPitch = 24;      ///< px
constexpr int kPointsAFrame = 60000;                  ///< that can be drawn in its time
constexpr int kTopMargin = 24, kCompactTopMargin = 8; ///< room for the names of the stages, or none

} // namespace

SeriesPlot::SeriesPlot(QWidget *parent)
    : QWidget(parent)
    , m_plot(makePlotCanvas(this))
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
    addPlotLayers(m_plot, m_scene);
    connect(m_plot, &QCustomPlot::beforeReplot, this, [this] { showPoints(m_plot->axisRect()->width(), false); });
    connect(m_plot, &QCustomPlot::afterLayout, this, &SeriesPlot::updateInset); // sizes and ranges are known by then
    connect(m_plot, &QCustomPlot::afterLayout, this, [this] { spaceMarkers(*m_plot); });
    buildAxes();
    applyTokens(currentTokens());

    for (const auto &[axis, zoomed] : {std::pair(m_plot->xAxis, &m_zoomedX), std::pair(m_plot->yAxis, &m_zoomedY)}) {
        connect(axis, qOverload<const QCPRange &>(&QCPAxis::rangeChanged), this, [this, zoomed] {
            *zoomed = *zoomed || !m_fitting;
            m_scene.fitted = !m_zoomedY;
            Q_EMIT viewChanged();
        });
    }
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
        } else if (insetCross().contains(event->pos())) {
            setInset(false);
            Q_EMIT insetClosed();
        } else if (m_inset && m_inset->box().contains(event->pos())) {
            return; // its steps are not those of the axis behind it
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
    const int top = m_compact ? kCompactTopMargin : kTopMargin;
    area->setMargins({0, top, 0, 0});
    area->setMinimumMargins({std::max(m_leftMargin, m_compact ? 30 : 44), top, 18, 22});
    area->setRangeZoomFactor(0.85);
    for (QCPAxis *axis : {m_plot->xAxis, m_plot->yAxis}) {
        axis->setTickLength(0);
        axis->setSubTicks(false);
        axis->setTickLabelPadding(5);
    }
    if (!m_scene.content.xTicks.empty()) {
        setTicksAt(m_plot->xAxis, m_scene.content.xTicks, m_scene.logX);
    } else if (m_scene.content.axis.isStep()) {
        setStepTicks(m_plot->xAxis, m_scene.logX);
    } else {
        setValueTicks(m_plot->xAxis, m_scene.logX);
    }
    setValueTicks(m_plot->yAxis, m_scene.logY);
    countTicks();
}

void SeriesPlot::countTicks()
{
    // The ticker may place half as many again as it is asked for, to come to round numbers.
    const int room = (height() - kAroundAxis) / kTickPitch;
    m_plot->yAxis->ticker()->setTickCount(std::clamp(room, 2, m_compact ? m_mostTicks : 5));
}

void SeriesPlot::resizeEvent(QResizeEvent *event)
{
    countTicks();
    QWidget::resizeEvent(event);
}

void SeriesPlot::applyTokens(const Tokens &tokens)
{
    m_scene.tokens = tokens;
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
    setGraphs(*m_plot, m_scene.content, m_scene.tokens);
}

void SeriesPlot::showPoints(int pixels, bool anew)
{
    const auto onAxis = [this](double x) { return m_scene.logX ? std::log(x) : x; };
    const auto offAxis = [this](double place) { return m_scene.logX ? std::exp(place) : place; };
    const double low = onAxis(m_plot->xAxis->range().lower), high = onAxis(m_plot->xAxis->range().upper);
    const double width = high - low;
    if (!anew && low >= m_heldFrom && high <= m_heldTo && 2 * width >= m_heldFor) {
        return;
    }
    // As much again on either side, to be dragged into view.
    m_heldFrom = low - width;
    m_heldTo = high + width;
    m_heldFor = width;
    const int curves = std::max(1, static_cast<int>(m_scene.content.curves.size()));
    const int columns = std::clamp(kPointsAFrame / (4 * curves), std::max(1, pixels / 4), std::max(1, 2 * pixels));
    setPoints(*m_plot, m_scene.content, m_levels, {offAxis(m_heldFrom), offAxis(m_heldTo), 3 * columns, m_scene.logX});
}

void SeriesPlot::setContent(PlotContent content)
{
    const bool sameAxis = content.axis.isStep() == m_scene.content.axis.isStep() &&
                          content.xLabel == m_scene.content.xLabel && content.xTicks == m_scene.content.xTicks;
    m_scene.content = std::move(content);
    if (!sameAxis) {
        m_zoomedX = false; // a range of steps is none of seconds
        m_fitting = true;
        buildAxes();
    }
    m_plot->xAxis->setLabel(m_xLabelShown ? m_scene.content.xLabel : QString());
    m_plot->yAxis->setLabel(m_scene.content.yLabel);
    m_levels.clear();
    for (const PlotCurve &curve : m_scene.content.curves) {
        m_levels.emplace_back(curve.points);
    }
    setGraphs(*m_plot, m_scene.content, m_scene.tokens);
    fit();
    showPoints(m_plot->axisRect()->width(), true);
    m_plot->replot(QCustomPlot::rpQueuedReplot);
}

void SeriesPlot::fit()
{
    m_fitting = true;
    m_scene.fitted = !m_zoomedY;
    if (!m_zoomedX) {
        const StepAxis &axis = m_scene.content.axis;
        const double low = m_scene.logX ? std::max(axis.at(1), m_scene.content.xLow) : m_scene.content.xLow;
        m_plot->xAxis->setRange(low, std::max(m_scene.content.xHigh, axis.isStep() ? low + 1 : low * 1.001));
    }
    if (!m_zoomedY) {
        m_plot->yAxis->setRange(std::make_from_tuple<QCPRange>(fittedY(m_scene.content, m_scene.logY)));
    }
    m_fitting = false;
}

void SeriesPlot::setCompact(bool compact)
{
    m_compact = compact;
    m_fitting = true;
    buildAxes();
    m_fitting = false;
}

void SeriesPlot::setLeftMargin(int pixels)
{
    m_leftMargin = pixels;
    m_fitting = true;
    buildAxes();
    m_fitting = false;
}

void SeriesPlot::setInset(bool wanted)
{
    m_insetWanted = wanted;
    if (wanted && !m_inset) {
        m_inset = std::make_unique<PlotInset>(m_plot, m_scene);
    }
    updateInset();
    m_plot->replot(QCustomPlot::rpQueuedReplot);
}

void SeriesPlot::updateInset()
{
    if (m_inset) {
        m_inset->update(m_insetWanted, zoomed());
        m_scene.inset = m_inset->box();
    }
}

void SeriesPlot::setLogX(bool on)
{
    if (m_scene.logX != on) {
        m_scene.logX = on;
        m_zoomedX = false;
        m_fitting = true; // another scale may clip the range by itself
        buildAxes();
        fit();
        showPoints(m_plot->axisRect()->width(), true);
        m_plot->replot(QCustomPlot::rpQueuedReplot);
    }
}

void SeriesPlot::setLogY(bool on)
{
    if (m_scene.logY != on) {
        m_scene.logY = on;
        m_zoomedY = false;
        m_fitting = true;
        buildAxes();
        fit();
        m_plot->replot(QCustomPlot::rpQueuedReplot);
    }
}

void SeriesPlot::setCursor(std::optional<std::int64_t> step)
{
    if (m_scene.cursor != step) {
        m_scene.cursor = step;
        replotOverlay();
    }
}

void SeriesPlot::setHover(std::optional<std::int64_t> step)
{
    if (m_scene.hover != step) {
        m_scene.hover = step;
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

void SeriesPlot::copyImage() { QApplication::clipboard()->setPixmap(m_plot->grab()); }

std::pair<double, double> SeriesPlot::xRange() const
{
    return {m_plot->xAxis->range().lower, m_plot->xAxis->range().upper};
}

std::pair<double, double> SeriesPlot::stepRange() const
{
    const auto [low, high] = xRange();
    return {m_scene.content.axis.stepAt(low), m_scene.content.axis.stepAt(high)};
}

void SeriesPlot::followX(std::pair<double, double> range, bool zoomed)
{
    if (range == xRange() && zoomed == m_zoomedX) {
        return;
    }
    m_zoomedX = zoomed;
    m_fitting = true;
    m_plot->xAxis->setRange(range.first, range.second);
    m_fitting = false;
    m_plot->replot(QCustomPlot::rpQueuedReplot);
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
    if (pixelX < area.left() || pixelX > area.right() || m_scene.content.curves.empty()) {
        return std::nullopt;
    }
    const StepAxis &axis = m_scene.content.axis;
    const double step = axis.stepAt(m_plot->xAxis->pixelToCoord(pixelX));
    return std::clamp<std::int64_t>(std::llround(step), 0, std::llround(axis.stepAt(m_scene.content.xHigh)));
}

void SeriesPlot::paint(QPainter &painter, const QSize &size, const Tokens &tokens)
{
    const Tokens shown = m_scene.tokens;
    const std::optional<std::int64_t> hover = std::exchange(m_scene.hover, std::nullopt);
    applyTokens(tokens);
    showPoints(size.width(), true);
    if (painter.paintEngine()->type() == QPaintEngine::Raster) {
        const double ratio = painter.deviceTransform().m11();
        QImage image((QSizeF(size) * ratio).toSize(), QImage::Format_ARGB32_Premultiplied);
        image.setDevicePixelRatio(ratio);
        image.fill(Qt::transparent);
        setPictureRatio(*m_plot, ratio);
        {
            QCPPainter plotPainter(&image);
            plotPainter.setMode(QCPPainter::pmVectorized);
            plotPainter.setMode(QCPPainter::pmNoCaching);
            m_plot->toPainter(&plotPainter, size.width(), size.height());
        }
        setPictureRatio(*m_plot, 0);
        painter.drawImage(0, 0, image);
    } else {
        paintVectors(painter, {}, *m_plot, size);
    }
    m_scene.hover = hover;
    applyTokens(shown);
    showPoints(m_plot->axisRect()->width(), true);
    m_plot->replot(QCustomPlot::rpQueuedReplot);
}

QString SeriesPlot::tooltipAt(QPoint at) const
{
    constexpr double kNear = 9; // px
    QStringList words;
    if (m_scene.fitted) {
        for (const BeyondTop &beyond : beyondTop(*m_plot, m_scene.content)) {
            const QPointF away = QPointF(at) - beyond.tip;
            if (std::abs(away.x()) <= kNear && away.y() > -kNear && away.y() <= 2 * kNear) {
                words << beyond.words();
            }
        }
    }
    return words.join(QLatin1Char('\n'));
}

void SeriesPlot::changeEvent(QEvent *event)
{
    QWidget::changeEvent(event);
    if (event->type() == QEvent::StyleChange || event->type() == QEvent::PaletteChange) {
        applyTokens(currentTokens());
        m_plot->replot(QCustomPlot::rpQueuedReplot);
    }
}

void SeriesPlot::zoomBy(double factor)
{
    m_plot->xAxis->scaleRange(1 / factor, m_plot->xAxis->range().center());
    m_plot->replot(QCustomPlot::rpQueuedReplot);
}

void SeriesPlot::keyPressEvent(QKeyEvent *event)
{
    if (event->key() == Qt::Key_0) {
        resetView();
    } else if (event->key() == Qt::Key_Plus || event->key() == Qt::Key_Minus) {
        zoomBy(event->key() == Qt::Key_Plus ? kZoomStep : 1 / kZoomStep);
    } else {
        QWidget::keyPressEvent(event);
    }
}

bool SeriesPlot::eventFilter(QObject *watched, QEvent *event)
{
    if (event->type() == QEvent::Leave) {
        Q_EMIT hovered(std::nullopt);
    } else if (event->type() == QEvent::ToolTip) {
        const auto *help = static_cast<QHelpEvent *>(event);
        const QString words = tooltipAt(help->pos());
        QToolTip::showText(help->globalPos(), words, m_plot);
        return true;
    }
    return QWidget::eventFilter(watched, event);
}

} // namespace sparsescope
