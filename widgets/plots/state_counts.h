#pragma once

#include "widgets/style/tokens.h"

#include <QRgb>

namespace sparsescope {

/// How many cells of each state one pixel of a mask stands for.
struct StateCounts {
    int selectedNeeded = 0, selectedLittle = 0, missed = 0, future = 0, futureSelected = 0, all = 0;

    void add(KeyState state);
    void add(const StateCounts &other);
};

/// Missed and future-selected show where any cell is that; otherwise the share that is selected.
QRgb countsRgb(const StateCounts &counts, const Tokens &tokens);

} // namespace sparsescope
