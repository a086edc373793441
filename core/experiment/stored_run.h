#pragma once

#include "core/base/counterfactual_table.h"
#include "core/base/needle_table.h"
#include "core/base/pair_comparison.h"
#include "core/base/records.h"

#include <nlohmann/json.hpp>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace sparsescope {

/// One run folder, read for a report.
struct StoredRun {
    RunState state = RunState::Queued;
    nlohmann::ordered_json row; ///< of summary.json's "runs"
    ComparedRun compared;
    std::optional<Counterfactual> counterfactual; ///< where other selectors were asked
    std::optional<NeedleTable> needle;            ///< where needles were looked for in other lengths
    const RunConfig &config() const { return compared.started.config; }
};
/// `name`: of the folder, relative to the experiment's. Throws Failure where the folder cannot be read.
StoredRun readStoredRun(const std::filesystem::path &folder, const std::string &name);

/// The keys of a row that hold measured numbers, of which means over seeds can be taken.
const std::vector<std::string> &measuredKeys();

} // namespace sparsescope
