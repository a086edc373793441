#pragma once

#include "core/base/records.h"

#include <nlohmann/json.hpp>

#include <filesystem>

namespace sparsescope {

/// Reads every run below an experiment folder and writes summary.json, summary.csv, RESULTS_SUMMARY.md and
/// seq_<L>/<family>_results.json (CONTRACTS.md 3, 6), atomically. Returns the summary. Pure of torch.
nlohmann::ordered_json writeReport(const std::filesystem::path &experimentFolder);
/// The same summary without writing anything.
nlohmann::ordered_json summarise(const std::filesystem::path &experimentFolder);

} // namespace sparsescope
