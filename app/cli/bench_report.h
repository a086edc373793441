#pragma once

#include "app/cli/output.h"
#include "kernels/ops/benchmark.h"

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace sparsescope {

/// "bench", "machine", "method" and an empty "rows".
nlohmann::ordered_json machineDocument(const std::string &subject, const dsa::benchmark::Machine &machine,
                                       const std::string &note, const dsa::benchmark::Options &method);
nlohmann::ordered_json rowDocument(const dsa::benchmark::Row &row);
std::vector<std::string> machineLines(const dsa::benchmark::Machine &machine);
/// A line of the shape and one for each that was timed.
std::vector<std::string> rowLines(const dsa::benchmark::Row &row);
/// Into the document and on screen; false, with an error, where the row is wrong.
bool report(const dsa::benchmark::Row &row, Output &output);

} // namespace sparsescope
