#pragma once

#include "core/model/selector.h"

#include <ATen/core/Tensor.h>

// T queries, S keys
namespace sparsescope {

/// Where queries and keys stand, int64 on the device of the input.
struct SelectorPositions {
    at::Tensor query; ///< [T,1] position of each query among the keys
    at::Tensor key;   ///< [1,S]
};
SelectorPositions selectorPositions(const SelectorInput &input);

/// One mask [T,S], cut to the visible keys, as the selection of every row of the batch; no scores.
SelectorOutput selectorFromMask(const at::Tensor &mask, const SelectorInput &input);

} // namespace sparsescope
