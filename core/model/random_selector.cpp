#include "core/model/random_selector.h"

#include "core/model/selector_parts.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>

namespace sparsescope {

namespace {

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

SelectorOutput RandomSelector::select(const SelectorInput &input) const
{
    const auto [query, key] = selectorPositions(input);
    const at::Tensor batch = at::arange(input.q.size(0), query.options()).view({-1, 1, 1});
    at::Tensor state =
        stirred(batch.add(input.layer * 0x100000001LL).mul(kGolden).add(static_cast<std::int64_t>(input.seed)));
    state = stirred(state.add(query.unsqueeze(0).mul(kGolden)));
    // 24 bits are exact in fp32; the rare tie goes to the lower key.
    const at::Tensor draws = shifted(stirred(state.add(key.unsqueeze(0).mul(kGolden))), 40).to(at::kFloat);
    return {dsa::topk_select(draws, input.topK, input.offset, true, input.wantIdx), {}, {}};
}

std::unique_ptr<Selector> makeRandomSelector() { return std::make_unique<RandomSelector>(); }

} // namespace sparsescope
