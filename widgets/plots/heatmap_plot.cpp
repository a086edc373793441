// Longer than 400 lines: painting, mouse and keyboard of one widget share its geometry.
#include "widgets/plots/heatmap_plot.h"

#include "widgets/state/number_text.h"
#include "widgets/style/fonts.h"
#include "widgets/style/marks.h"
#include "widgets/style/theme.h"

#include <QApplication>
#include <QClipboard>
#include <QContextMenuEvent>
#include <QKeyEvent>
#include <QMenu>
#include <QMouseEvent>
#include <QPainter>

#include <algorithm>
#include <cmath>

namespace sparsescope {

namespace {

constexpr int kDimAfterMs = 150;
constexpr int kTooltipAfterMs = 120;
constexpr double kDragThreshold = 4;
constexpr double kTickDistance = 34;
constexpr double kGridFrom = 12;       // pixels per cell from which cells get a grid
constexpr double kTitleHeight = 30;    // of a figure on paper
constexpr int kBigStep = 10;
constexpr double kTooltipLine = 21, kTooltipPad = 10, kTooltipGap = 16, kTooltipAway = 14;
constexpr double kTagRoomAcross = 30, kTagRoomDown = 15; // pixels about a tag in which no tick has a number
constexpr qint64 kDescribeEveryMs = 1000;

} // namespace

HeatmapPlot::HeatmapPlot(ViewState *viewState, HoverState *hoverState, QWidget *parent)
    : QWidget(parent), m_viewState(viewState), m_hoverState(hoverState)
    , m_tooltip(new PaintedPart("mapTooltip", QStringLiteral("Values under the pointer"),
                                [this](QPainter &painter) { paintTooltip(painter); }, this))
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
    connect(m_viewState, &ViewState::changed, this, qOverload<>(&QWidget::update));
    connect(m_hoverState, &HoverState::changed, this, &HeatmapPlot::hoverChanged);
}

