#pragma once

#include "core/base/series.h"

#include <vector>

namespace sparsescope {

/// Which part of an x axis is drawn, and how finely.
struct AxisWindow {
    double low = 0, high = 1; ///< both above 0 where it is logarithmic
    int columns = 1;          ///< of equal width on screen
    bool logarithmic = false;
};

/// A long curve at several finenesses, so that what one frame shows of it is found without looking at every point. Lowest and
/// highest values are never lost.
class CurveLevels {
public:
    CurveLevels() = default;
    /// `points` ascend in x.
    explicit CurveLevels(const Series &points);
    /// Of `points`, which made it, those in the window: all of a short curve, of a long one some four a column.
    Series within(const Series &points, const AxisWindow &window) const;

private:
    Series between(const Series &points, double low, double high, int columns) const;

    std::vector<Series> m_coarser; ///< each a quarter of the one before
};

} // namespace sparsescope
