#include "core/model/oracle_selector.h"

#include "core/model/layer_parts.h"
#include "core/model/selector_parts.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/softmax.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <limits>

namespace sparsescope {

at::Tensor denseHeadMean(const SelectorInput &input)
{
    const c10::NoGradGuard noGrad;
    const NoAutocast noAutocast;
    const auto [query, key] = selectorPositions(input);
    const std::int64_t batch = input.q.size(0), heads = input.q.size(1), queries = input.q.size(2);
    const std::int64_t keyHeads = input.k.size(1), keys = input.k.size(2), group = heads / keyHeads;
    const at::Tensor q = inFullPrecision(input.q) * input.scale;
    const at::Tensor k = inFullPrecision(input.k).transpose(-2, -1);
    at::Tensor weight = at::empty({batch, queries, keys}, q.options());
    // Rows in pieces: no [B,H,T,S] array.
    const std::int64_t piece =
        std::max<std::int64_t>(1, (std::int64_t{1} << 22) / std::max<std::int64_t>(1, batch * heads * keys));
    for (std::int64_t first = 0; first < queries; first += piece) {
        const std::int64_t rows = std::min(piece, queries - first);
        const at::Tensor piecewise = q.narrow(2, first, rows).reshape({batch, keyHeads, group * rows, q.size(3)});
        at::Tensor logits = at::matmul(piecewise, k).view({batch, heads, rows, keys});
        logits.masked_fill_(key.gt(query.narrow(0, first, rows)), -std::numeric_limits<double>::infinity());
        weight.narrow(1, first, rows).copy_(at::softmax(logits, -1).mean(1));
    }
    return weight;
}

SelectorOutput OracleSelector::select(const SelectorInput &input) const
{
    return {dsa::topk_select(denseHeadMean(input), input.topK, input.offset, true, input.wantIdx), {}, {}};
}

std::unique_ptr<Selector> makeOracleSelector() { return std::make_unique<OracleSelector>(); }

} // namespace sparsescope
