#pragma once

#include "widgets/plots/plot_layers.h"

#include <QRectF>

#include <memory>

class QCustomPlot;

namespace sparsescope {

/// The last quarter of the curves, enlarged, in a corner of the plot where no curve runs. It belongs to the plot.
class PlotInset {
public:
    PlotInset(QCustomPlot *plot, const PlotScene &scene);
    ~PlotInset();

    /// Shows it where it is wanted, the axes are linear and whole, the curves have come that far, and there is room.
    void update(bool wanted, bool zoomed);
    bool shown() const;
    QRectF box() const;      ///< px of the plot; empty when not shown
    QRectF closeBox() const; ///< its cross

private:
    struct Parts;
    std::unique_ptr<Parts> m_parts;
};

/// Would it fit? Pure: no curve and no line in the corner, and a curve that covers the last quarter.
bool insetFits(const PlotContent &content, std::pair<double, double> yRange);

} // namespace sparsescope
