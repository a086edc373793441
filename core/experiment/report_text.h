#pragma once

#include <nlohmann/json.hpp>

#include <string>

/// A summary (CONTRACTS.md 6) in the forms that people and spreadsheets read.
namespace sparsescope {

/// One line a run, the columns of summary.json's runs; unknown is an empty cell (RFC 4180 quoting).
std::string summaryCsv(const nlohmann::ordered_json &summary);
std::string summaryMarkdown(const nlohmann::ordered_json &summary);

} // namespace sparsescope
