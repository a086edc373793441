#pragma once

#include "widgets/plots/compare_data.h"

#include <QString>

#include <vector>

namespace sparsescope {

/// One thing that two sides have in common or not.
struct MatchFact {
    CheckOutcome outcome = CheckOutcome::Passed; ///< passed: equal
    QString words;                               ///< "start weights", "A uses 3.1 % more FLOPs"
};
/// What the gates between runs found of these very pairs, then what configurations say; equal things as bare nouns.
std::vector<MatchFact> matchFacts(const CompareInput &input);
/// "Same data order, start weights and schedule"; empty where nothing is equal.
QString equalText(const std::vector<MatchFact> &facts);

/// Why the sides have no verdict, for a bar over the page; empty: they have one, or nothing is compared yet.
struct ComparisonFault {
    CheckOutcome outcome = CheckOutcome::Passed;
    QString title, text;
};
ComparisonFault comparisonFault(const PairComparison &comparison);

} // namespace sparsescope
