#include "core/model/planted_leak_selector.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>

#include <algorithm>

namespace sparsescope {

SelectorOutput PlantedLeakSelector::select(const SelectorInput &input) const
{
    constexpr double kUnlikely = -1e9;
    const at::TensorOptions floats = input.q.options().dtype(at::kFloat).requires_grad(false);
    const std::int64_t batch = input.q.size(0), queries = input.q.size(2), keys = input.k.size(2);
    const at::Tensor query = (at::arange(queries, floats) + input.offset).unsqueeze(1);
    const at::Tensor key = at::arange(keys, floats).unsqueeze(0);
    const at::Tensor scores = key.expand({queries, keys}).masked_fill(key.gt(query), kUnlikely);
    // To the selection every key counts as visible; equal scores go to the lower one, on every device.
    return {dsa::topk_select(scores.unsqueeze(0).expand({batch, queries, keys}).contiguous(),
                             std::min(input.topK, keys), /*offset=*/keys, true, input.wantIdx),
            {},
            {}};
}

std::unique_ptr<Selector> makePlantedLeakSelector() { return std::make_unique<PlantedLeakSelector>(); }

} // namespace sparsescope
