#include "core/probe/selection_statistics.h"
#include "core/train/gates/gate.h"
#include "core/train/trainer.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>

#include <fmt/format.h>

namespace sparsescope {
namespace {

constexpr int kWindows = 4;
constexpr double kDenseLimit = 1e-5, kMostTies = 0.01, kMostChance = 0.5; // EXPERIMENTS.md section 4, UI words
constexpr double kRoundingOfDouble = 1e-10;                               // logits of order 10, a few thousand sums
constexpr std::int64_t kBeyond = 7;

at::Tensor windowsOf(const GateSubject &subject)
{
    return toDevice(subject.data.validation(0), subject.device).inputs.slice(0, 0, kWindows);
}

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

struct DenseDifference {
    double largest = 0, largestLogit = 0;
};

/// Largest change of a logit when the model attends to k = L or k = L + 7 selected keys in place of all.
DenseDifference differenceFromDense(GateSubject &subject)
{
    subject.model.setTraining(false);
    const at::Tensor ids = windowsOf(subject);
    const auto logitsOf = [&](bool sparse, std::int64_t topK) {
        ForwardOptions forward;
        forward.sparse = sparse;
        forward.topK = topK;
        forward.selector = subject.selector;
        return subject.model.forward(ids, forward).logits;
    };
    const at::Tensor dense = logitsOf(false, 0);
    DenseDifference difference;
    difference.largestLogit = dense.abs().max().item<double>();
    for (const std::int64_t topK : {subject.length(), subject.length() + kBeyond}) {
        const double change = (logitsOf(true, topK) - dense).abs().max().item<double>();
        difference.largest = change <= difference.largest ? difference.largest : change; // a NaN stays
    }
    return difference;
}

/// Weights in fp64 for a while; back in fp32 they are the same numbers.
class InDouble {
public:
    explicit InDouble(Parameters &parameters)
        : m_parameters(parameters)
    {
        m_parameters.convertTo(at::kDouble);
    }
    ~InDouble() { m_parameters.convertTo(at::kFloat); }
    InDouble(const InDouble &) = delete;
    InDouble &operator=(const InDouble &) = delete;

private:
    Parameters &m_parameters;
};

std::string rowsText(const GateSubject &subject)
{
    return fmt::format("no row has more than k = {} keys at L = {}", subject.topK(), subject.length());
}

} // namespace

std::optional<CheckResult> checkDenseLimit(GateSubject &subject)
{
    if (!subject.isSparse()) {
        return std::nullopt;
    }
    at::NoGradGuard noGrad;
    const DenseDifference single = differenceFromDense(subject);
    const std::string measured =
        fmt::format("largest difference of a logit {:.2g}, largest logit {:.2g}", single.largest, single.largestLogit);
    if (single.largest <= kDenseLimit || !(single.largest <= kDenseLimit * single.largestLogit)) {
        return judged(single.largest, kDenseLimit, measured);
    }
    // Between the limit and the limit times the logits it may be rounding. In fp64 rounding all but vanishes, a fault stays.
    const DenseDifference twice = [&] {
        const InDouble exact(subject.model.parameters());
        return differenceFromDense(subject);
    }();
    if (twice.largest <= kRoundingOfDouble) {
        return judged(twice.largest, kDenseLimit,
                      fmt::format("{}: rounding, for in fp64 it is {:.2g}", measured, twice.largest));
    }
    return judged(single.largest, kDenseLimit, fmt::format("{}, in fp64 {:.2g}", measured, twice.largest));
}

std::optional<CheckResult> checkEffectiveK(GateSubject &subject)
{
    if (!subject.isSparse()) {
        return std::nullopt;
    }
    const at::Tensor ids = windowsOf(subject);
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
