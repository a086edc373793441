#include "core/model/sink_window_selector.h"

#include "core/model/selector_parts.h"

#include <ATen/TensorOperators.h>

#include <algorithm>

namespace sparsescope {

SelectorOutput SinkWindowSelector::select(const SelectorInput &input) const
{
    const auto [query, key] = selectorPositions(input);
    const std::int64_t sinks = std::min(kSinks, input.topK - 1);
    const at::Tensor kept = key.lt(sinks).logical_or(key.gt(query - (input.topK - sinks)));
    return selectorFromMask(kept.logical_and(key.le(query)), input);
}

std::unique_ptr<Selector> makeSinkWindowSelector() { return std::make_unique<SinkWindowSelector>(); }

} // namespace sparsescope
