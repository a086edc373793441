#pragma once

#include "core/base/records.h"
#include "widgets/style/icons.h"
#include "widgets/style/tokens.h"

#include <QString>

#include <vector>

namespace sparsescope {

/// How the outcome of a gate looks: never by colour alone.
struct CheckLook {
    Icon icon;
    QColor colour;
    QColor tint;      ///< ground of its row; invalid: none
    const char *role; ///< of the style sheet (theme.h)
};
CheckLook checkLook(CheckOutcome outcome, const Tokens &tokens);

/// The headline over some gates, and the outcome that it looks like: "not run" while one that is needed is missing.
struct CheckSummary {
    QString words;
    CheckOutcome worst = CheckOutcome::NotRun;
};
CheckSummary checkSummary(const std::vector<CheckResult> &checks);

} // namespace sparsescope
