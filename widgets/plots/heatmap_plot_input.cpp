#include "widgets/plots/heatmap_plot.h"

#include <QApplication>
#include <QClipboard>
#include <QContextMenuEvent>
#include <QKeyEvent>
#include <QMenu>
#include <QMouseEvent>

#include <algorithm>
#include <cmath>

/// Mouse, keyboard and menu of a map: zoom, pan, pick a cell, say what is under the pointer.
namespace sparsescope {

namespace {

constexpr double kDragThreshold = 4;
constexpr int kBigStep = 10;

} // namespace

void HeatmapPlot::wheelEvent(QWheelEvent *event)
{
    const double notches = event->angleDelta().y() / 120.0;
    if (!m_picture || levelsOf(*m_picture).empty() || notches == 0 || !m_viewport.contains(event->position())) {
        event->ignore();
        return;
    }
    const QSize cells = levelsOf(*m_picture).front().image.size();
    setMapping(zoomMapping(m_mapping, event->position(), std::pow(kZoomStep, notches), m_viewport, cells,
                           devicePixelRatioF()));
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
    switch (event->key()) {
    case Qt::Key_Left:
        moveCell(0, -step);
        return;
    case Qt::Key_Right:
        moveCell(0, step);
        return;
    case Qt::Key_Up:
        moveCell(-step, 0);
        return;
    case Qt::Key_Down:
        moveCell(step, 0);
        return;
    case Qt::Key_Plus:
    case Qt::Key_Equal:
        zoomBy(kZoomStep);
        return;
    case Qt::Key_Minus:
        zoomBy(1 / kZoomStep);
        return;
    case Qt::Key_0:
        resetZoom();
        return;
    default:
        QWidget::keyPressEvent(event);
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

} // namespace sparsescope
