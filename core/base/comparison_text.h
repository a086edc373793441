#pragma once

#include "core/base/pair_comparison.h"

#include <nlohmann/json.hpp>

#include <optional>
#include <string>
#include <vector>

/// Comparisons and gates in the forms that programs, spreadsheets and people read (CONTRACTS.md 6).
namespace sparsescope {

/// The number, or null where it is unknown or not finite.
nlohmann::ordered_json numberOrNull(std::optional<double> value);

/// One entry of summary.json's "gates"; a gate that does not pass brings its words and its remedy along.
nlohmann::ordered_json gateJson(const CheckResult &result);

/// summary.json's "comparisons": what is asked for there, the values of every seed, the other two views, and the gates that
/// withhold the verdict.
nlohmann::ordered_json comparisonsJson(const std::vector<PairComparison> &table);

/// One line a pair of runs and view, every digit: enough to compute each interval again.
std::string comparisonsCsv(const nlohmann::ordered_json &comparisons);

/// A table in words, for a page or a terminal.
struct TextTable {
    std::string title;
    std::vector<std::string> columns;
    std::vector<std::vector<std::string>> rows;
};
/// After equal steps; at equal operations and at equal seconds, where they say something. No interval and no verdict beside a
/// gate that does not hold.
std::vector<TextTable> comparisonTables(const nlohmann::ordered_json &comparisons);
/// The gates that do not pass, with what was measured and what to do; no rows where all pass.
TextTable gateTable(const nlohmann::ordered_json &gates);

} // namespace sparsescope
