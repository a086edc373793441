#pragma once

#include "core/base/counterfactual_table.h"
#include "widgets/plots/compare_data.h"

#include <QString>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sparsescope {

/// One selector: mean over the runs that were asked.
struct SelectorCurve {
    std::string selector;
    QString title;
    Series points; ///< keys a query -> loss over the dense attention of the same weights, nats
};

/// What the selectors of a side's frozen runs gave (EXPERIMENTS.md 5).
struct SelectorCurves {
    QString side; ///< "A" or "B": the first that has any
    Family family = Family::Sparse;
    std::vector<Counterfactual> tables; ///< one a run
    std::vector<std::int64_t> topK;     ///< ascending
    std::vector<SelectorCurve> curves;
    QString fault; ///< a stored table could not be read
};
SelectorCurves selectorCurvesOf(const CompareInput &input);

/// Mean over the runs; absent where random and oracle lie too close (gapClosed()).
std::optional<double> meanGapClosed(const SelectorCurves &curves, std::int64_t topK);
/// "Learned closes 97 % of the gap from random to oracle.", or why that cannot be said.
QString selectorVerdict(const SelectorCurves &curves, std::int64_t topK);

} // namespace sparsescope
