#pragma once

#include "core/base/config.h"
#include "core/base/counterfactual_table.h"
#include "core/base/needle_table.h"
#include "core/base/records.h"
#include "core/base/swept_values.h"

#include <nlohmann/json.hpp>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

/// What is left of an experiment whose runs are elsewhere (CONTRACTS.md 6).
namespace sparsescope {

/// The last value of a metric, under its name in the summary's "runs".
struct SummaryColumn {
    const char *key;
    const char *metric;
};
const std::vector<SummaryColumn> &summaryColumns();

/// One entry of "runs".
struct SummaryRun {
    std::string run; ///< "seq_128/sparse/seed_0"
    Family family = Family::Classic;
    std::int64_t sequenceLength = 0;
    std::uint64_t seed = 0;
    SweptAxes axes;
    std::int64_t steps = 0;
    std::map<std::string, double> last; ///< by metric: "val.loss"
};

struct StoredSummary {
    std::filesystem::path folder;
    nlohmann::ordered_json document; ///< as it was written
    std::string experiment, question;
    std::vector<SummaryRun> runs; ///< those that could be read when the summary was written
    std::vector<CheckResult> checks;
    std::vector<Counterfactual> counterfactuals;
    std::vector<NeedleTable> needles;
};

/// Whether a summary lies in the folder and no run.
bool isReduced(const std::filesystem::path &folder);
/// Throws Failure naming the file and the place where it is no such summary.
StoredSummary readSummary(const std::filesystem::path &folder);

} // namespace sparsescope
