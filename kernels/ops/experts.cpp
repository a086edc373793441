#include "kernels/ops/experts_kernel.h"

#include "kernels/ops/kernel_support.h"

#ifdef SPARSESCOPE_HAS_KERNELS
#include "kernels/launch/experts/experts.h"

#include <ATen/ops/empty.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#endif

#include <c10/util/Exception.h>

#include <algorithm>
#include <limits>

namespace dsa {

#ifdef SPARSESCOPE_HAS_KERNELS

namespace {

constexpr std::int64_t kPack = 8; ///< elements of 16 bytes
constexpr std::int64_t kPieceRows = 1024, kMostPieces = 8;

launch::experts::RouteParams routeSizes(const at::Tensor &logits, std::int64_t chosen)
{
    launch::experts::RouteParams params;
    params.tokens = logits.size(0);
    params.count = logits.size(1);
    params.chosen = chosen;
    return params;
}

auto stream() { return c10::cuda::getCurrentCUDAStream(); }

} // namespace

const char *gatedRefusal(const at::Tensor &gate)
{
    const char *why = kernelRefusal(gate);
    if (!why && gate.scalar_type() != at::kBFloat16) {
        why = "the kernel takes bfloat16";
    } else if (!why && (gate.size(-1) % kPack != 0 || gate.numel() > std::numeric_limits<std::int32_t>::max() / 32)) {
        why = "the width must be a multiple of 8, and 2^26 numbers are the most";
    }
    return why;
}

const char *expertsRefusal(const at::Tensor &logits, const at::Tensor &x, std::int64_t chosen, std::int64_t inner)
{
    const char *why = gatedRefusal(x);
    if (!why && logits.scalar_type() != at::kFloat) {
        why = "the router's logits must be float32";
    }
    if (!why) {
        launch::experts::supported(routeSizes(logits, chosen), &why);
    }
    return why ? why : inner % kPack != 0 ? "an expert's width must be a multiple of 8" : nullptr;
}

ExpertOrder sortPairs(const at::Tensor &experts, std::int64_t count)
{
    const c10::cuda::CUDAGuard device(experts.device());
    const auto numbers = experts.options().dtype(at::kInt);
    const at::Tensor source = experts.contiguous();
    // So many pieces that their products fill a card, none of them short.
    const std::int64_t pieces = std::clamp<std::int64_t>(source.numel() / count / kPieceRows, 1, kMostPieces);
    ExpertOrder result{at::empty({source.numel()}, numbers), at::empty({source.numel()}, numbers),
                       at::empty({count}, numbers), at::empty({count * pieces}, numbers)};
    const at::Tensor scratch = at::empty({launch::experts::sortScratch(source.numel(), count)}, numbers);
    launch::experts::SortParams params;
    params.experts = source.const_data_ptr<std::int64_t>();
    params.scratch = scratch.mutable_data_ptr<std::int32_t>();
    params.places = result.places.mutable_data_ptr<std::int32_t>();
    params.order = result.order.mutable_data_ptr<std::int32_t>();
    params.ends = result.ends.mutable_data_ptr<std::int32_t>();
    params.pieces = result.pieces.mutable_data_ptr<std::int32_t>();
    params.pairs = source.numel();
    params.count = count;
    params.pieceCount = pieces;
    C10_CUDA_CHECK(launch::experts::launchSort(params, stream()));
    return result;
}

namespace experts {

ExpertChoice choose(const Tensor &logits, const Tensor &bias, std::int64_t chosen, bool normalise, double scale)
{
    const c10::cuda::CUDAGuard device(logits.device());
    const Tensor rows = logits.contiguous(), biases = bias.contiguous();
    const std::int64_t tokens = rows.size(0);
    ExpertChoice choice{
        at::empty({tokens, chosen}, rows.options()), at::empty({tokens, chosen}, rows.options().dtype(at::kLong)),
        at::empty(rows.sizes(), rows.options().dtype(at::kInt)), at::empty({rows.size(1)}, rows.options())};
    launch::experts::RouteParams params = routeSizes(rows, chosen);
    params.logits = rows.const_data_ptr<float>();
    params.bias = biases.const_data_ptr<float>();
    params.experts = choice.experts.mutable_data_ptr<std::int64_t>();
    params.weights = choice.weights.mutable_data_ptr<float>();
    params.slots = choice.slots.mutable_data_ptr<std::int32_t>();
    params.loads = choice.loads.mutable_data_ptr<float>();
    params.normalise = normalise;
    params.scale = static_cast<float>(scale);
    C10_CUDA_CHECK(launch::experts::launchRoute(params, stream()));
    return choice;
}

Tensor chooseBackward(const Tensor &gradWeights, const Tensor &logits, const Tensor &experts, bool normalise,
                      double scale)
{
    const c10::cuda::CUDAGuard device(logits.device());
    const Tensor grad = gradWeights.contiguous(), rows = logits.contiguous();
    Tensor result = at::empty(rows.sizes(), rows.options());
    launch::experts::RouteParams params = routeSizes(rows, experts.size(1));
    params.logits = rows.const_data_ptr<float>();
    // Read only here; the forward writes them.
    params.experts = const_cast<std::int64_t *>(experts.const_data_ptr<std::int64_t>());
    params.gradWeights = grad.const_data_ptr<float>();
    params.gradLogits = result.mutable_data_ptr<float>();
    params.normalise = normalise;
    params.scale = static_cast<float>(scale);
    C10_CUDA_CHECK(launch::experts::launchRouteBackward(params, stream()));
    return result;
}

namespace {

launch::experts::RowsParams rowsOf(const Tensor &from, const Tensor &to, const Tensor &places, std::int64_t tokens)
{
    launch::experts::RowsParams params;
    params.from = from.const_data_ptr();
    params.to = to.mutable_data_ptr();
    params.places = places.const_data_ptr<std::int32_t>();
    params.tokens = tokens;
    params.chosen = tokens > 0 ? places.size(0) / tokens : 1;
    params.width = from.size(1);
    return params;
}

launch::experts::GatedParams gatedOf(const Tensor &gate, const Tensor &up, const Tensor &weights, const Tensor &slots)
{
    TORCH_CHECK(gate.sizes() == up.sizes() && gate.strides() == up.strides() && gate.stride(1) == 1,
                "gated: gate and up must have one shape and one layout, got ", gate.sizes(), " and ", up.sizes());
    launch::experts::GatedParams params;
    params.gate = gate.const_data_ptr();
    params.up = up.const_data_ptr();
    params.weights = weights.defined() ? weights.const_data_ptr<float>() : nullptr;
    params.slots = slots.defined() ? slots.const_data_ptr<std::int32_t>() : nullptr;
    params.rows = gate.size(0);
    params.width = gate.size(1);
    params.stride = gate.stride(0);
    return params;
}

} // namespace

Tensor spread(const Tensor &x, const Tensor &places)
{
    const c10::cuda::CUDAGuard device(x.device());
    const Tensor rows = x.contiguous();
    Tensor result = at::empty({places.size(0), rows.size(1)}, rows.options());
    C10_CUDA_CHECK(launch::experts::launchSpread(rowsOf(rows, result, places, rows.size(0)), stream()));
    return result;
}

Tensor sum(const Tensor &x, const Tensor &places, std::int64_t tokens)
{
    const c10::cuda::CUDAGuard device(x.device());
    const Tensor rows = x.contiguous();
    Tensor result = at::empty({tokens, rows.size(1)}, rows.options());
    C10_CUDA_CHECK(launch::experts::launchSum(rowsOf(rows, result, places, tokens), stream()));
    return result;
}

Tensor gate(const Tensor &gate, const Tensor &up, const Tensor &weights, const Tensor &slots)
{
    const c10::cuda::CUDAGuard device(gate.device());
    Tensor result = at::empty(gate.sizes(), gate.options());
    launch::experts::GatedParams params = gatedOf(gate, up, weights, slots);
    params.out = result.mutable_data_ptr();
    C10_CUDA_CHECK(launch::experts::launchGated(params, stream()));
    return result;
}

Tensor gateBackward(const Tensor &gradOut, const Tensor &gate, const Tensor &up, const Tensor &weights,
                    const Tensor &slots, const Tensor &gradGate, const Tensor &gradUp)
{
    const c10::cuda::CUDAGuard device(gate.device());
    const Tensor grad = gradOut.contiguous();
    const Tensor gradWeights = weights.defined() ? at::empty(weights.sizes(), weights.options()) : Tensor();
    launch::experts::GatedParams params = gatedOf(gate, up, weights, slots);
    params.gradOut = grad.const_data_ptr();
    params.gradGate = gradGate.mutable_data_ptr();
    params.gradUp = gradUp.mutable_data_ptr();
    params.gradStride = gradGate.stride(0);
    params.gradWeights = weights.defined() ? gradWeights.mutable_data_ptr<float>() : nullptr;
    C10_CUDA_CHECK(launch::experts::launchGatedBackward(params, stream()));
    return gradWeights;
}

} // namespace experts

#else

const char *gatedRefusal(const at::Tensor &gate) { return kernelRefusal(gate); }

const char *expertsRefusal(const at::Tensor &, const at::Tensor &x, std::int64_t, std::int64_t)
{
    return kernelRefusal(x);
}

namespace {

[[noreturn]] void noKernel(const char *op) { TORCH_CHECK(false, op, ": built without CUDA kernels"); }

} // namespace

ExpertOrder sortPairs(const at::Tensor &, std::int64_t) { noKernel("sortPairs"); }

namespace experts {

ExpertChoice choose(const Tensor &, const Tensor &, std::int64_t, bool, double) { noKernel("chooseExperts"); }
Tensor chooseBackward(const Tensor &, const Tensor &, const Tensor &, bool, double) { noKernel("chooseExperts"); }
Tensor spread(const Tensor &, const Tensor &) { noKernel("spreadRows"); }
Tensor sum(const Tensor &, const Tensor &, std::int64_t) { noKernel("sumRows"); }
Tensor gate(const Tensor &, const Tensor &, const Tensor &, const Tensor &) { noKernel("gated"); }
Tensor gateBackward(const Tensor &, const Tensor &, const Tensor &, const Tensor &, const Tensor &, const Tensor &,
                    const Tensor &)
{
    noKernel("gated");
}

} // namespace experts

#endif

} // namespace dsa
