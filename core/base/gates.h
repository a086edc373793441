#pragma once

#include "core/base/config.h"
#include "core/base/records.h"

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace sparsescope {

/// What a gate looks at.
enum class GateScope {
    EveryRun,
    Selecting,  ///< runs whose attention selects keys
    Indexed,    ///< of these, the ones with an indexer
    Learning,   ///< of these, the ones whose indexer is trained
    Group,      ///< runs that are compared with one another
    Experiment, ///< all runs of an experiment
};

/// How its value and limit read.
enum class GateForm {
    AtMost, ///< "1.2e-6", "≤ 1e-5"
    Share,  ///< "2.4 %", "≤ 1 %"
    Loss,   ///< "3.968", "< 6.931"
    Above,  ///< "0.013", "> 0"
};

/// One soundness check (EXPERIMENTS.md section 4): its words on screen; how it is measured stands in core/train/gates.
struct GateInfo {
    std::string name;      ///< "causality"
    std::string title;     ///< "Future cannot leak"
    std::string procedure; ///< what is done, in one sentence
    std::string passes;    ///< when it passes: "no logit moves by more than 1e-4"
    std::string remedy;    ///< what to do when it does not
    GateScope scope;
    GateForm form;
    bool needed; ///< no verdict where it was not made; of the others it is enough that they do not fail
};
const std::vector<GateInfo> &gates();
/// Throws Failure naming the nearest known gate.
const GateInfo &gate(const std::string &name);

/// Is it a gate of this run? Never one between runs.
bool applies(const GateInfo &gate, const RunConfig &run);
/// The results of one run in the order of gates(), and "not made yet" for each gate of the run that has none. Those between
/// runs stay.
std::vector<CheckResult> completed(const RunConfig &run, const std::vector<CheckResult> &results);
/// Does it withhold a verdict: failed, or needed and not made?
bool withholds(const CheckResult &result);
/// "Future cannot leak (seq_128/sparse/seed_0)", with "not made" where that is the reason.
std::string reasonText(const CheckResult &result);

/// "2.4 %" and "≤ 1 %"; empty where no number says it.
std::string valueText(const CheckResult &result);
std::string limitText(const CheckResult &result);

/// "All 9 checks passed", "4 checks passed, 5 not made yet", "Compare with care: 2 warnings", "Do not compare yet: 1 check failed", "Checks not run".
std::string soundnessHeadline(const std::vector<CheckResult> &results);
bool anyFailed(const std::vector<CheckResult> &results);
bool equal(const CheckResult &a, const CheckResult &b);

/// Passed or failed (`otherwise`) by `value <= limit`; NaN never passes.
CheckResult judged(double value, double limit, std::string measured, CheckOutcome otherwise = CheckOutcome::Failed);
CheckResult notRun(std::string why);

/// {gate, run, outcome, passed, value, limit, measured}; unknown numbers are null (CONTRACTS.md 6).
nlohmann::ordered_json toJson(const CheckResult &result);
/// Throws Failure on anything else.
CheckResult checkResultFromJson(const nlohmann::json &document);
/// Where a run folder keeps one (table `state`).
std::string storedKey(const GateInfo &gate); ///< "check/causality"

} // namespace sparsescope
