#pragma once

#include "core/base/config.h"
#include "core/base/series.h"
#include "widgets/plots/step_axis.h"

#include <QString>

#include <optional>
#include <utility>
#include <vector>

namespace sparsescope {

/// One line, or one row of markers, of a plot. Its colour and marker are its family's.
struct PlotCurve {
    QString name;
    Family family = Family::Classic;
    Series points;    ///< ascending in x; NaN makes a gap
    double width = 2; ///< px
    double opacity = 1;
    bool markers = false;       ///< markers (7 px, filled with the panel's colour) instead of a line
    bool markersOnLine = false; ///< both; as many markers as keep apart
    bool readAtCursor = true;   ///< a dot where the step cursor meets it
    bool second = false;        ///< the other one of two of a family: grey and dashed
    bool smoothed = false;      ///< what stands beside the dot says so
    int variant = 0;            ///< one of several of a family: shade and line (widgets/style/group_look)
};
/// Mean and sample standard deviation as a translucent band.
struct PlotBand {
    Family family = Family::Classic;
    std::vector<BandPoint> points;
    bool second = false; ///< as the curve
    int variant = 0;
};
struct PlotStage {
    double from = 0, to = 0;
    QString name;
    bool shaded = false;
};
/// A dashed horizontal line with its words.
struct PlotLine {
    double y = 0;
    QString text;
};

/// What a curve is called, beside it in its colour.
struct PlotKey {
    QString text;
    Family family = Family::Classic;
    bool second = false;
};
/// A solid line at zero with words at its sides, for differences.
struct PlotZero {
    QString above, below;
};

/// Everything a plot over steps shows; values only, so a test and the export read the same as the eye.
struct PlotContent {
    std::vector<PlotCurve> curves;
    std::vector<PlotBand> bands;
    std::vector<PlotStage> stages;
    std::vector<PlotLine> lines;
    std::vector<PlotKey> keys;    ///< inside the plot, under its top edge
    std::optional<PlotZero> zero; ///< belongs to the fitted range
    QString note;                 ///< in figures, inside the plot at its top right
    std::vector<double> ticks;    ///< snapshots, on the x axis
    std::optional<double> now;    ///< newest step while it trains
    StepAxis axis;                ///< where the step cursor lies; `ticks` and `now` are steps, the rest is on the axis
    bool valueAtCursor = false;   ///< beside the dot, in figures
    QString xLabel, yLabel;
    std::vector<double> xTicks;        ///< the only ones of the x axis; empty: at round numbers
    double xLow = 0, xHigh = 1;        ///< unzoomed range
    std::optional<double> yLow, yHigh; ///< unzoomed range; absent: 1st to 99th percentile of the curves, and the
                                       ///< lines; of few values all, with their bands
    QString empty;                     ///< words in place of curves while there are none
};

/// The unzoomed range of y, with a margin.
std::pair<double, double> fittedY(const PlotContent &content, bool logarithmic);
/// The value of a curve at x: that of the last point before it.
std::optional<double> valueBefore(const Series &points, double x);

} // namespace sparsescope
