#pragma once

#include "widgets/plots/plot_content.h"

#include <QFont>

#include <functional>
#include <vector>

namespace sparsescope {

/// Where a stage is named above a plot.
struct StageName {
    QString text;
    double left = 0, width = 0; ///< px
};

/// One name a stage that has a place on the axis; one without width is named together with the one after it. A name too
/// long for its stage is cut to its first word, and where that is too long too it ends with the stage and begins before
/// it, so that none is left out while there is room for it.
/// `pixelOf` gives the pixel of a place on the axis; names lie between `left` and `right`, which may be beyond the axis.
std::vector<StageName> stageNames(const std::vector<PlotStage> &stages, const std::function<double(double)> &pixelOf,
                                  double left, double right, const QFont &font);

} // namespace sparsescope
