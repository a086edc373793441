#include "core/model/recency_selector.h"

#include "core/model/selector_parts.h"

#include <ATen/TensorOperators.h>

namespace sparsescope {

SelectorOutput RecencySelector::select(const SelectorInput &input) const
{
    const auto [query, key] = selectorPositions(input);
    return selectorFromMask(key.gt(query - input.topK).logical_and(key.le(query)), input);
}

std::unique_ptr<Selector> makeRecencySelector() { return std::make_unique<RecencySelector>(); }

} // namespace sparsescope
