#pragma once

#include "core/base/series.h"
#include "widgets/state/x_axis.h"

#include <QString>

#include <cstdint>

namespace sparsescope {

class RunData;

/// Where the steps of one run lie on an axis: they rise along it. Without points a step lies at itself.
class StepAxis {
public:
    StepAxis() = default;
    /// Tokens: steps times the tokens of one. Time: what the steps took, without pauses and evaluations; beyond the last
    /// step it goes on at the mean pace. FLOPs: of the cost model, stage by stage; an indexer warm-up is a jump.
    /// In units of `unit`.
    StepAxis(const RunData &run, XAxis axis, double unit = 1);

    /// Through these places: step -> place, ascending in both.
    explicit StepAxis(Series points);

    bool isStep() const { return m_points.empty(); }
    double at(double step) const;
    double stepAt(double x) const;
    /// The points of a series over steps, moved to the axis.
    Series moved(Series series) const;

private:
    Series m_points; ///< step -> place, ascending in both
};

/// How an axis is named and counted where it reaches as far as `highest`: "Tokens (million)" in units of 1e6.
struct AxisUnit {
    double unit = 1;
    QString label;
};
AxisUnit axisUnit(XAxis axis, double highest);

} // namespace sparsescope
