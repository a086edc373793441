#pragma once

#include "widgets/plots/compare_curves.h"
#include "widgets/plots/compare_facts.h"
#include "widgets/plots/compare_rows.h"
#include "widgets/plots/selector_curves.h"

#include <nlohmann/json.hpp>

namespace sparsescope {

/// Everything that the Compare page shows of two sides but maps and selectors; values only.
struct CompareContent {
    CompareInput input;
    CompareAxis axis;
    PairComparison comparison, accuracy; ///< A against B: b of them is side A
    PlotContent loss, difference, position;
    std::vector<DifferencePoint> differences;
    std::vector<MetricRow> rows;
    std::vector<MatchFact> facts;
    ComparisonFault fault;
    SelectorCurves selectors;
};
/// Pure; may take some milliseconds a seed.
CompareContent compareContentOf(const CompareInput &input);

/// What stands beside an exported figure: both sides, their runs, what matches, what withholds a verdict.
nlohmann::ordered_json compareContext(const QString &figure, const CompareContent &content);

} // namespace sparsescope
