#pragma once

#include "widgets/state/view_state.h"

#include <QPoint>
#include <QRect>
#include <QSize>

#include <algorithm>
#include <optional>
#include <vector>

/// Where everything of the Atlas lies, as plain arithmetic: a row per layer; columns mask, indexer heads, attention heads.
namespace sparsescope {

/// One thumbnail. `row` counts from the top, as sorted.
struct AtlasCell {
    int row = 0;
    MapKind kind = MapKind::Mask; ///< Mask, IndexTerm or Attention
    int head = -1;                ///< -1 for the mask
    bool operator==(const AtlasCell &) const = default;
};

struct AtlasLayout {
    static constexpr int kLabelWidth = 86, kHeaderHeight = 42, kGap = 10, kGroupGap = 22, kMargin = 12;

    int rows = 0, indexHeads = 0, heads = 0;
    bool mask = false;
    int side = 79; ///< of a thumbnail, pixels

    int columns() const { return (mask ? 1 : 0) + indexHeads + heads; }
    AtlasCell cellOf(int row, int column) const;
    int columnOf(const AtlasCell &cell) const; ///< -1: there is none
    int columnLeft(int column) const;
    int rowTop(int row) const { return kHeaderHeight + row * rowHeight(); }
    int rowHeight() const { return std::max(side, 68) + kGap; }
    QRect cellRect(const AtlasCell &cell) const;
    std::optional<AtlasCell> cellAt(QPoint position) const;
    QSize size() const;
    /// Rows that touch the stretch from `top` to `bottom`.
    std::vector<int> rowsBetween(int top, int bottom) const;
};

} // namespace sparsescope
