#include "core/probe/selection_statistics.h"
#include "core/train/gates/gate.h"
#include "core/train/trainer.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>

#include <fmt/format.h>

namespace sparsescope {
namespace {

constexpr double kMostTies = 0.01, kMostChance = 0.5; // EXPERIMENTS.md section 4, UI words

std::vector<AttentionTrace> traceOf(GateSubject &subject, const at::Tensor &ids, const Selector *selector)
{
    at::NoGradGuard noGrad;
    subject.model.setTraining(false);
    std::vector<AttentionTrace> trace;
    ForwardOptions forward;
    forward.sparse = true;
    forward.selector = selector;
    forward.trace = &trace;
    subject.model.forward(ids, forward);
    return trace;
}

/// One metric of the model's own selection over the first validation batch.
std::optional<double> selectionMetric(GateSubject &subject, const std::string &metric)
{
    const Batch batch = subject.data.validation(0);
    SelectionStatistics statistics(subject.topK(), subject.model.options().attentionScale(), /*seed=*/0);
    at::NoGradGuard noGrad;
    statistics.add(traceOf(subject, toDevice(batch, subject.device).inputs, nullptr), batch);
    for (const Scalar &scalar : statistics.scalars()) {
        if (scalar.metric == metric) {
            return scalar.value;
        }
    }
    return std::nullopt;
}

std::string rowsText(const GateSubject &subject)
{
    return fmt::format("no row has more than k = {} keys at L = {}", subject.topK(), subject.length());
}

} // namespace

at::Tensor gateWindows(const GateSubject &subject)
{
    constexpr int kWindows = 4;
    return toDevice(subject.data.validation(0), subject.device).inputs.slice(0, 0, kWindows);
}

std::optional<CheckResult> checkEffectiveK(GateSubject &subject)
{
    if (!subject.isSparse()) {
        return std::nullopt;
    }
    const at::Tensor ids = gateWindows(subject);
    const std::int64_t length = ids.size(1);
    const at::Tensor wanted =
        (at::arange(length, at::TensorOptions().dtype(at::kLong).device(subject.device)) + 1).clamp_max(subject.topK());
    std::int64_t wrong = 0, rows = 0;
    std::string first;
    const std::vector<AttentionTrace> trace = traceOf(subject, ids, subject.selector);
    for (std::size_t layer = 0; layer < trace.size(); ++layer) {
        const at::Tensor counted = dsa::unpack_mask(trace[layer].selection, length).sum(-1); // [B,T]
        const at::Tensor differs = counted != wanted.unsqueeze(0);
        const std::int64_t here = differs.sum().item<std::int64_t>();
        if (here > 0 && first.empty()) {
            const std::int64_t at = differs.any(0).nonzero().min().item<std::int64_t>();
            first = fmt::format("; first in layer {} at t = {}: {} keys, {} wanted", layer, at,
                                counted.select(1, at).max().item<std::int64_t>(), wanted[at].item<std::int64_t>());
        }
        wrong += here;
        rows += counted.numel();
    }
    return judged(static_cast<double>(wrong), 0,
                  fmt::format("{} of {} queries have another number of keys{}", wrong, rows, first));
}

std::optional<CheckResult> checkTies(GateSubject &subject)
{
    if (!subject.isSparse() || !selectorKind(subject.model.options().selector).needsIndexer) {
        return std::nullopt;
    }
    const std::optional<double> share = selectionMetric(subject, "selection.ties");
    if (!share) {
        return notRun(rowsText(subject));
    }
    return judged(*share, kMostTies, fmt::format("{:.2f} % of the rows", 100 * *share), CheckOutcome::Warning);
}

std::optional<CheckResult> checkSelectionBinds(GateSubject &subject)
{
    if (!subject.isSparse()) {
        return std::nullopt;
    }
    const std::optional<double> chance = selectionMetric(subject, "selection.mass_kept.chance");
    CheckResult result;
    if (!chance) { // every row keeps every key
        result = judged(1, kMostChance, rowsText(subject), CheckOutcome::Warning);
        return result;
    }
    return judged(*chance, kMostChance, fmt::format("random keys keep {:.2f} of the attention", *chance),
                  CheckOutcome::Warning);
}

} // namespace sparsescope
