#include "widgets/plots/cut_shapes.h"

#include <array>
#include <cmath>
#include <optional>
#include <utility>

namespace sparsescope {

namespace {

/// Source: Liang and Barsky (1984).
std::optional<std::pair<QPointF, QPointF>> strokeInside(QPointF from, QPointF to, const QRectF &box)
{
    const QPointF way = to - from;
    double begin = 0, end = 1;
    const std::array<std::pair<double, double>, 4> edges = {{{-way.x(), from.x() - box.left()},
                                                             {way.x(), box.right() - from.x()},
                                                             {-way.y(), from.y() - box.top()},
                                                             {way.y(), box.bottom() - from.y()}}};
    for (const auto &[speed, room] : edges) {
        if (speed == 0) {
            if (room < 0) {
                return std::nullopt;
            }
        } else if (speed < 0) {
            begin = std::max(begin, room / speed);
        } else {
            end = std::min(end, room / speed);
        }
    }
    if (begin > end) {
        return std::nullopt;
    }
    return std::pair(from + begin * way, end < 1 ? from + end * way : to);
}

/// Source: Sutherland and Hodgman (1974), one edge. `depth` is above 0 inside.
template <class Depth>
QPolygonF cutAt(const QPolygonF &polygon, Depth depth)
{
    QPolygonF inside;
    for (qsizetype i = 0; i < polygon.size(); ++i) {
        const QPointF &from = polygon[i], &to = polygon[(i + 1) % polygon.size()];
        const double before = depth(from), after = depth(to);
        if (before >= 0) {
            inside.push_back(from);
        }
        if ((before > 0 && after < 0) || (before < 0 && after > 0)) {
            inside.push_back(from + before / (before - after) * (to - from));
        }
    }
    return inside;
}

} // namespace

QVector<QVector<QPointF>> piecesInside(const QVector<QPointF> &line, const QRectF &box)
{
    const auto known = [](const QPointF &point) { return std::isfinite(point.x()) && std::isfinite(point.y()); };
    QVector<QVector<QPointF>> pieces;
    bool open = false;
    for (qsizetype i = 1; i < line.size(); ++i) {
        const auto stroke =
            known(line[i - 1]) && known(line[i]) ? strokeInside(line[i - 1], line[i], box) : std::nullopt;
        if (!stroke) {
            open = false;
            continue;
        }
        if (!open || pieces.back().back() != stroke->first) {
            pieces.push_back({stroke->first});
        }
        pieces.back().push_back(stroke->second);
        open = stroke->second == line[i];
    }
    return pieces;
}

QPolygonF partInside(QPolygonF polygon, const QRectF &box)
{
    polygon = cutAt(polygon, [&](const QPointF &point) { return point.x() - box.left(); });
    polygon = cutAt(polygon, [&](const QPointF &point) { return box.right() - point.x(); });
    polygon = cutAt(polygon, [&](const QPointF &point) { return point.y() - box.top(); });
    return cutAt(polygon, [&](const QPointF &point) { return box.bottom() - point.y(); });
}

} // namespace sparsescope
