#pragma once

#include "core/base/config.h"

#include <cstdint>
#include <string>
#include <vector>

/// Expressions in L give whole numbers of at least 1; that another one was asked for is said.
namespace sparsescope {

/// Before it is rounded down, or up to 1.
double exactValue(const LengthExpression &expression, std::int64_t sequenceLength);

/// Field or option, what was asked, what is taken; empty where that is the same.
std::string roundingNotice(const std::string &field, const LengthExpression &expression, std::int64_t sequenceLength);

/// Of all fields of these runs of the experiment, each once.
std::vector<std::string> roundingNotices(const ExperimentConfig &experiment, const std::vector<RunConfig> &runs);

} // namespace sparsescope
