#pragma once

#include "core/base/counterfactual_table.h"

#include <string>
#include <vector>

namespace sparsescope {

/// What the tables of several seeds say together of the learned selector: a line of Markdown for every k of every group (runs
/// that differ in nothing but the seed), in points of exact answers, else of accuracy, against dense attention and against the
/// oracle. Farther off than a sound run lies, it says what to look at. Empty where no learned selector was measured.
std::string selectorRemarks(const std::vector<Counterfactual> &tables);

/// A table of Markdown for every group: what share of the answers, else of the tokens, every selector gets right at every k,
/// seed by seed, with dense attention and chance.
std::string selectorAnswers(const std::vector<Counterfactual> &tables);

/// A table of Markdown for every group in which the learned keys were also chosen in another precision ("lightning-bf16", ...):
/// what share of the rows and of the keys changes, seed by seed, and by how much the loss does. Empty where none was.
std::string selectorPrecision(const std::vector<Counterfactual> &tables);

} // namespace sparsescope
