#include "widgets/plots/label_room.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

namespace sparsescope {

namespace {

constexpr double kAround = 3; ///< px that stay free beside words
constexpr double kCell = 3;   ///< px; finer than any letter, coarse enough to be made for every frame

} // namespace

LabelRoom::LabelRoom(const QRectF &area)
    : m_area(area)
    , m_columns(std::max(0, static_cast<int>(std::ceil(area.width() / kCell))))
    , m_rows(std::max(0, static_cast<int>(std::ceil(area.height() / kCell))))
    , m_cells(static_cast<std::size_t>(m_columns) * static_cast<std::size_t>(m_rows), 0)
{}

void LabelRoom::occupy(int column, int top, int bottom)
{
    if (column < 0 || column >= m_columns) {
        return;
    }
    const int first = std::max(0, top), last = std::min(bottom, m_rows - 1);
    if (first <= last) {
        const auto begin = m_cells.begin() + static_cast<std::ptrdiff_t>(column) * m_rows;
        std::fill(begin + first, begin + last + 1, std::uint8_t{1});
    }
}

void LabelRoom::addStroke(QPointF from, QPointF to)
{
    m_sums.clear();
    if (from.x() > to.x()) {
        std::swap(from, to);
    }
    if (to.x() < m_area.left() || from.x() > m_area.right()) {
        return;
    }
    const auto row = [this](double y) {
        return static_cast<int>(std::floor(std::clamp((y - m_area.top()) / kCell, -1.0, m_rows + 1.0)));
    };
    const double slope = to.x() > from.x() ? (to.y() - from.y()) / (to.x() - from.x()) : 0;
    const int first = std::max(0, static_cast<int>(std::floor((from.x() - m_area.left()) / kCell)));
    const int last = std::min(m_columns - 1, static_cast<int>(std::floor((to.x() - m_area.left()) / kCell)));
    if (first == last && from.x() >= m_area.left() && to.x() <= m_area.right()) { // most strokes of a long curve
        occupy(first, row(std::min(from.y(), to.y())), row(std::max(from.y(), to.y())));
        return;
    }
    for (int column = first; column <= last; ++column) {
        const double left = std::max(from.x(), m_area.left() + column * kCell);
        const double right = std::min(to.x(), m_area.left() + (column + 1) * kCell);
        const double one = slope == 0 ? from.y() : from.y() + slope * (left - from.x());
        const double other = slope == 0 ? to.y() : from.y() + slope * (right - from.x());
        occupy(column, row(std::min(one, other)), row(std::max(one, other)));
    }
}

void LabelRoom::addBox(const QRectF &box)
{
    m_sums.clear();
    const int first = static_cast<int>(std::floor((box.left() - m_area.left()) / kCell));
    const int last = static_cast<int>(std::ceil((box.right() - m_area.left()) / kCell)) - 1;
    const int top = static_cast<int>(std::floor((box.top() - m_area.top()) / kCell));
    const int bottom = static_cast<int>(std::ceil((box.bottom() - m_area.top()) / kCell)) - 1;
    for (int column = std::max(0, first); column <= std::min(last, m_columns - 1); ++column) {
        occupy(column, top, bottom);
    }
}

void LabelRoom::sum() const
{
    const std::size_t height = static_cast<std::size_t>(m_rows) + 1;
    m_sums.assign(height * (static_cast<std::size_t>(m_columns) + 1), 0);
    for (std::size_t column = 0; column < static_cast<std::size_t>(m_columns); ++column) {
        std::int32_t down = 0;
        for (std::size_t row = 0; row < static_cast<std::size_t>(m_rows); ++row) {
            down += m_cells[column * static_cast<std::size_t>(m_rows) + row];
            m_sums[(column + 1) * height + row + 1] = m_sums[column * height + row + 1] + down;
        }
    }
}

double LabelRoom::taken(const QRectF &box) const
{
    if (m_cells.empty()) {
        return 0;
    }
    if (m_sums.empty()) {
        sum();
    }
    const auto cell = [](double pixels, int count, bool up) {
        const double place = pixels / kCell;
        return static_cast<std::size_t>(
            std::clamp(static_cast<int>(up ? std::ceil(place) : std::floor(place)), 0, count));
    };
    const std::size_t left = cell(box.left() - m_area.left(), m_columns, false),
                      right = cell(box.right() - m_area.left(), m_columns, true),
                      top = cell(box.top() - m_area.top(), m_rows, false),
                      bottom = cell(box.bottom() - m_area.top(), m_rows, true);
    if (right <= left || bottom <= top) {
        return 0;
    }
    const std::size_t height = static_cast<std::size_t>(m_rows) + 1;
    const std::int32_t count = m_sums[right * height + bottom] - m_sums[right * height + top] -
                               m_sums[left * height + bottom] + m_sums[left * height + top];
    return static_cast<double>(count) / static_cast<double>((right - left) * (bottom - top));
}

QRectF LabelRoom::place(QSizeF size, const std::vector<QPointF> &topLefts)
{
    QRectF best;
    double least = std::numeric_limits<double>::infinity();
    for (const QPointF &place : topLefts) {
        const double left = std::max(m_area.left(), std::min(place.x(), m_area.right() - size.width()));
        const double top = std::max(m_area.top(), std::min(place.y(), m_area.bottom() - size.height()));
        const QRectF box(QPointF(left, top), size);
        const double found = taken(box.adjusted(-kAround, 0, kAround, 0));
        if (found < least) {
            least = found;
            best = box;
        }
        if (least == 0) {
            break;
        }
    }
    addBox(best);
    return best;
}

std::vector<QPointF> placesAlong(const QRectF &area, QSizeF size, bool top, bool rightFirst, double step)
{
    std::vector<QPointF> places;
    const double y = top ? area.top() : area.bottom() - size.height();
    const double far = std::max(area.left(), area.right() - size.width());
    for (double moved = 0; area.left() + moved < far; moved += step) {
        places.emplace_back(rightFirst ? far - moved : area.left() + moved, y);
    }
    places.emplace_back(rightFirst ? area.left() : far, y);
    return places;
}

} // namespace sparsescope
