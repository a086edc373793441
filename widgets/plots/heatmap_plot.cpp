#include "widgets/plots/heatmap_plot.h"

#include "widgets/plots/snapshot_context.h"
#include "widgets/state/number_text.h"
#include "widgets/style/fonts.h"
#include "widgets/style/marks.h"
#include "widgets/style/theme.h"

#include <QEvent>
#include <QPainter>

#include <algorithm>
#include <cmath>

namespace sparsescope {

namespace {

constexpr int kDimAfterMs = 150;
constexpr int kTooltipAfterMs = 120;
constexpr double kTitleHeight = 30; // of a figure on paper
constexpr qint64 kDescribeEveryMs = 1000;

} // namespace

HeatmapPlot::HeatmapPlot(ViewState *viewState, HoverState *hoverState, QWidget *parent)
    : QWidget(parent)
    , m_viewState(viewState)
    , m_hoverState(hoverState)
    , m_tooltip(new PaintedPart(
          "mapTooltip", QStringLiteral("Values under the pointer"),
          [this](QPainter &painter) { paintTooltipPart(painter); }, this))
{
    m_tooltip->hide();
    setMouseTracking(true);
    setFocusPolicy(Qt::StrongFocus);
    m_dimTimer.setSingleShot(true);
    m_tooltipTimer.setSingleShot(true);
    connect(&m_dimTimer, &QTimer::timeout, this, [this] {
        m_dimmed = true;
        update();
    });
    connect(&m_tooltipTimer, &QTimer::timeout, this, [this] {
        m_tooltip->show();
        placeTooltip();
    });
    connect(m_viewState, &ViewState::changed, this, &HeatmapPlot::viewChanged);
    connect(m_hoverState, &HoverState::changed, this, &HeatmapPlot::hoverChanged);
}

void HeatmapPlot::setPicture(std::shared_ptr<const LayerPicture> picture)
{
    m_picture = std::move(picture);
    layoutMap();
    update();
}

void HeatmapPlot::setRow(std::shared_ptr<const RowAnswer> row)
{
    m_row = std::move(row);
    if (m_tooltip->isVisible()) {
        placeTooltip();
    }
}

void HeatmapPlot::setLoading(bool loading)
{
    if (loading) {
        if (!m_dimmed && !m_dimTimer.isActive()) {
            m_dimTimer.start(kDimAfterMs);
        }
        return;
    }
    m_dimTimer.stop();
    if (m_dimmed) {
        m_dimmed = false;
        update();
    }
}

HeatmapPlot::Frame HeatmapPlot::screenFrame() const
{
    return {m_viewport, m_mapping, devicePixelRatioF(), currentTokens(), *m_picture, levelsOf(*m_picture)};
}

QString HeatmapPlot::reductionText() const
{
    if (!m_picture || levelsOf(*m_picture).empty()) {
        return {};
    }
    const int level = mipLevel(m_mapping, devicePixelRatioF());
    if (level == 0) {
        return QStringLiteral("1 cell = %1 px, no reduction").arg(QString::number(m_mapping.cell, 'g', 3));
    }
    return QStringLiteral("%1 × %1 cells per pixel, %2").arg(1 << level).arg(displayName(m_picture->reducer));
}

QRectF HeatmapPlot::viewportIn(const QRectF &box, QSize cells, double dpr) const
{
    const QMarginsF around = insets();
    const QRectF room = box.marginsRemoved(around);
    const CellMapping fitted = fitMapping(room, cells, dpr);
    const QSizeF map(cells.width() * fitted.cell, cells.height() * fitted.cell);
    const double x = room.left() + std::max(0.0, std::floor((room.width() - map.width()) / 2));
    const double y = room.top() + std::max(0.0, std::floor((room.height() - map.height()) / 2));
    return {QPointF(x, y), map};
}

void HeatmapPlot::layoutMap()
{
    if (!m_picture || levelsOf(*m_picture).empty()) {
        return;
    }
    const QSize cells = levelsOf(*m_picture).front().image.size();
    const QRectF viewport = viewportIn(rect(), cells, devicePixelRatioF());
    m_viewport = viewport;
    m_mapping = fitMapping(viewport, cells, devicePixelRatioF());
    if (const auto &window = m_viewState->view().window; window && window->length == cells.height()) {
        const double cell = std::max(window->cell, m_mapping.cell);
        const QPointF origin = viewport.topLeft() - QPointF(window->left, window->top) * cell;
        m_mapping = panMapping({origin, cell}, {}, viewport, cells, devicePixelRatioF());
    }
    layoutChanged();
}

bool HeatmapPlot::isFitted() const
{
    const QSize cells = levelsOf(*m_picture).front().image.size();
    return m_mapping == fitMapping(m_viewport, cells, devicePixelRatioF());
}

void HeatmapPlot::viewChanged()
{
    const CellMapping before = m_mapping;
    layoutMap();
    update();
    if (m_mapping != before) {
        Q_EMIT zoomChanged();
    }
}

void HeatmapPlot::setMapping(const CellMapping &mapping)
{
    const QSize cells = levelsOf(*m_picture).front().image.size();
    if (mapping.cell <= fitMapping(m_viewport, cells, devicePixelRatioF()).cell) {
        m_viewState->setWindow(std::nullopt);
        return;
    }
    const QPointF corner = (m_viewport.topLeft() - mapping.origin) / mapping.cell;
    m_viewState->setWindow(MapWindow{cells.height(), corner.x(), corner.y(), mapping.cell});
}

void HeatmapPlot::resetZoom() { m_viewState->setWindow(std::nullopt); }

void HeatmapPlot::zoomBy(double factor)
{
    if (m_picture && !levelsOf(*m_picture).empty()) {
        const QSize cells = levelsOf(*m_picture).front().image.size();
        setMapping(zoomMapping(m_mapping, m_viewport.center(), factor, m_viewport, cells, devicePixelRatioF()));
    }
}

const RowAnswer *HeatmapPlot::rowOf(int query) const
{
    const bool fits = m_row && m_picture && m_row->request.query == query &&
                      m_row->request.snapshot == m_picture->request.snapshot &&
                      m_row->request.layer == m_picture->request.layer;
    return fits ? m_row.get() : nullptr;
}

QString HeatmapPlot::tokenText(int position) const
{
    const auto &words = m_picture->request.snapshot->words;
    return position < static_cast<int>(words.size())
               ? QStringLiteral("“%1”").arg(shownToken(words[static_cast<std::size_t>(position)]))
               : QString();
}

void HeatmapPlot::paintEvent(QPaintEvent *)
{
    QElapsedTimer timer;
    timer.start();
    QPainter painter(this);
    if (m_picture && !levelsOf(*m_picture).empty()) {
        const Frame frame = screenFrame();
        if (m_dimmed) {
            painter.setOpacity(0.45);
        }
        paintMap(painter, frame);
        painter.setOpacity(1);
    }
    if (hasFocus()) {
        painter.setRenderHint(QPainter::Antialiasing);
        painter.setPen(QPen(currentTokens().accent, 2));
        painter.setBrush(Qt::NoBrush);
        painter.drawRoundedRect(QRectF(rect()).adjusted(1, 1, -1, -1), 5, 5);
    }
    painter.end();
    Q_EMIT painted(std::chrono::nanoseconds(timer.nsecsElapsed()));
}

void HeatmapPlot::paintMap(QPainter &painter, const Frame &frame) const
{
    paintCells(painter, frame);
    painter.save();
    painter.setClipRect(frame.seen());
    paintOver(painter, frame);
    painter.restore();
    painter.setPen(frame.tokens.border);
    painter.setBrush(Qt::NoBrush);
    painter.drawRect(frame.seen().adjusted(-0.5, -0.5, 0.5, 0.5));
    const MapMarks marks = marksFor(frame, m_viewState->view(), m_hoverState->hover());
    paintAxes(painter, frame, marks);
    paintAround(painter, frame);
    paintMarks(painter, frame, marks, insets().top() * 0.85);
}

QRectF HeatmapPlot::tooltipBoxOf(const ValueLines &lines) const
{
    const Hover &hover = m_hoverState->hover();
    return tooltipBox(lines, cellRect(hover.query, hover.key, m_mapping), width());
}

void HeatmapPlot::placeTooltip()
{
    const Hover &hover = m_hoverState->hover();
    if (!m_picture || hover.query < 0 || hover.key < 0) {
        m_tooltip->hide();
        return;
    }
    m_tooltip->setGeometry(tooltipBoxOf(tooltip(hover.query, hover.key)).adjusted(-2, -2, 2, 4).toAlignedRect());
    m_tooltip->raise();
    m_tooltip->update();
}

void HeatmapPlot::paintTooltipPart(QPainter &painter) const
{
    const Hover &hover = m_hoverState->hover();
    if (!m_picture || hover.query < 0 || hover.key < 0) {
        return;
    }
    const ValueLines lines = tooltip(hover.query, hover.key);
    paintTooltip(painter, lines, tooltipBoxOf(lines), currentTokens());
}

void HeatmapPlot::resizeEvent(QResizeEvent *event)
{
    QWidget::resizeEvent(event);
    const CellMapping before = m_mapping;
    layoutMap();
    if (m_mapping != before) {
        Q_EMIT zoomChanged();
    }
}

void HeatmapPlot::changeEvent(QEvent *event)
{
    if (event->type() == QEvent::StyleChange || event->type() == QEvent::PaletteChange) {
        update();
    }
    QWidget::changeEvent(event);
}

void HeatmapPlot::hoverChanged()
{
    // Only the map under the pointer shows the tooltip; every map shows the lines.
    m_tooltip->hide();
    if (m_hoverState->hover().query >= 0 && underMouse()) {
        m_tooltipTimer.start(kTooltipAfterMs);
        describe();
    } else {
        m_tooltipTimer.stop();
    }
    update();
}

void HeatmapPlot::describe()
{
    if (m_described.isValid() && m_described.elapsed() < kDescribeEveryMs) {
        return;
    }
    m_described.start();
    QStringList parts;
    for (const auto &[label, value] : tooltip(m_hoverState->hover().query, m_hoverState->hover().key)) {
        parts << label + QLatin1Char(' ') + value;
    }
    setAccessibleDescription(parts.join(QStringLiteral(", ")));
}

QString HeatmapPlot::figureTitle() const
{
    if (!m_picture) {
        return {};
    }
    const Snapshot &snapshot = *m_picture->request.snapshot;
    return QStringLiteral("%1, layer %2, step %3, %4")
        .arg(titleOf(*m_picture))
        .arg(m_picture->layer().layer)
        .arg(countText(snapshot.step), QString::fromStdString(snapshot.run));
}

QSizeF HeatmapPlot::figureSize() const
{
    if (!m_picture || levelsOf(*m_picture).empty()) {
        return {640, 640};
    }
    const QMarginsF around = insets();
    const QSize cells = levelsOf(*m_picture).front().image.size();
    const double cell = std::max(1.0, std::floor(560.0 / std::max(cells.width(), cells.height())));
    return {cells.width() * cell + around.left() + around.right(),
            cells.height() * cell + around.top() + around.bottom() + kTitleHeight};
}

void HeatmapPlot::paintFigure(QPainter &painter, QSizeF size, const Tokens &tokens) const
{
    if (!m_picture || levelsOf(*m_picture).empty()) {
        return;
    }
    const std::vector<MapLevel> levels = levelsFor(*m_picture, tokens);
    const QSize cells = levels.front().image.size();
    const QRectF viewport = viewportIn(QRectF({}, size).adjusted(0, kTitleHeight, 0, 0), cells, 1);
    CellMapping mapping = fitMapping(viewport, cells, 1);
    if (m_viewport.width() > 0 && !isFitted()) {
        const double ratio = viewport.width() / m_viewport.width(); // what is visible is what is exported
        mapping = {viewport.topLeft() + (m_mapping.origin - m_viewport.topLeft()) * ratio, m_mapping.cell * ratio};
    }
    const Frame frame{viewport, mapping, 1, tokens, *m_picture, levels, false};
    painter.save();
    painter.setFont(uiFont(13, QFont::DemiBold));
    painter.setPen(tokens.text);
    painter.drawText(QRectF(12, 6, size.width() - 24, kTitleHeight - 8), Qt::AlignLeft | Qt::AlignVCenter,
                     figureTitle());
    paintMap(painter, frame);
    painter.restore();
}

nlohmann::ordered_json HeatmapPlot::exportContext() const
{
    if (!m_picture) {
        return nlohmann::ordered_json();
    }
    nlohmann::ordered_json context = snapshotContext(figureTitle(), *m_picture->request.snapshot);
    context["layer"] = m_picture->layer().layer;
    context["map"] = titleOf(*m_picture).toStdString();
    return context;
}

} // namespace sparsescope
