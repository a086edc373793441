#pragma once

#include "widgets/plots/plot_content.h"
#include "widgets/style/tokens.h"

#include <QRectF>

#include <cstdint>
#include <optional>

class QCustomPlot;

namespace sparsescope {

/// What the layers beside the curves paint. Its owner keeps it alive as long as the plot, and up to date.
struct PlotScene {
    PlotContent content;
    Tokens tokens;
    std::optional<std::int64_t> cursor, hover;
    bool logX = false, logY = false;
    bool fitted = true; ///< the range of y: else it was chosen, and what lies beyond it with it
    QRectF inset;       ///< px that a card takes, where words do not stand
};

/// Puts the shading of stages under the grid; and over the curves what may change without them: names of stages, chance
/// lines, carets where a curve goes on above, snapshot ticks, cursor and hover line. Both belong to the plot.
void addPlotLayers(QCustomPlot *plot, const PlotScene &scene);

} // namespace sparsescope
