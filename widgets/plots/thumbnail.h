#pragma once

#include "core/base/maps.h"
#include "widgets/plots/heatmap_image.h"
#include "widgets/plots/state_counts.h"

#include <QImage>

#include <vector>

/// Small pictures of maps, gathered row by row, so that the map itself is never kept.
namespace sparsescope {

/// Which pixel a cell goes to: every cell belongs to exactly one pixel, also where the sizes do not divide.
class ThumbnailGrid {
public:
    /// `length` cells a side into at most `side` pixels; no more pixels than cells.
    ThumbnailGrid(int length, int side);
    int side() const { return m_side; }
    int pixelOf(int cell) const { return m_pixels[static_cast<std::size_t>(cell)]; }
    int length() const { return static_cast<int>(m_pixels.size()); }

private:
    std::vector<int> m_pixels; ///< [length]
    int m_side;
};

/// Gathers a map of values. A sum is scaled to pixels of equal size, so that uneven ones leave no pattern.
class ThumbnailValues {
public:
    ThumbnailValues(const ThumbnailGrid &grid, Reducer reducer);
    /// Rows from .. from + rows - 1, `columns` wide; cells s > t are left out.
    void add(const float *values, int from, int rows, int columns);
    /// side x side, NaN where no visible cell is.
    Map finish();

private:
    template <class Combine>
    void addWith(const float *values, int from, int rows, int columns, const Combine &combine);

    const ThumbnailGrid &m_grid;
    Reducer m_reducer;
    std::vector<float> m_values;
    std::vector<int> m_cells;
};

/// side x side pixels in the colours of the counts.
QImage colourStates(const std::vector<StateCounts> &counts, int side, const Tokens &tokens);

/// Pixels a side of the picture of a map of `length` cells with room for `room`: whole pixels per cell where at least one
/// fits, else the whole room.
int thumbnailSide(int length, int room);

} // namespace sparsescope
