#pragma once

#include <QRectF>
#include <QSizeF>

#include <cstdint>
#include <vector>

namespace sparsescope {

/// Where words may stand in a plot without lying on its data, on other words, or over its edges. Data is kept as occupied
/// cells, so that a place is judged in the same time however many points there are.
class LabelRoom {
public:
    /// Free ground; words stay within it.
    explicit LabelRoom(const QRectF &area = {});

    /// Data: a stroke from one pixel to another. What lies outside the ground is left out.
    void addStroke(QPointF from, QPointF to);
    /// Words, a card, a marker: nothing else stands there.
    void addBox(const QRectF &box);
    /// The places are tried in their order: the first that holds nothing, else the one that holds least. What is
    /// placed is taken from then on.
    QRectF place(QSizeF size, const std::vector<QPointF> &topLefts);
    /// Share of a box that is taken.
    double taken(const QRectF &box) const;
    const QRectF &area() const { return m_area; }

private:
    void occupy(int column, int top, int bottom);
    void sum() const;

    QRectF m_area;
    int m_columns = 0, m_rows = 0;
    std::vector<std::uint8_t> m_cells;        ///< column by column, as strokes fill them
    mutable std::vector<std::int32_t> m_sums; ///< of all cells above and left; empty: to be made anew
};

/// Places from one corner of `area` to the other along an edge, `step` px apart, with the box inside it.
std::vector<QPointF> placesAlong(const QRectF &area, QSizeF size, bool top, bool rightFirst, double step = 8);

} // namespace sparsescope
