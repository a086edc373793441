#pragma once

#include "core/base/records.h"

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace sparsescope {

/// One soundness check (EXPERIMENTS.md section 4): its words on screen; how it is measured stands in core/train/gates.
struct GateInfo {
    std::string name;      ///< "causality"
    std::string title;     ///< "Future cannot leak"
    std::string procedure; ///< what is done, in one sentence
    std::string passes;    ///< when it passes: "no logit moves by more than 1e-4"
    std::string remedy;    ///< what to do when it does not
};
const std::vector<GateInfo> &gates();
/// Throws Failure naming the nearest known gate.
const GateInfo &gate(const std::string &name);

/// "All 9 checks passed", "Compare with care: 2 warnings", "Do not compare yet: 1 check failed", "Checks not run".
std::string soundnessHeadline(const std::vector<CheckResult> &results);
bool anyFailed(const std::vector<CheckResult> &results);

/// {gate, run, outcome, passed, value, limit, measured}; unknown numbers are null (CONTRACTS.md 6).
nlohmann::ordered_json toJson(const CheckResult &result);
/// Throws Failure on anything else.
CheckResult checkResultFromJson(const nlohmann::json &document);
/// Where a run folder keeps one (table `state`).
std::string storedKey(const GateInfo &gate); ///< "check/causality"

} // namespace sparsescope
