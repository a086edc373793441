#pragma once

#include "widgets/plots/heatmap_coordinates.h"
#include "widgets/plots/heatmap_painting.h"
#include "widgets/plots/map_worker.h"
#include "widgets/plots/margins.h"
#include "widgets/plots/value_tooltip.h"
#include "widgets/plots/view.h"
#include "widgets/state/hover_state.h"
#include "widgets/state/view_state.h"

#include <QElapsedTimer>
#include <QMarginsF>
#include <QTimer>
#include <QWidget>

#include <chrono>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace sparsescope {

/// A map of queries by keys: paints a ready image, its axes and what is picked or under the pointer; zooms and pans.
/// What the cells mean (levels, margins, words of the tooltip) is the subclass's.
class HeatmapPlot : public QWidget, public ExportableView {
    Q_OBJECT

public:
    HeatmapPlot(ViewState *viewState, HoverState *hoverState, QWidget *parent = nullptr);

    void setPicture(std::shared_ptr<const LayerPicture> picture);
    const std::shared_ptr<const LayerPicture> &picture() const { return m_picture; }
    /// The row that the tooltip quotes; ignored where it is not the row under the pointer.
    void setRow(std::shared_ptr<const RowAnswer> row);
    /// The last picture stays while the next one loads; dimmed after 150 ms.
    void setLoading(bool loading);

    /// For tests and other views: where a cell is on the widget, in logical pixels.
    const CellMapping &mapping() const { return m_mapping; }
    QRectF viewport() const { return m_viewport; }
    void resetZoom();
    void zoomBy(double factor); ///< about the middle
    /// "4 × 4 cells per pixel, maximum" or "1 cell = 5 px, no reduction".
    QString reductionText() const;

    QSize sizeHint() const override { return {520, 560}; }
    QSize minimumSizeHint() const override { return {240, 220}; }

    QString figureTitle() const override;
    QSizeF figureSize() const override;
    void paintFigure(QPainter &painter, QSizeF size, const Tokens &tokens) const override;
    nlohmann::ordered_json exportContext() const override;

Q_SIGNALS:
    void painted(std::chrono::nanoseconds duration);
    void zoomChanged();

protected:
    using Frame = MapFrame;

    virtual const std::vector<MapLevel> &levelsOf(const LayerPicture &picture) const = 0;
    /// The same levels in the colours of another theme, for paper.
    virtual std::vector<MapLevel> levelsFor(const LayerPicture &picture, const Tokens &tokens) const = 0;
    virtual QString titleOf(const LayerPicture &picture) const = 0;
    virtual QMarginsF insets() const = 0; ///< room around the map for axes, margins, colour bar
    virtual void paintOver(QPainter &painter, const Frame &frame) const = 0;   ///< on the map
    virtual void paintAround(QPainter &painter, const Frame &frame) const = 0; ///< beside it
    /// Lines of the tooltip: label and value.
    virtual ValueLines tooltip(int query, int key) const = 0;

    const RowAnswer *rowOf(int query) const;
    QString tokenText(int position) const; ///< “word”, or nothing when the snapshot has no words
    ViewState *viewState() const { return m_viewState; }
    HoverState *hoverState() const { return m_hoverState; }
    /// The frame of the screen; only while there is a picture.
    Frame screenFrame() const;
    virtual void layoutChanged() {} ///< the viewport or the mapping moved

    void paintEvent(QPaintEvent *event) override;
    void resizeEvent(QResizeEvent *event) override;
    void changeEvent(QEvent *event) override;
    void wheelEvent(QWheelEvent *event) override;
    void mousePressEvent(QMouseEvent *event) override;
    void mouseMoveEvent(QMouseEvent *event) override;
    void mouseReleaseEvent(QMouseEvent *event) override;
    void mouseDoubleClickEvent(QMouseEvent *event) override;
    void leaveEvent(QEvent *event) override;
    void keyPressEvent(QKeyEvent *event) override;
    void contextMenuEvent(QContextMenuEvent *event) override;

private:
    /// Place of the map for a whole figure of this size: fits, and centres what is left over.
    QRectF viewportIn(const QRectF &box, QSize cells, double dpr) const;
    void layoutMap();
    bool isFitted() const; ///< nothing of the map is out of sight
    void viewChanged();
    /// Zoom and pan belong to ViewState: other maps of the same text go along, and they can be undone.
    void setMapping(const CellMapping &mapping);
    void paintMap(QPainter &painter, const Frame &frame) const;
    QRectF tooltipBoxOf(const ValueLines &lines) const;
    void paintTooltipPart(QPainter &painter) const;
    void placeTooltip();
    void publishHover(QPointF position);
    void hoverChanged();
    void describe();
    void moveCell(int queries, int keys);

    ViewState *m_viewState;
    HoverState *m_hoverState;
    std::shared_ptr<const LayerPicture> m_picture;
    std::shared_ptr<const RowAnswer> m_row;
    QRectF m_viewport;
    CellMapping m_mapping;
    QTimer m_dimTimer, m_tooltipTimer;
    bool m_dimmed = false;
    PaintedPart *m_tooltip; ///< above the parts of the subclass
    std::optional<QPointF> m_press;
    QPointF m_dragAt;
    bool m_dragging = false;
    QElapsedTimer m_described;
};

} // namespace sparsescope
