#include "widgets/plots/atlas_layout.h"

#include <algorithm>

namespace sparsescope {

AtlasCell AtlasLayout::cellOf(int row, int column) const
{
    if (mask && column == 0) {
        return {row, MapKind::Mask, -1};
    }
    const int head = column - (mask ? 1 : 0);
    return head < indexHeads ? AtlasCell{row, MapKind::IndexTerm, head}
                             : AtlasCell{row, MapKind::Attention, head - indexHeads};
}

int AtlasLayout::columnOf(const AtlasCell &cell) const
{
    const int first = mask ? 1 : 0;
    switch (cell.kind) {
    case MapKind::Mask:
    case MapKind::IndexScore: // the mask is what the sum of the heads selects
        return mask ? 0 : -1;
    case MapKind::IndexTerm:
        return cell.head >= 0 && cell.head < indexHeads ? first + cell.head : -1;
    case MapKind::Attention:
        return cell.head >= 0 && cell.head < heads ? first + indexHeads + cell.head : -1;
    }
    return -1;
}

int AtlasLayout::columnLeft(int column) const
{
    int left = kMargin + kLabelWidth + column * (side + kGap);
    left += mask && column >= 1 ? kGroupGap - kGap : 0;
    left += indexHeads > 0 && column >= (mask ? 1 : 0) + indexHeads ? kGroupGap - kGap : 0;
    return left;
}

QRect AtlasLayout::cellRect(const AtlasCell &cell) const
{
    const int column = columnOf(cell);
    return column < 0 ? QRect() : QRect(columnLeft(column), rowTop(cell.row), side, side);
}

std::optional<AtlasCell> AtlasLayout::cellAt(QPoint position) const
{
    if (position.y() < kHeaderHeight || rows == 0) {
        return std::nullopt;
    }
    const int row = (position.y() - kHeaderHeight) / rowHeight();
    for (int column = 0; column < columns() && row < rows; ++column) {
        const AtlasCell cell = cellOf(row, column);
        if (cellRect(cell).contains(position)) {
            return cell;
        }
    }
    return std::nullopt;
}

QSize AtlasLayout::size() const
{
    const int width = columns() == 0 ? kMargin + kLabelWidth : columnLeft(columns() - 1) + side;
    return {width + kMargin, rowTop(rows)};
}

std::vector<int> AtlasLayout::rowsBetween(int top, int bottom) const
{
    std::vector<int> result;
    for (int row = 0; row < rows; ++row) {
        if (rowTop(row) + rowHeight() > top && rowTop(row) < bottom) {
            result.push_back(row);
        }
    }
    return result;
}

} // namespace sparsescope
