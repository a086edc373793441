#include "core/model/mixture_of_experts.h"

#include "core/model/transformer.h"
#include "kernels/ops/experts.h"

#include <ATen/TensorOperators.h>
#include <ATen/autocast_mode.h>
#ifdef SPARSESCOPE_TORCH_HAS_CUDA
#include <ATen/cuda/CUDAContext.h>
#endif
#include <ATen/ops/_grouped_mm.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/argsort.h>
#include <ATen/ops/bincount.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/chunk.h>
#include <ATen/ops/div.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/topk.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>

#include <limits>
#include <tuple>

namespace sparsescope {

namespace {

/// From here on an H100 takes no longer over sorted pairs than over all experts of which half are chosen, and a third less memory.
constexpr std::int64_t kManyTokens = 8192;

/// silu of the first half times the second half of the last dimension.
at::Tensor gated(const at::Tensor &x)
{
    const std::vector<at::Tensor> halves = at::chunk(x, 2, -1); // one node, so their gradients are joined in one pass
    return at::silu(halves[0]) * halves[1];
}

/// Does the library's grouped product read the ends of the groups on the device? Elsewhere it brings them to the host, for which
/// a stream would wait and which no graph can record.
bool groupsOnDevice([[maybe_unused]] const at::Device &device)
{
#ifdef SPARSESCOPE_TORCH_HAS_CUDA
    const int generation = at::cuda::getDeviceProperties(device.index())->major;
    return generation == 9 || generation == 10;
#else
    return false;
#endif
}

/// [N,E], 1 where the token goes to the expert.
at::Tensor membership(const at::Tensor &experts, std::int64_t count, const at::TensorOptions &options)
{
    return at::zeros({experts.size(0), count}, options).scatter_(1, experts, 1);
}

} // namespace

MixtureOfExperts::MixtureOfExperts(const ModelOptions &options, Parameters &parameters, const std::string &prefix)
    : m_moe(options.moe)
{
    const std::int64_t experts = m_moe.nExperts, inner = m_moe.dExpert, width = options.dModel;
    m_gate = parameters.add(prefix + "gate.weight", {experts, width}, projectionStart(width), true, true);
    m_bias = parameters.add(prefix + "gate.e_score_correction_bias", {experts}, zeros(), false, true);
    m_gateUp = parameters.add(prefix + "experts.gate_up_proj", {experts, 2 * inner, width}, projectionStart(width));
    m_down =
        parameters.add(prefix + "experts.down_proj", {experts, width, inner}, projectionStart(inner, options.nLayers));
    if (m_moe.nShared > 0) {
        m_shared = std::make_unique<GatedMlp>(parameters, prefix + "shared_experts.", options.dModel,
                                              m_moe.nShared * m_moe.dExpert, options.nLayers);
    }
}

MixtureOfExperts::Routing MixtureOfExperts::route(const at::Tensor &tokens, const at::Tensor &input) const
{
    const NoAutocast noAutocast;
    Routing routing;
    routing.logits = at::linear(inFullPrecision(tokens), inFullPrecision(m_gate));
    if (m_moe.nGroups == 1 && !dsa::expertsRefusal(routing.logits, input, m_moe.expertsPerToken, m_moe.dExpert)) {
        const dsa::ExpertChoice choice =
            dsa::chooseExperts(routing.logits, m_bias, m_moe.expertsPerToken, m_moe.normaliseTopK, m_moe.scale);
        routing.experts = choice.experts;
        routing.weights = choice.weights;
        routing.slots = choice.slots;
        routing.loads = choice.loads;
    } else {
        choose(routing);
    }
    return routing;
}

void MixtureOfExperts::choose(Routing &routing) const
{
    const at::Tensor scores = routing.logits.sigmoid();
    {
        const c10::NoGradGuard noGrad;
        at::Tensor choice = scores.detach() + m_bias;
        if (m_moe.nGroups > 1) {
            const std::int64_t perGroup = m_moe.nExperts / m_moe.nGroups;
            const at::Tensor grouped = choice.view({-1, m_moe.nGroups, perGroup});
            const at::Tensor strength = std::get<0>(at::topk(grouped, 2, -1)).sum(-1);
            const at::Tensor best = std::get<1>(at::topk(strength, m_moe.topGroups, -1));
            const at::Tensor kept = membership(best, m_moe.nGroups, choice.options().dtype(at::kBool));
            choice = grouped.masked_fill(kept.logical_not().unsqueeze(-1), -std::numeric_limits<double>::infinity())
                         .view({-1, m_moe.nExperts});
        }
        routing.experts = std::get<1>(at::topk(choice, m_moe.expertsPerToken, -1));
    }
    routing.weights = scores.gather(1, routing.experts);
    if (m_moe.normaliseTopK) {
        routing.weights = routing.weights / (routing.weights.sum(-1, true) + 1e-20);
    }
    if (m_moe.scale != 1.0) {
        routing.weights = routing.weights * m_moe.scale;
    }
}

/// Two matrix products for all experts together, unchosen ones with weight 0: nothing to sort, nothing to gather.
at::Tensor MixtureOfExperts::runEveryExpert(const at::Tensor &tokens, const Routing &routing) const
{
    const std::int64_t count = tokens.size(0), width = tokens.size(1), experts = m_moe.nExperts, inner = m_moe.dExpert;
    const at::Tensor up = at::linear(tokens, m_gateUp.view({experts * 2 * inner, width}));
    at::Tensor weighted;
    if (routing.byKernels()) {
        weighted = dsa::gatedPairs(up.view({count * experts, 2 * inner}), routing.weights, routing.slots.view({-1}));
    } else {
        const at::Tensor weights = at::zeros({count, experts}, routing.weights.options().requires_grad(false))
                                       .scatter(1, routing.experts, routing.weights);
        const at::Tensor active = gated(up.view({count, experts, 2 * inner}));
        weighted = active * weights.to(active.scalar_type()).unsqueeze(-1);
    }
    return at::matmul(weighted.view({count, experts * inner}),
                      m_down.transpose(1, 2).reshape({experts * inner, width}));
}

/// Token-expert pairs sorted by expert; each expert runs on its own pairs only.
at::Tensor MixtureOfExperts::runChosenExperts(const at::Tensor &tokens, const Routing &routing) const
{
    const std::int64_t count = tokens.size(0), width = tokens.size(1), chosen = m_moe.expertsPerToken;
    const std::int64_t experts = m_moe.nExperts;
    if (routing.byKernels()) {
        const NoAutocast noAutocast;
        const dsa::ExpertOrder sorted = dsa::sortPairs(routing.experts, experts);
        const at::Tensor up = dsa::groupedProduct(dsa::spreadRows(tokens, sorted.places), m_gateUp, sorted);
        // Weighted before the second product, so that a token's rows need only be added.
        const at::Tensor active = dsa::gatedPairs(up, routing.weights, sorted.order);
        return dsa::sumRows(dsa::groupedProduct(active, m_down, sorted), sorted.places, count);
    }
    const at::Tensor flat = routing.experts.reshape({-1});
    const at::Tensor order = at::argsort(flat, /*stable=*/true, 0, false);
    const at::Tensor places = at::empty_like(order).scatter_(0, order, at::arange(order.numel(), order.options()));
    // Repeated first, then permuted: every gradient row is written once, so sums are in one order on every device.
    const at::Tensor pairs =
        tokens.unsqueeze(1).expand({count, chosen, width}).reshape({count * chosen, width}).index_select(0, order);

    at::Tensor results;
    if (tokens.is_cuda()) {
        const NoAutocast noAutocast;
        const at::Tensor ends =
            membership(routing.experts, experts, routing.experts.options()).sum(0).cumsum(0).to(at::kInt);
        const at::Tensor up =
            at::_grouped_mm(pairs.to(at::kBFloat16), m_gateUp.to(at::kBFloat16).transpose(1, 2), ends);
        results = at::_grouped_mm(gated(up), m_down.to(at::kBFloat16).transpose(1, 2), ends);
    } else {
        const at::Tensor counts = at::bincount(flat, {}, experts);
        const std::int64_t *size = counts.const_data_ptr<std::int64_t>();
        std::vector<at::Tensor> pieces;
        for (std::int64_t e = 0, first = 0; e < experts; first += size[e++]) {
            if (size[e] > 0) {
                const at::Tensor up = at::linear(pairs.narrow(0, first, size[e]), m_gateUp.select(0, e));
                pieces.push_back(at::linear(gated(up), m_down.select(0, e)));
            }
        }
        results = at::cat(pieces);
    }
    const at::Tensor perToken = results.index_select(0, places).view({count, chosen, width});
    return (perToken * routing.weights.to(perToken.scalar_type()).unsqueeze(-1)).sum(1);
}

bool MixtureOfExperts::runsChosenOnly(const at::Tensor &x) const
{
    if (!x.is_cuda()) {
        return m_moe.expertsPerToken < m_moe.nExperts;
    }
    if (m_moe.nExperts <= 2 * m_moe.expertsPerToken && x.numel() / x.size(-1) < kManyTokens) {
        return false; // twice the arithmetic costs the device less than sorting and gathering
    }
    // The grouped product of the device takes bf16 and rows of whole 16 bytes.
    const bool half =
        m_gateUp.scalar_type() == at::kBFloat16 ||
        (at::autocast::is_autocast_enabled(at::kCUDA) && at::autocast::get_autocast_dtype(at::kCUDA) == at::kBFloat16);
    return half && x.size(-1) % 8 == 0 && m_moe.dExpert % 8 == 0 && groupsOnDevice(x.device());
}

at::Tensor MixtureOfExperts::forward(const NormedRows &x, bool count, RouterTrace *trace)
{
    const std::int64_t width = x.low.size(-1);
    const at::Tensor tokens = x.full.reshape({-1, width}), input = x.low.reshape({-1, width});
    const Routing routing = route(tokens, input);
    if (trace) {
        trace->logits = routing.logits.detach();
        trace->experts = routing.experts;
        trace->weights = routing.weights.detach();
    }
    if (count) {
        const c10::NoGradGuard noGrad;
        const at::Tensor load =
            routing.byKernels() ? routing.loads : membership(routing.experts, m_moe.nExperts, m_bias.options()).sum(0);
        m_loads = m_loads.defined() ? m_loads + load : load;
    }
    const at::Tensor y = runsChosenOnly(x.low) ? runChosenExperts(input, routing) : runEveryExpert(input, routing);
    return (m_shared ? y + m_shared->forward(input) : y).view(x.low.sizes());
}

void MixtureOfExperts::updateBias(double rate, const at::Tensor &apply)
{
    if (!m_loads.defined()) {
        return;
    }
    const c10::NoGradGuard noGrad;
    const at::Tensor mean = m_loads.mean(), direction = (mean - m_loads).sign_();
    if (apply.defined()) {
        m_bias.addcmul_(direction, apply, rate);
    } else {
        m_bias.add_(direction, rate);
    }
    if (!m_imbalance.defined()) {
        m_imbalance = at::empty_like(mean);
    }
    at::div_out(m_imbalance, m_loads.max(), mean);
    m_loads = at::Tensor();
}

} // namespace sparsescope
