#include "widgets/plots/heatmap_coordinates.h"

#include <algorithm>
#include <cmath>

namespace sparsescope {

namespace {

/// A whole number of device pixels when at least one fits; as it is below that.
double wholeDevicePixels(double cell, double dpr)
{
    const double device = cell * dpr;
    return device >= 1 ? std::floor(device + 1e-9) / dpr : cell;
}

QPointF onDevicePixel(QPointF p, double dpr) { return {std::round(p.x() * dpr) / dpr, std::round(p.y() * dpr) / dpr}; }

/// Moves the map so that it covers the viewport, or starts at its top left where it is smaller.
QPointF keepInside(QPointF origin, double cell, const QRectF &viewport, QSize cells)
{
    const auto along = [cell](double at, double low, double high, int count) {
        const double extent = count * cell;
        return extent <= high - low ? low : std::clamp(at, high - extent, low);
    };
    return {along(origin.x(), viewport.left(), viewport.right(), cells.width()),
            along(origin.y(), viewport.top(), viewport.bottom(), cells.height())};
}

} // namespace

std::optional<QPoint> cellAt(QPointF pixel, const CellMapping &mapping, QSize cells)
{
    const QPoint cell(static_cast<int>(std::floor((pixel.x() - mapping.origin.x()) / mapping.cell)),
                      static_cast<int>(std::floor((pixel.y() - mapping.origin.y()) / mapping.cell)));
    if (!QRect({}, cells).contains(cell)) {
        return std::nullopt;
    }
    return cell;
}

QRectF cellRect(int query, int key, const CellMapping &mapping)
{
    return {mapping.origin.x() + key * mapping.cell, mapping.origin.y() + query * mapping.cell, mapping.cell,
            mapping.cell};
}

QPointF cellCentre(int query, int key, const CellMapping &mapping) { return cellRect(query, key, mapping).center(); }

QRectF mapRect(const CellMapping &mapping, QSize cells)
{
    return {mapping.origin.x(), mapping.origin.y(), cells.width() * mapping.cell, cells.height() * mapping.cell};
}

CellMapping fitMapping(const QRectF &area, QSize cells, double dpr)
{
    if (cells.isEmpty() || area.isEmpty()) {
        return {area.topLeft(), 1};
    }
    const double cell = std::min({area.width() / cells.width(), area.height() / cells.height(), kMaxPixelsPerCell});
    return {onDevicePixel(area.topLeft(), dpr), wholeDevicePixels(cell, dpr)};
}

CellMapping zoomMapping(const CellMapping &mapping, QPointF pixel, double factor, const QRectF &viewport, QSize cells,
                        double dpr)
{
    const double smallest = fitMapping(viewport, cells, dpr).cell;
    double cell = mapping.cell * factor;
    if (cell * dpr >= 1) {
        // Rounded, but a small size must not round back to itself.
        const double now = mapping.cell * dpr;
        const double rounded = std::round(cell * dpr);
        cell = (factor > 1 ? std::max(rounded, std::floor(now) + 1) : std::min(rounded, std::ceil(now) - 1)) / dpr;
    }
    cell = std::clamp(cell, smallest, std::max(smallest, kMaxPixelsPerCell));
    const QPointF onMap = (pixel - mapping.origin) / mapping.cell;
    const QPointF origin = keepInside(pixel - onMap * cell, cell, viewport, cells);
    return {onDevicePixel(origin, dpr), cell};
}

CellMapping panMapping(const CellMapping &mapping, QPointF by, const QRectF &viewport, QSize cells, double dpr)
{
    return {onDevicePixel(keepInside(mapping.origin + by, mapping.cell, viewport, cells), dpr), mapping.cell};
}

QRect visibleCells(const CellMapping &mapping, const QRectF &viewport, QSize cells)
{
    const QRectF seen = viewport.intersected(mapRect(mapping, cells)).translated(-mapping.origin);
    if (seen.isEmpty()) {
        return {};
    }
    const auto low = [&](double at) { return static_cast<int>(std::floor(at / mapping.cell + 1e-9)); };
    const auto high = [&](double at) { return static_cast<int>(std::ceil(at / mapping.cell - 1e-9)); };
    return QRect(QPoint(low(seen.left()), low(seen.top())), QPoint(high(seen.right()) - 1, high(seen.bottom()) - 1))
        .intersected(QRect({}, cells));
}

int mipLevel(const CellMapping &mapping, double dpr)
{
    int level = 0;
    for (double side = mapping.cell * dpr; side < 1 - 1e-9; side *= 2) {
        ++level;
    }
    return level;
}

int tickStep(const CellMapping &mapping, double minimumPixels)
{
    int step = 1;
    while (step * mapping.cell < minimumPixels) {
        step *= 2;
    }
    return step;
}

} // namespace sparsescope
