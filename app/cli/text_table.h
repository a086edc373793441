#pragma once

#include <string>
#include <vector>

namespace sparsescope {

class Output;

/// Columns of equal width, the first row the titles; all but the first `words` columns stand at the right.
void printRows(const std::vector<std::vector<std::string>> &rows, std::size_t words, Output &output);

} // namespace sparsescope
