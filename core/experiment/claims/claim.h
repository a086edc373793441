#pragma once

#include "core/experiment/claims/found_results.h"

#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace sparsescope {

enum class ClaimVerdict { Holds, DoesNotHold, NotClear, NotMeasured };
std::string toString(ClaimVerdict); ///< "holds", "does not hold", "not clear", "not measured"

/// What one measurement says to a claim.
enum class Support {
    For,
    Against,
    Unclear, ///< the interval allows both
    Missing, ///< not measured, or a gate withholds the verdict
    Remark   ///< stands beside the others and decides nothing
};
std::string toString(Support); ///< "for", "against", "unclear", "missing", "remark"

struct Evidence {
    Support support = Support::Missing;
    std::string text;
    std::vector<std::string> sources; ///< folder of the experiment, or files of benchmarks; none where there are none
};

/// What the measurements of a row were made with.
struct Circumstances {
    std::set<std::size_t> seeds;       ///< how many, of each measurement
    std::set<std::int64_t> steps;      ///< of a run
    std::set<std::int64_t> parameters; ///< of a model
    std::set<std::string> models;      ///< "6 layers of width 256"
    std::set<std::string> data;        ///< "stories"
    std::set<std::string> cards;       ///< "NVIDIA H100 80GB HBM3"
    std::set<std::string> kinds;       ///< what seeds do not vary: "benchmark", "arithmetic", "all runs"

    void add(const ResultRun &run);
};

struct ClaimFinding {
    ClaimVerdict verdict = ClaimVerdict::NotMeasured;
    std::string because; ///< of NotMeasured
    std::vector<Evidence> evidence;
    Circumstances made;
};

/// A claim of the study (CONTRACTS.md 8) and how it is judged.
struct Claim {
    int id;
    const char *claim;   ///< in a sentence
    const char *claimed; ///< the study's own number
    const char *judged;  ///< when it holds
    ClaimFinding (*measure)(const FoundResults &found);
};

/// A claim holds where every measurement that it needs is for it, and does not where one is against it.
ClaimVerdict verdictOf(const std::vector<Evidence> &evidence);

} // namespace sparsescope
