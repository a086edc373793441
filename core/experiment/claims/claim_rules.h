#pragma once

#include "core/experiment/claims/claim.h"

/// How each claim is measured; which one is which stands in claims.cpp.
namespace sparsescope::rules {

// claims_of_quality.cpp: losses and accuracies of the families
ClaimFinding sparseBeatsClassic(const FoundResults &found);
ClaimFinding gainGrowsWithLength(const FoundResults &found);
ClaimFinding accuracyAt256(const FoundResults &found);
ClaimFinding gainIsRegularisation(const FoundResults &found);
ClaimFinding mhlaGainsAt64(const FoundResults &found);
ClaimFinding mhlaEqualAt128To256(const FoundResults &found);
ClaimFinding mhlaLosesAt1024(const FoundResults &found);
ClaimFinding mhlaEqualAt2048(const FoundResults &found);
ClaimFinding mhlaAloneIsOptimal(const FoundResults &found);
ClaimFinding withinOnePercentOfDense(const FoundResults &found);

// claims_of_selection.cpp: the indexer, what it selects, and tasks that need it
ClaimFinding warmupIsCritical(const FoundResults &found);
ClaimFinding otherWarmupObjectives(const FoundResults &found);
ClaimFinding fourHeadsSuffice(const FoundResults &found);
ClaimFinding robustToHyperparameters(const FoundResults &found);
ClaimFinding patternsOfSelection(const FoundResults &found);
ClaimFinding lookBackAndCoverage(const FoundResults &found);
ClaimFinding headsSelectForThemselves(const FoundResults &found);
ClaimFinding needleAt128K(const FoundResults &found);
ClaimFinding documentQuestions(const FoundResults &found);
ClaimFinding longRangeRecall(const FoundResults &found);
ClaimFinding reluSuffices(const FoundResults &found);

// claims_of_cost.cpp: time, memory, parameters
ClaimFinding sameTimePerStep(const FoundResults &found);
ClaimFinding parametersAdded(const FoundResults &found);
ClaimFinding fasterAndSmaller(const FoundResults &found);
ClaimFinding speedAtLongContext(const FoundResults &found);
ClaimFinding memoryAt128K(const FoundResults &found);
ClaimFinding selectionIsLinear(const FoundResults &found);
ClaimFinding kvCacheOfMla(const FoundResults &found);

} // namespace sparsescope::rules
