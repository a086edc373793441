#pragma once

#include "core/base/comparison_text.h"

#include <string>
#include <vector>

namespace sparsescope {

class Output;

/// Columns of equal width, the first row the titles; all but the first `words` columns stand at the right.
void printRows(const std::vector<std::vector<std::string>> &rows, std::size_t words, Output &output);
/// A comparison's table: title, columns; the last one, the verdict, at the left.
void printTable(const TextTable &table, Output &output);
/// The gates that do not pass, a line each and one for what to do.
void printGates(const TextTable &gates, Output &output);

} // namespace sparsescope
