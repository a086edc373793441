#pragma once

#include <QPoint>
#include <QPointF>
#include <QRect>
#include <QRectF>
#include <QSize>

#include <optional>

/// Pixel arithmetic of a map, as free functions: rows t go down, columns s go right, (0, 0) is top left.
/// Pixels are logical ones; `dpr` device pixels make one of them.
namespace sparsescope {

inline constexpr double kMaxPixelsPerCell = 64;
inline constexpr double kZoomStep = 1.25;

/// Where the cells lie on the widget.
struct CellMapping {
    QPointF origin;  ///< top left corner of cell (0, 0)
    double cell = 1; ///< side of a cell in logical pixels
    bool operator==(const CellMapping &) const = default;
};

/// Cell under a pixel as (x = s, y = t); nothing outside the map.
std::optional<QPoint> cellAt(QPointF pixel, const CellMapping &mapping, QSize cells);
QRectF cellRect(int query, int key, const CellMapping &mapping);
QPointF cellCentre(int query, int key, const CellMapping &mapping);
QRectF mapRect(const CellMapping &mapping, QSize cells);

/// The largest mapping that shows all cells inside `area`, from its top left corner. A cell is a whole number of device
/// pixels when at least one fits.
CellMapping fitMapping(const QRectF &area, QSize cells, double dpr);

/// Zooms about a pixel: the point of the map under it stays under it as far as whole device pixels and the edges of the
/// viewport allow. Never smaller than the fit, never more than kMaxPixelsPerCell; a step always changes the size
/// until one of the two is reached.
CellMapping zoomMapping(const CellMapping &mapping, QPointF pixel, double factor, const QRectF &viewport, QSize cells,
                        double dpr);
CellMapping panMapping(const CellMapping &mapping, QPointF by, const QRectF &viewport, QSize cells, double dpr);

/// Cells that touch the viewport: x, width = keys; y, height = queries.
QRect visibleCells(const CellMapping &mapping, const QRectF &viewport, QSize cells);

/// Which mip level to draw: level n joins 2^n x 2^n cells, the first one whose cells are at least a device pixel.
int mipLevel(const CellMapping &mapping, double dpr);

/// Step between axis ticks: 1, 2, 4, 8, ... cells, at least `minimumPixels` apart.
int tickStep(const CellMapping &mapping, double minimumPixels);

} // namespace sparsescope
