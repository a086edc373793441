#pragma once

#include "core/model/transformer.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

// B windows, T tokens, V vocabulary
namespace sparsescope {

/// What came out of one forward pass.
struct ForwardPass {
    at::Tensor logits; ///< [B,T,V]
    std::vector<RouterTrace> routers;
};

struct PassDifference {
    double largest = 0, largestLogit = 0; ///< over the rows that are compared
    std::int64_t tiedWindows = 0;         ///< in which two experts tie
    std::int64_t left = 0, rows = 0;      ///< rows compared, and all
};

/// The largest change of a logit between two passes that should be equal but for rounding. A router is a step: where two
/// experts have scores that differ by rounding alone, the passes may choose differently, and from that token on the window says
/// nothing. Such rows are left out, where the router's own scores at the first of them do agree; a fault that moved the scores
/// stays.
PassDifference differenceOf(const ForwardPass &pass, const ForwardPass &other);

} // namespace sparsescope
