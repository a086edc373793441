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

/// The same weights with all keys selected and dense, compared four ways.
struct DenseLimit {
    PassDifference single;      ///< with all keys selected from dense, both in fp32
    PassDifference twice;       ///< the same, both in fp64
    PassDifference denseRounds; ///< dense in fp32 from dense in fp64
    PassDifference allRounds;   ///< all keys selected in fp32 from dense in fp64
};

/// Small enough that fp32 alone cannot tell.
bool mayBeRounding(const PassDifference &single);
/// Whether rounding explains `single`: it vanishes in fp64, and all keys selected are as near to that as dense attention is.
bool isRounding(const DenseLimit &limit);

} // namespace sparsescope
