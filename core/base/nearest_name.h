#pragma once

#include <string>
#include <vector>

namespace sparsescope {

/// The known name with the smallest edit distance (Damerau-Levenshtein, optimal string alignment); empty when even that
/// one differs in more than half of its letters, so that nonsense gets no wild guess. A dotted path whose last part
/// equals the name wins at once.
std::string nearestName(const std::string &name, const std::vector<std::string> &known);

/// "a, b or c".
std::string listed(const std::vector<std::string> &names);

} // namespace sparsescope
