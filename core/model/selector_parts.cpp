#include "core/model/selector_parts.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>

namespace sparsescope {

SelectorPositions selectorPositions(const SelectorInput &input)
{
    const at::TensorOptions whole = input.q.options().dtype(at::kLong).requires_grad(false);
    const std::int64_t queries = input.q.size(2), keys = input.k.size(2);
    return {(at::arange(queries, whole) + input.offset).unsqueeze(1), at::arange(keys, whole).unsqueeze(0)};
}

SelectorOutput selectorFromMask(const at::Tensor &mask, const SelectorInput &input)
{
    const at::Tensor rows = mask.unsqueeze(0).expand({input.q.size(0), mask.size(0), mask.size(1)}).contiguous();
    return {dsa::pack_mask(rows, input.offset, input.wantIdx), {}, {}};
}

} // namespace sparsescope
