#include "core/model/fixed_selectors.h"

#include "core/model/layer_parts.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/softmax.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <limits>

namespace sparsescope {

namespace {

struct Positions {
    at::Tensor query; ///< [T,1] position of each query among the keys
    at::Tensor key;   ///< [1,S]
};

Positions positions(const SelectorInput &input)
{
    const at::TensorOptions whole = input.q.options().dtype(at::kLong).requires_grad(false);
    const std::int64_t queries = input.q.size(2), keys = input.k.size(2);
    return {(at::arange(queries, whole) + input.offset).unsqueeze(1), at::arange(keys, whole).unsqueeze(0)};
}

SelectorOutput fromMask(const at::Tensor &mask, const SelectorInput &input)
{
    const at::Tensor rows = mask.unsqueeze(0).expand({input.q.size(0), mask.size(0), mask.size(1)}).contiguous();
    return {dsa::pack_mask(rows, input.offset, input.wantIdx), {}, {}};
}

/// Logical shift right: the sign bit does not follow.
at::Tensor shifted(const at::Tensor &x, int bits)
{
    return x.__rshift__(bits).bitwise_and((std::int64_t{1} << (64 - bits)) - 1);
}

/// SplitMix64's finaliser on every element; int64 arithmetic wraps like uint64's.
at::Tensor stirred(at::Tensor x)
{
    x = x.bitwise_xor(shifted(x, 30)).mul(static_cast<std::int64_t>(0xbf58476d1ce4e5b9ULL));
    x = x.bitwise_xor(shifted(x, 27)).mul(static_cast<std::int64_t>(0x94d049bb133111ebULL));
    return x.bitwise_xor(shifted(x, 31));
}

constexpr std::int64_t kGolden = static_cast<std::int64_t>(0x9e3779b97f4a7c15ULL);

} // namespace

SelectorOutput RecencySelector::select(const SelectorInput &input) const
{
    const auto [query, key] = positions(input);
    return fromMask(key.gt(query - input.topK).logical_and(key.le(query)), input);
}

SelectorOutput SinkWindowSelector::select(const SelectorInput &input) const
{
    const auto [query, key] = positions(input);
    const std::int64_t sinks = std::min(kSinks, input.topK - 1);
    const at::Tensor kept = key.lt(sinks).logical_or(key.gt(query - (input.topK - sinks)));
    return fromMask(kept.logical_and(key.le(query)), input);
}

SelectorOutput RandomSelector::select(const SelectorInput &input) const
{
    const auto [query, key] = positions(input);
    const at::Tensor batch = at::arange(input.q.size(0), query.options()).view({-1, 1, 1});
    at::Tensor state =
        stirred(batch.add(input.layer * 0x100000001LL).mul(kGolden).add(static_cast<std::int64_t>(input.seed)));
    state = stirred(state.add(query.unsqueeze(0).mul(kGolden)));
    // 24 bits are exact in fp32; the rare tie goes to the lower key.
    const at::Tensor draws = shifted(stirred(state.add(key.unsqueeze(0).mul(kGolden))), 40).to(at::kFloat);
    return {dsa::topk_select(draws, input.topK, input.offset, true, input.wantIdx), {}, {}};
}

SelectorOutput OracleSelector::select(const SelectorInput &input) const
{
    const c10::NoGradGuard noGrad;
    const NoAutocast noAutocast;
    const auto [query, key] = positions(input);
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
    return {dsa::topk_select(weight, input.topK, input.offset, true, input.wantIdx), {}, {}};
}

std::unique_ptr<Selector> makeRecencySelector() { return std::make_unique<RecencySelector>(); }

std::unique_ptr<Selector> makeSinkWindowSelector() { return std::make_unique<SinkWindowSelector>(); }

std::unique_ptr<Selector> makeRandomSelector() { return std::make_unique<RandomSelector>(); }

std::unique_ptr<Selector> makeOracleSelector() { return std::make_unique<OracleSelector>(); }

} // namespace sparsescope