void HeatmapPlot::setPicture(std::shared_ptr<const LayerPicture> picture)
{
    const auto sizeOf = [this](const std::shared_ptr<const LayerPicture> &p) {
        return p && !levelsOf(*p).empty() ? levelsOf(*p).front().image.size() : QSize();
    };
    const bool sameSize = sizeOf(picture) == sizeOf(m_picture);
    m_picture = std::move(picture);
    if (!sameSize) {
        m_fitted = true;
    }
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

const MapLevel &HeatmapPlot::Frame::level() const
{
    return levels[std::min(static_cast<std::size_t>(mipLevel(mapping, dpr)), levels.size() - 1)];
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
    if (m_fitted) {
        m_mapping = fitMapping(viewport, cells, devicePixelRatioF());
    } else if (viewport != m_viewport) {
        m_mapping.origin += viewport.topLeft() - m_viewport.topLeft();
        m_mapping = panMapping(m_mapping, {}, viewport, cells, devicePixelRatioF());
    }
    m_viewport = viewport;
    layoutChanged();
}

void HeatmapPlot::setMapping(const CellMapping &mapping)
{
    const QSize cells = levelsOf(*m_picture).front().image.size();
    m_mapping = mapping;
    m_fitted = mapping == fitMapping(m_viewport, cells, devicePixelRatioF());
    layoutChanged();
    update();
    Q_EMIT zoomChanged();
}

void HeatmapPlot::resetZoom()
{
    m_fitted = true;
    layoutMap();
    update();
    Q_EMIT zoomChanged();
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
    paintImage(painter, frame);
    paintFuture(painter, frame);
    painter.save();
    painter.setClipRect(frame.seen());
    paintOver(painter, frame);
    painter.restore();
    painter.setPen(frame.tokens.border);
    painter.setBrush(Qt::NoBrush);
    painter.drawRect(frame.seen().adjusted(-0.5, -0.5, 0.5, 0.5));
    paintAxes(painter, frame);
    paintAround(painter, frame);
    paintMarks(painter, frame);
}

void HeatmapPlot::paintImage(QPainter &painter, const Frame &frame) const
{
    const MapLevel &level = frame.level();
    const double side = frame.mapping.cell * std::pow(2.0, static_cast<double>(&level - frame.levels.data()));
    const CellMapping ofLevel{frame.mapping.origin, side};
    const QRect source = visibleCells(ofLevel, frame.viewport, level.image.size());
    const QRectF target(ofLevel.origin + QPointF(source.topLeft()) * side, QSizeF(source.size()) * side);
    if (frame.onScreen) {
        painter.save();
        painter.setClipRect(frame.seen());
        painter.setRenderHint(QPainter::SmoothPixmapTransform, false);
        painter.drawImage(target, level.image, QRectF(source));
        painter.restore();
        return;
    }
    // On paper: a picture of its own with whole pixels per cell, cut exactly, because vector formats neither clip
    // nor keep cells sharp.
    const double scale = std::max(1.0, std::ceil(4 / side));
    const QRectF seen = frame.seen();
    QImage image((seen.size() * scale).toSize(), QImage::Format_RGB32);
    QPainter own(&image);
    own.scale(scale, scale);
    own.translate(-seen.topLeft());
    own.drawImage(target, level.image, QRectF(source));
    own.end();
    painter.setRenderHint(QPainter::SmoothPixmapTransform, false);
    painter.drawImage(seen, image);
}

void HeatmapPlot::paintFuture(QPainter &painter, const Frame &frame) const
{
    // The triangle s > t, as far as it is in sight: a convex polygon above the diagonal of the cells' corners.
    const QRectF seen = frame.seen();
    const CellMapping &m = frame.mapping;
    const auto diagonalX = [&m](double y) { return m.origin.x() + m.cell + (y - m.origin.y()); }; // cell (t, t+1), top left
    const auto diagonalY = [&m](double x) { return m.origin.y() + (x - m.origin.x() - m.cell); };
    const double left = diagonalX(seen.top());
    if (left >= seen.right()) {
        return;
    }
    QPolygonF triangle;
    if (left >= seen.left()) {
        triangle << QPointF(left, seen.top());
    } else {
        triangle << seen.topLeft();
        triangle << QPointF(seen.left(), std::min(seen.bottom(), diagonalY(seen.left())));
    }
    const double bottom = diagonalY(seen.right());
    if (bottom <= seen.bottom()) {
        triangle << QPointF(seen.right(), bottom);
    } else {
        triangle << QPointF(std::max(seen.left(), diagonalX(seen.bottom())), seen.bottom()) << seen.bottomRight();
    }
    triangle << seen.topRight();
    painter.save();
    painter.setRenderHint(QPainter::Antialiasing);
    paintHatch(painter, triangle, 7, frame.tokens.futureLine);
    painter.restore();
}

std::pair<int, int> HeatmapPlot::taggedCell(const Frame &frame) const
{
    const Hover &hover = m_hoverState->hover();
    const View &view = m_viewState->view();
    const QSize cells = frame.cells();
    if (frame.onScreen && hover.query >= 0 && hover.query < cells.height() && hover.key >= 0 && hover.key < cells.width()) {
        return {hover.query, hover.key};
    }
    return {view.query < cells.height() ? view.query : -1, view.key < cells.width() ? view.key : -1};
}

void HeatmapPlot::paintAxes(QPainter &painter, const Frame &frame) const
{
    const auto [taggedQuery, taggedKey] = taggedCell(frame);
    const QRectF seen = frame.seen();
    const QRect cells = visibleCells(frame.mapping, frame.viewport, frame.cells());
    if (frame.mapping.cell >= kGridFrom) {
        QColor grid = frame.tokens.border;
        grid.setAlpha(90);
        painter.setPen(grid);
        for (int s = cells.left() + 1; s <= cells.right(); ++s) {
            const double x = frame.mapping.origin.x() + s * frame.mapping.cell;
            painter.drawLine(QPointF(x, seen.top()), QPointF(x, seen.bottom()));
        }
        for (int t = cells.top() + 1; t <= cells.bottom(); ++t) {
            const double y = frame.mapping.origin.y() + t * frame.mapping.cell;
            painter.drawLine(QPointF(seen.left(), y), QPointF(seen.right(), y));
        }
    }
    painter.setFont(uiFont(11));
    const int step = tickStep(frame.mapping, kTickDistance);
    const auto firstTick = [step](int from) { return (from + step - 1) / step * step; };
    for (int t = firstTick(cells.top()); t <= cells.bottom(); t += step) {
        const double y = cellCentre(t, 0, frame.mapping).y();
        if (y < seen.top() || y > seen.bottom()) {
            continue;
        }
        painter.setPen(frame.tokens.hint);
        painter.drawLine(QPointF(seen.left() - 4, y), QPointF(seen.left() - 1, y));
        if (taggedQuery >= 0 && std::abs(taggedQuery - t) * frame.mapping.cell < kTagRoomDown) {
            continue;
        }
        painter.setPen(frame.tokens.text2);
        painter.drawText(QRectF(seen.left() - 50, y - 8, 43, 16), Qt::AlignRight | Qt::AlignVCenter, QString::number(t));
    }
    for (int s = firstTick(cells.left()); s <= cells.right(); s += step) {
        const double x = cellCentre(0, s, frame.mapping).x();
        if (x < seen.left() || x > seen.right()) {
            continue;
        }
        painter.setPen(frame.tokens.hint);
        painter.drawLine(QPointF(x, seen.bottom() + 1), QPointF(x, seen.bottom() + 4));
        if (taggedKey >= 0 && std::abs(taggedKey - s) * frame.mapping.cell < kTagRoomAcross) {
            continue;
        }
        painter.setPen(frame.tokens.text2);
        painter.drawText(QRectF(x - 24, seen.bottom() + 5, 48, 15), Qt::AlignCenter, QString::number(s));
    }
    painter.setFont(uiFont(12));
    painter.setPen(frame.tokens.text2);
    painter.drawText(QRectF(seen.left(), seen.bottom() + 21, seen.width(), 17), Qt::AlignCenter,
                     QStringLiteral("Key position s"));
    painter.save();
    painter.translate(seen.left() - 48, seen.center().y());
    painter.rotate(-90);
    painter.drawText(QRectF(-100, -9, 200, 17), Qt::AlignCenter, QStringLiteral("Query position t"));
    painter.restore();
}

void HeatmapPlot::paintMarks(QPainter &painter, const Frame &frame) const
{
    const QRectF seen = frame.seen();
    const View &view = m_viewState->view();
    const Hover &hover = m_hoverState->hover();
    const QSize cells = frame.cells();
    const bool hovering = frame.onScreen && hover.query >= 0 && hover.query < cells.height() && hover.key >= 0 &&
                          hover.key < cells.width();
    const auto outlineRow = [&](int query, bool strong) {
        QRectF row = cellRect(query, 0, frame.mapping).united(cellRect(query, query, frame.mapping));
        row = row.intersected(seen.adjusted(-1, -1, 1, 1));
        if (row.isEmpty()) {
            return;
        }
        painter.setBrush(Qt::NoBrush);
        painter.setPen(QPen(frame.tokens.panel, strong ? 3 : 2.4));
        painter.drawRect(row.adjusted(-1.5, -1.5, 1.5, 1.5));
        painter.setPen(QPen(frame.tokens.text, strong ? 1.4 : 0.8));
        painter.drawRect(row.adjusted(-1.5, -1.5, 1.5, 1.5));
    };
    painter.save();
    painter.setRenderHint(QPainter::Antialiasing);
    const bool picked = view.query >= 0 && view.query < cells.height();
    if (picked) {
        outlineRow(view.query, true);
    }
    if (hovering && hover.query != view.query) {
        outlineRow(hover.query, false);
    }
    const auto [query, key] = taggedCell(frame);
    if (key >= 0) {
        const double x = cellCentre(0, key, frame.mapping).x();
        if (x >= seen.left() && x <= seen.right()) {
            painter.setPen(QPen(frame.tokens.text, 1, Qt::DotLine));
            painter.drawLine(QPointF(x, seen.top() - insets().top() * 0.85), QPointF(x, seen.bottom() + 4));
            paintTag(painter, {x, seen.bottom() + 5}, Qt::AlignTop | Qt::AlignHCenter, QString::number(key), frame.tokens);
        }
    }
    if (query >= 0) {
        const double y = cellCentre(query, 0, frame.mapping).y();
        if (y >= seen.top() && y <= seen.bottom()) {
            paintTag(painter, {seen.left() - 5, y}, Qt::AlignRight | Qt::AlignVCenter, QString::number(query), frame.tokens);
        }
    }
    painter.restore();
}

QRectF HeatmapPlot::tooltipBox(const Lines &lines) const
{
    const QFontMetricsF labelMetrics(uiFont(12)), valueMetrics(monoFont(12, QFont::Medium));
    double labels = 0, values = 0;
    for (const auto &[label, value] : lines) {
        labels = std::max(labels, labelMetrics.horizontalAdvance(label));
        values = std::max(values, valueMetrics.horizontalAdvance(value));
    }
    QRectF box(0, 0, 2 * kTooltipPad + labels + kTooltipGap + values, 12 + kTooltipLine * static_cast<double>(lines.size()));
    const QRectF cell = cellRect(m_hoverState->hover().query, m_hoverState->hover().key, m_mapping);
    // Above the row by preference, else below it: the hovered row stays in sight.
    box.moveBottom(cell.top() - kTooltipAway);
    if (box.top() < 2) {
        box.moveTop(cell.bottom() + kTooltipAway);
    }
    box.moveRight(cell.left() - kTooltipAway);
    if (box.left() < 2) {
        box.moveLeft(std::max(2.0, std::min(cell.right() + kTooltipAway, width() - box.width() - 2)));
    }
    return box;
}

void HeatmapPlot::placeTooltip()
{
    const Hover &hover = m_hoverState->hover();
    if (!m_picture || hover.query < 0 || hover.key < 0) {
        m_tooltip->hide();
        return;
    }
    m_tooltip->setGeometry(tooltipBox(tooltip(hover.query, hover.key)).adjusted(-2, -2, 2, 4).toAlignedRect());
    m_tooltip->raise();
    m_tooltip->update();
}

void HeatmapPlot::paintTooltip(QPainter &painter) const
{
    const Hover &hover = m_hoverState->hover();
    if (!m_picture || hover.query < 0 || hover.key < 0) {
        return;
    }
    const Tokens &t = currentTokens();
    const Lines lines = tooltip(hover.query, hover.key);
    const QRectF box = tooltipBox(lines);
    double labels = 0;
    for (const auto &[label, value] : lines) {
        labels = std::max(labels, QFontMetricsF(uiFont(12)).horizontalAdvance(label));
    }
    painter.setRenderHint(QPainter::Antialiasing);
    painter.setPen(Qt::NoPen);
    painter.setBrush(QColor(0, 0, 0, 40));
    painter.drawRoundedRect(box.translated(0, 2), 6, 6);
    painter.setBrush(t.panel);
    painter.setPen(t.border);
    painter.drawRoundedRect(box, 6, 6);
    double y = box.top() + 6;
    const double valueX = box.left() + kTooltipPad + labels + kTooltipGap;
    for (const auto &[label, value] : lines) {
        painter.setFont(uiFont(12));
        painter.setPen(t.text2);
        painter.drawText(QRectF(box.left() + kTooltipPad, y, labels + 2, kTooltipLine), Qt::AlignVCenter, label);
        painter.setFont(monoFont(12, QFont::Medium));
        painter.setPen(t.text);
        painter.drawText(QRectF(valueX, y, box.right() - valueX, kTooltipLine), Qt::AlignVCenter, value);
        y += kTooltipLine;
    }
}

void HeatmapPlot::resizeEvent(QResizeEvent *event)
{
    QWidget::resizeEvent(event);
    layoutMap();
}

void HeatmapPlot::changeEvent(QEvent *event)
{
    if (event->type() == QEvent::StyleChange || event->type() == QEvent::PaletteChange) {
        update();
    }
    QWidget::changeEvent(event);
}

void HeatmapPlot::wheelEvent(QWheelEvent *event)
{
    const double notches = event->angleDelta().y() / 120.0;
    if (!m_picture || levelsOf(*m_picture).empty() || notches == 0 || !m_viewport.contains(event->position())) {
        event->ignore();
        return;
    }
    const QSize cells = levelsOf(*m_picture).front().image.size();
    setMapping(zoomMapping(m_mapping, event->position(), std::pow(kZoomStep, notches), m_viewport, cells, devicePixelRatioF()));
    publishHover(event->position());
    event->accept();
}

void HeatmapPlot::mousePressEvent(QMouseEvent *event)
{
    if (event->button() == Qt::LeftButton) {
        m_press = event->position();
        m_dragAt = event->position();
        m_dragging = false;
    }
}

void HeatmapPlot::mouseMoveEvent(QMouseEvent *event)
{
    if (m_press && (event->buttons() & Qt::LeftButton) && m_picture && !levelsOf(*m_picture).empty()) {
        if ((event->position() - *m_press).manhattanLength() > kDragThreshold) {
            m_dragging = true;
        }
        if (m_dragging) {
            const QSize cells = levelsOf(*m_picture).front().image.size();
            setMapping(panMapping(m_mapping, event->position() - m_dragAt, m_viewport, cells, devicePixelRatioF()));
            m_dragAt = event->position();
            return;
        }
    }
    publishHover(event->position());
}

void HeatmapPlot::mouseReleaseEvent(QMouseEvent *event)
{
    if (event->button() != Qt::LeftButton || !m_press) {
        return;
    }
    m_press.reset();
    if (m_dragging || !m_picture || levelsOf(*m_picture).empty() || !m_viewport.contains(event->position())) {
        return;
    }
    if (const auto cell = cellAt(event->position(), m_mapping, levelsOf(*m_picture).front().image.size())) {
        m_viewState->setCell(cell->y(), cell->x());
    }
}

void HeatmapPlot::mouseDoubleClickEvent(QMouseEvent *event)
{
    if (event->button() == Qt::LeftButton) {
        resetZoom();
    }
}

void HeatmapPlot::leaveEvent(QEvent *event)
{
    m_hoverState->clearCell();
    QWidget::leaveEvent(event);
}

void HeatmapPlot::publishHover(QPointF position)
{
    if (!m_picture || levelsOf(*m_picture).empty()) {
        return;
    }
    const auto cell = m_viewport.contains(position)
                          ? cellAt(position, m_mapping, levelsOf(*m_picture).front().image.size())
                          : std::nullopt;
    if (cell) {
        m_hoverState->setCell(cell->y(), cell->x());
    } else {
        m_hoverState->clearCell();
    }
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

void HeatmapPlot::moveCell(int queries, int keys)
{
    const QSize cells = levelsOf(*m_picture).front().image.size();
    const View &view = m_viewState->view();
    const int query = view.query < 0 ? cells.height() - 1 : std::clamp(view.query + queries, 0, cells.height() - 1);
    const int key = view.key < 0 ? 0 : std::clamp(view.key + keys, 0, cells.width() - 1);
    m_viewState->setCell(query, key);
}

void HeatmapPlot::keyPressEvent(QKeyEvent *event)
{
    if (!m_picture || levelsOf(*m_picture).empty()) {
        QWidget::keyPressEvent(event);
        return;
    }
    const int step = event->modifiers() & Qt::ShiftModifier ? kBigStep : 1;
    const auto zoom = [this](double factor) {
        const QSize cells = levelsOf(*m_picture).front().image.size();
        setMapping(zoomMapping(m_mapping, m_viewport.center(), factor, m_viewport, cells, devicePixelRatioF()));
    };
    switch (event->key()) {
    case Qt::Key_Left: moveCell(0, -step); return;
    case Qt::Key_Right: moveCell(0, step); return;
    case Qt::Key_Up: moveCell(-step, 0); return;
    case Qt::Key_Down: moveCell(step, 0); return;
    case Qt::Key_Plus:
    case Qt::Key_Equal: zoom(kZoomStep); return;
    case Qt::Key_Minus: zoom(1 / kZoomStep); return;
    case Qt::Key_0: resetZoom(); return;
    default: QWidget::keyPressEvent(event);
    }
}

void HeatmapPlot::contextMenuEvent(QContextMenuEvent *event)
{
    if (!m_picture) {
        return;
    }
    QMenu menu(this);
    menu.addAction(QStringLiteral("Copy image"), this, [this] { QApplication::clipboard()->setPixmap(grab()); });
    menu.addAction(QStringLiteral("Copy data"), this, [this] { QApplication::clipboard()->setText(csv()); });
    menu.addAction(QStringLiteral("Reset view"), this, &HeatmapPlot::resetZoom);
    menu.exec(event->globalPos());
}

QString HeatmapPlot::figureTitle() const
{
    if (!m_picture) {
        return {};
    }
    const Snapshot &snapshot = *m_picture->request.snapshot;
    return QStringLiteral("%1, layer %2, step %3")
        .arg(titleOf(*m_picture))
        .arg(m_picture->layer().layer)
        .arg(countText(snapshot.step));
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
    if (!m_fitted && m_viewport.width() > 0) {
        const double ratio = viewport.width() / m_viewport.width(); // what is visible is what is exported
        mapping = {viewport.topLeft() + (m_mapping.origin - m_viewport.topLeft()) * ratio, m_mapping.cell * ratio};
    }
    const Frame frame{viewport, mapping, 1, tokens, *m_picture, levels, false};
    painter.save();
    painter.setFont(uiFont(13, QFont::DemiBold));
    painter.setPen(tokens.text);
    painter.drawText(QRectF(12, 6, size.width() - 24, kTitleHeight - 8), Qt::AlignLeft | Qt::AlignVCenter, figureTitle());
    paintMap(painter, frame);
    painter.restore();
}

nlohmann::ordered_json HeatmapPlot::exportContext() const
{
    nlohmann::ordered_json context;
    if (!m_picture) {
        return context;
    }
    const Snapshot &snapshot = *m_picture->request.snapshot;
    context["title"] = figureTitle().toStdString();
    context["run"] = snapshot.run;
    context["step"] = snapshot.step;
    context["stage"] = snapshot.stage;
    context["probe"] = snapshot.probeName;
    context["selector"] = snapshot.selector;
    context["top_k"] = snapshot.topK;
    context["layer"] = m_picture->layer().layer;
    context["map"] = titleOf(*m_picture).toStdString();
    return context;
}

} // namespace sparsescope
