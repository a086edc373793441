#pragma once

#include "core/base/statistics.h"
#include "widgets/plots/compare_data.h"
#include "widgets/plots/plot_content.h"

#include <vector>

/// The curves of the Compare page, as values.
namespace sparsescope {

/// A - B over the seeds that both have, at one place of the axis.
struct DifferencePoint {
    double x = 0;
    PairedDifference statistics;
};

/// What differences and curves share: the axis in its unit.
struct CompareAxis {
    XAxis by = XAxis::Step;
    AxisUnit unit;
};
CompareAxis compareAxisOf(const CompareInput &input);

/// Validation loss: mean and standard deviation over the seeds of each side, further runs thinner.
PlotContent comparedLoss(const CompareInput &input, const CompareAxis &axis);
/// At every place where both were evaluated; between their evaluations where the axis is no step. Empty without a seed that
/// both have.
std::vector<DifferencePoint> comparedDifferences(const CompareInput &input, const CompareAxis &axis);
PlotContent differenceContent(const CompareInput &input, const CompareAxis &axis,
                              const std::vector<DifferencePoint> &points, bool comparable);
/// Loss by eighths of the window with the rows that see every key shaded. Without curves `empty` says what to do.
PlotContent positionContent(const CompareInput &input, const std::optional<double> &laterDifference);

/// "+0.017 (95 % CI +0.006 to +0.028)", "+0.017, one seed: no interval".
QString differenceText(const PairedDifference &statistics);
/// A side's validation curve on the axis, one a run that has one.
Series curveOf(const ComparedRun &run, const CompareAxis &axis);

} // namespace sparsescope
