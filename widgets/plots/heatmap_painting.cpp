#include "widgets/plots/heatmap_painting.h"

#include "widgets/style/fonts.h"
#include "widgets/style/marks.h"

#include <QImage>

#include <algorithm>
#include <cmath>

namespace sparsescope {

namespace {

constexpr double kTickDistance = 34;
constexpr double kGridFrom = 12;                         // pixels per cell from which cells get a grid
constexpr double kOverlayLinesFrom = 4;                  // pixels per cell from which the overlay is outlines
constexpr double kTagRoomAcross = 30, kTagRoomDown = 15; // pixels about a tag in which no tick has a number

void paintImage(QPainter &painter, const MapFrame &frame, const std::vector<MapLevel> &levels)
{
    const MapLevel &level =
        levels[std::min(static_cast<std::size_t>(mipLevel(frame.mapping, frame.dpr)), levels.size() - 1)];
    const double side = frame.mapping.cell * std::pow(2.0, static_cast<double>(&level - levels.data()));
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

void paintFuture(QPainter &painter, const MapFrame &frame)
{
    // The triangle s > t, as far as it is in sight: a convex polygon above the diagonal of the cells' corners.
    const QRectF seen = frame.seen();
    const CellMapping &m = frame.mapping;
    const auto diagonalX = [&m](double y) {
        return m.origin.x() + m.cell + (y - m.origin.y());
    }; // cell (t, t+1), top left
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

void paintGrid(QPainter &painter, const MapFrame &frame)
{
    const QRectF seen = frame.seen();
    const QRect cells = visibleCells(frame.mapping, frame.viewport, frame.cells());
    QColor grid = frame.tokens.border;
    grid.setAlpha(90);
    // Filled, not drawn: a thin line that shines through goes pixel by pixel.
    for (int s = cells.left() + 1; s <= cells.right(); ++s) {
        painter.fillRect(QRectF(frame.mapping.origin.x() + s * frame.mapping.cell, seen.top(), 1, seen.height()), grid);
    }
    for (int t = cells.top() + 1; t <= cells.bottom(); ++t) {
        painter.fillRect(QRectF(seen.left(), frame.mapping.origin.y() + t * frame.mapping.cell, seen.width(), 1), grid);
    }
}

/// Thin boxes, tens of thousands of them: on screen they are written into an image, on paper they are shapes.
class OutlinePainter {
public:
    OutlinePainter(QPainter &painter, const MapFrame &frame)
        : m_painter(painter)
        , m_seen(frame.seen())
        , m_dpr(frame.dpr)
    {
        painter.setRenderHint(QPainter::Antialiasing, false);
        if (frame.onScreen) {
            m_image = QImage((m_seen.size() * m_dpr).toSize(), QImage::Format_ARGB32_Premultiplied);
            m_image.fill(Qt::transparent);
        }
    }
    void fill(const QRectF &box, const QColor &colour)
    {
        if (m_image.isNull()) {
            m_painter.fillRect(box, colour);
            return;
        }
        const auto inside = [this](double at, double start, int end) {
            return std::clamp(static_cast<int>(std::lround((at - start) * m_dpr)), 0, end);
        };
        const int left = inside(box.left(), m_seen.left(), m_image.width()),
                  right = inside(box.right(), m_seen.left(), m_image.width()),
                  top = inside(box.top(), m_seen.top(), m_image.height()),
                  bottom = inside(box.bottom(), m_seen.top(), m_image.height());
        for (int y = top; y < bottom; ++y) {
            auto *line = reinterpret_cast<QRgb *>(m_image.scanLine(y));
            std::fill(line + left, line + std::max(left, right), colour.rgb());
        }
    }
    void finish()
    {
        if (!m_image.isNull()) {
            m_image.setDevicePixelRatio(m_dpr);
            m_painter.drawImage(m_seen.topLeft(), m_image);
        }
    }

private:
    QPainter &m_painter;
    QRectF m_seen;
    double m_dpr;
    QImage m_image;
};

void paintTicks(QPainter &painter, const MapFrame &frame, const MapMarks &marks)
{
    const QRectF seen = frame.seen();
    const QRect cells = visibleCells(frame.mapping, frame.viewport, frame.cells());
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
        if (marks.tagQuery >= 0 && std::abs(marks.tagQuery - t) * frame.mapping.cell < kTagRoomDown) {
            continue;
        }
        painter.setPen(frame.tokens.text2);
        painter.drawText(QRectF(seen.left() - 50, y - 8, 43, 16), Qt::AlignRight | Qt::AlignVCenter,
                         QString::number(t));
    }
    for (int s = firstTick(cells.left()); s <= cells.right(); s += step) {
        const double x = cellCentre(0, s, frame.mapping).x();
        if (x < seen.left() || x > seen.right()) {
            continue;
        }
        painter.setPen(frame.tokens.hint);
        painter.drawLine(QPointF(x, seen.bottom() + 1), QPointF(x, seen.bottom() + 4));
        if (marks.tagKey >= 0 && std::abs(marks.tagKey - s) * frame.mapping.cell < kTagRoomAcross) {
            continue;
        }
        painter.setPen(frame.tokens.text2);
        painter.drawText(QRectF(x - 24, seen.bottom() + 5, 48, 15), Qt::AlignCenter, QString::number(s));
    }
}

void outlineRow(QPainter &painter, const MapFrame &frame, int query, bool strong)
{
    QRectF row = cellRect(query, 0, frame.mapping).united(cellRect(query, query, frame.mapping));
    row = row.intersected(frame.seen().adjusted(-1, -1, 1, 1));
    if (row.isEmpty()) {
        return;
    }
    painter.setBrush(Qt::NoBrush);
    painter.setPen(QPen(frame.tokens.panel, strong ? 3 : 2.4));
    painter.drawRect(row.adjusted(-1.5, -1.5, 1.5, 1.5));
    painter.setPen(QPen(frame.tokens.text, strong ? 1.4 : 0.8));
    painter.drawRect(row.adjusted(-1.5, -1.5, 1.5, 1.5));
}

} // namespace

const MapLevel &MapFrame::level() const
{
    return levels[std::min(static_cast<std::size_t>(mipLevel(mapping, dpr)), levels.size() - 1)];
}

MapMarks marksFor(const MapFrame &frame, const View &view, const Hover &hover)
{
    const QSize cells = frame.cells();
    MapMarks marks;
    marks.pickedQuery = view.query < cells.height() ? view.query : -1;
    if (frame.onScreen && hover.query >= 0 && hover.query < cells.height() && hover.key >= 0 &&
        hover.key < cells.width()) {
        marks.hoveredQuery = marks.tagQuery = hover.query;
        marks.tagKey = hover.key;
    } else {
        marks.tagQuery = marks.pickedQuery;
        marks.tagKey = view.key < cells.width() ? view.key : -1;
    }
    return marks;
}

void paintCells(QPainter &painter, const MapFrame &frame)
{
    paintImage(painter, frame, frame.levels);
    paintFuture(painter, frame);
}

void paintImageOnly(QPainter &painter, const MapFrame &frame) { paintImage(painter, frame, frame.levels); }

void paintFaults(QPainter &painter, const MapFrame &frame)
{
    if (frame.picture.futureSelected == 0) {
        return;
    }
    const QRect cells = visibleCells(frame.mapping, frame.viewport, frame.cells());
    painter.setRenderHint(QPainter::Antialiasing, false);
    for (int t = cells.top(); t <= cells.bottom(); ++t) {
        for (int s = std::max(cells.left(), t + 1); s <= cells.right(); ++s) {
            if (frame.picture.mask->at(t, s) == KeyState::FutureSelected) {
                QRectF cell = cellRect(t, s, frame.mapping);
                cell.setSize(cell.size().expandedTo({2, 2})); // never too small to see
                painter.fillRect(cell, frame.tokens.futureSelected);
            }
        }
    }
}

void paintMaskOverlay(QPainter &painter, const MapFrame &frame)
{
    if (!frame.picture.mask) {
        return;
    }
    if (frame.mapping.cell < kOverlayLinesFrom) {
        painter.save();
        painter.setOpacity(painter.opacity() * 0.5);
        paintImage(painter, frame, frame.picture.maskLevels);
        painter.restore();
        return;
    }
    // The lighter colours of the dark theme stand out from every colour map in both themes.
    const Tokens &light = tokens(Theme::Dark);
    const MaskMap &mask = *frame.picture.mask;
    const QRect cells = visibleCells(frame.mapping, frame.viewport, frame.cells());
    const auto chosen = [&mask](int t, int s) {
        return t >= 0 && s >= 0 && t < mask.rows && s <= t &&
               (mask.at(t, s) == KeyState::SelectedNeeded || mask.at(t, s) == KeyState::SelectedLittle);
    };
    OutlinePainter outlines(painter, frame);
    for (int t = cells.top(); t <= cells.bottom(); ++t) {
        for (int s = cells.left(); s <= std::min(t, cells.right()); ++s) {
            const QRectF box = cellRect(t, s, frame.mapping);
            const bool here = chosen(t, s);
            if (here != chosen(t, s - 1)) {
                outlines.fill({box.left(), box.top(), 1, box.height() + 1}, light.selectedNeeded);
            }
            if (here != chosen(t - 1, s)) {
                outlines.fill({box.left(), box.top(), box.width() + 1, 1}, light.selectedNeeded);
            }
            if (here && s == t) {
                outlines.fill({box.right(), box.top(), 1, box.height() + 1}, light.selectedNeeded);
            }
            if (here && t + 1 == mask.rows) {
                outlines.fill({box.left(), box.bottom(), box.width() + 1, 1}, light.selectedNeeded);
            }
        }
    }
    constexpr double kWide = 2; // missed cells on top of the others' outlines
    for (int t = cells.top(); t <= cells.bottom(); ++t) {
        for (int s = cells.left(); s <= std::min(t, cells.right()); ++s) {
            if (mask.at(t, s) == KeyState::Missed) {
                const QRectF box = cellRect(t, s, frame.mapping);
                outlines.fill({box.left(), box.top(), box.width(), kWide}, light.missed);
                outlines.fill({box.left(), box.bottom() - kWide, box.width(), kWide}, light.missed);
                outlines.fill({box.left(), box.top(), kWide, box.height()}, light.missed);
                outlines.fill({box.right() - kWide, box.top(), kWide, box.height()}, light.missed);
            }
        }
    }
    outlines.finish();
}

void paintAxes(QPainter &painter, const MapFrame &frame, const MapMarks &marks)
{
    if (frame.mapping.cell >= kGridFrom) {
        paintGrid(painter, frame);
    }
    paintTicks(painter, frame, marks);
    const QRectF seen = frame.seen();
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

void paintMarks(QPainter &painter, const MapFrame &frame, const MapMarks &marks, double above)
{
    const QRectF seen = frame.seen();
    painter.save();
    painter.setRenderHint(QPainter::Antialiasing);
    if (marks.pickedQuery >= 0) {
        outlineRow(painter, frame, marks.pickedQuery, true);
    }
    if (marks.hoveredQuery >= 0 && marks.hoveredQuery != marks.pickedQuery) {
        outlineRow(painter, frame, marks.hoveredQuery, false);
    }
    if (marks.tagKey >= 0) {
        const double x = cellCentre(0, marks.tagKey, frame.mapping).x();
        if (x >= seen.left() && x <= seen.right()) {
            painter.setPen(QPen(frame.tokens.text, 1, Qt::DotLine));
            painter.drawLine(QPointF(x, seen.top() - above), QPointF(x, seen.bottom() + 4));
            paintTag(painter, {x, seen.bottom() + 5}, Qt::AlignTop | Qt::AlignHCenter, QString::number(marks.tagKey),
                     frame.tokens);
        }
    }
    if (marks.tagQuery >= 0) {
        const double y = cellCentre(marks.tagQuery, 0, frame.mapping).y();
        if (y >= seen.top() && y <= seen.bottom()) {
            paintTag(painter, {seen.left() - 5, y}, Qt::AlignRight | Qt::AlignVCenter, QString::number(marks.tagQuery),
                     frame.tokens);
        }
    }
    painter.restore();
}

void paintRowTag(QPainter &painter, const MapFrame &frame, const MapMarks &marks)
{
    if (marks.tagQuery < 0) {
        return;
    }
    painter.save();
    painter.setRenderHint(QPainter::Antialiasing);
    outlineRow(painter, frame, marks.tagQuery, true);
    const QRectF seen = frame.seen();
    const double y = cellCentre(marks.tagQuery, 0, frame.mapping).y();
    paintTag(painter, {seen.right() - 1, std::clamp(y, seen.top() + 9, seen.bottom() - 9)},
             Qt::AlignRight | Qt::AlignVCenter, QString::number(marks.tagQuery), frame.tokens);
    painter.restore();
}

} // namespace sparsescope
