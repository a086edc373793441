#include "widgets/style/check_look.h"

#include "core/base/gates.h"

#include <algorithm>

namespace sparsescope {

CheckLook checkLook(CheckOutcome outcome, const Tokens &t)
{
    switch (outcome) {
    case CheckOutcome::Passed:
        return {Icon::Passed, t.passed, {}, "passed"};
    case CheckOutcome::Warning:
        return {Icon::Check, t.check, t.checkTint, "check"};
    case CheckOutcome::Failed:
        return {Icon::Failed, t.failed, t.failedTint, "failed"};
    case CheckOutcome::NotRun:
        break;
    }
    return {Icon::NotChecked, t.hint, {}, "hint"};
}

CheckSummary checkSummary(const std::vector<CheckResult> &checks)
{
    CheckSummary summary{QString::fromStdString(soundnessHeadline(checks)), CheckOutcome::NotRun};
    const auto any = [&](CheckOutcome outcome) {
        return std::any_of(checks.begin(), checks.end(),
                           [&](const CheckResult &check) { return check.outcome == outcome; });
    };
    if (any(CheckOutcome::Failed)) {
        summary.worst = CheckOutcome::Failed;
    } else if (any(CheckOutcome::Warning)) {
        summary.worst = CheckOutcome::Warning;
    } else if (any(CheckOutcome::Passed) && std::none_of(checks.begin(), checks.end(), withholds)) {
        summary.worst = CheckOutcome::Passed;
    }
    return summary;
}

} // namespace sparsescope
