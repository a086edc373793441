#include "core/model/rounded_selector.h"

#include "core/model/layer_parts.h"
#include "core/model/top_k_selector.h"
#include "kernels/ops/dsa_decode.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/ones_like.h>
#include <c10/core/GradMode.h>

namespace sparsescope {

SelectorOutput RoundedSelector::select(const SelectorInput &input) const
{
    const c10::NoGradGuard noGrad;
    const NoAutocast noAutocast;
    SelectorInput rounded = input;
    if (input.index.defined() && m_type == Type::Bf16) {
        rounded.index.q = input.index.q.to(at::kBFloat16);
        rounded.index.k = input.index.k.to(at::kBFloat16);
    } else if (input.index.defined()) {
        // With weights of one the scales of the queries come out. All are powers of two: multiplied back, nothing is rounded again.
        const auto [q8, queryScale, k8, keyScale] =
            dsa::index_quantize(input.index.q, input.index.k, at::ones_like(inFullPrecision(input.index.w)));
        rounded.index.q = q8.to(at::kFloat).mul_(queryScale.unsqueeze(-1));
        rounded.index.k = k8.to(at::kFloat).mul_(keyScale.unsqueeze(-1));
    }
    return TopKSelector().select(rounded); // which says so where there is no indexer
}

std::unique_ptr<Selector> makeBf16Selector() { return std::make_unique<RoundedSelector>(RoundedSelector::Type::Bf16); }

std::unique_ptr<Selector> makeE4m3Selector() { return std::make_unique<RoundedSelector>(RoundedSelector::Type::E4m3); }

} // namespace sparsescope
