#include "core/train/gates/dense_limit.h"

#include "core/train/gates/gate.h"
#include "core/train/trainer.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <tuple>

namespace sparsescope {
namespace {

constexpr double kDenseLimit = 1e-5;        // EXPERIMENTS.md section 4
constexpr double kRoundingOfDouble = 1e-10; // logits of order 10, a few thousand sums
constexpr double kFewestLeft = 0.5;         // of the rows, or nothing was compared
constexpr std::int64_t kBeyond = 7;

/// NaN is the worst.
bool isWorse(double found, double known) { return std::isnan(found) || found > known; }

ForwardPass passOf(GateSubject &subject, const at::Tensor &ids, bool sparse, std::int64_t topK)
{
    ForwardPass pass;
    ForwardOptions forward;
    forward.sparse = sparse;
    forward.topK = topK;
    forward.selector = subject.selector;
    forward.routers = &pass.routers;
    pass.logits = subject.model.forward(ids, forward).logits;
    return pass;
}

/// Of the model when it attends to k = L or k = L + 7 selected keys in place of all: the worse of the two.
PassDifference differenceFromDense(GateSubject &subject)
{
    subject.model.setTraining(false);
    const at::Tensor ids = gateWindows(subject);
    const ForwardPass dense = passOf(subject, ids, false, 0);
    PassDifference worst;
    for (const std::int64_t topK : {subject.length(), subject.length() + kBeyond}) {
        const PassDifference here = differenceOf(dense, passOf(subject, ids, true, topK));
        if (topK == subject.length() || isWorse(here.largest, worst.largest)) {
            worst = here;
        }
    }
    return worst;
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

std::string textOf(const PassDifference &difference)
{
    std::string text =
        fmt::format("largest difference of a logit {:.2g}, largest logit {:.2g}", difference.largest, difference.largestLogit);
    if (difference.tiedWindows > 0) {
        text += fmt::format("; experts tie in {} window{}, {} of {} rows before that", difference.tiedWindows,
                            difference.tiedWindows == 1 ? "" : "s", difference.left, difference.rows);
    }
    return text;
}

} // namespace

PassDifference differenceOf(const ForwardPass &pass, const ForwardPass &other)
{
    const std::int64_t windows = pass.logits.size(0), tokens = pass.logits.size(1);
    const at::Tensor change = (other.logits - pass.logits).abs().amax(-1).cpu(); // [B,T]
    std::vector<at::Tensor> flips;                                               // [B,T] a layer
    for (std::size_t layer = 0; layer < pass.routers.size(); ++layer) {
        const auto chosen = [&](const ForwardPass &of) { return std::get<0>(of.routers[layer].experts.sort(-1)); };
        flips.push_back((chosen(pass) != chosen(other)).any(-1).view({windows, tokens}).cpu());
    }
    PassDifference result;
    result.rows = windows * tokens;
    for (std::int64_t window = 0; window < windows; ++window) {
        std::int64_t first = tokens;
        std::size_t at = 0; // the first layer that chooses differently for that token
        for (std::size_t layer = 0; layer < flips.size(); ++layer) {
            const at::Tensor where = flips[layer][window].nonzero();
            if (where.numel() > 0 && where[0].item<std::int64_t>() < first) {
                first = where[0].item<std::int64_t>();
                at = layer;
            }
        }
        std::int64_t compared = tokens;
        if (first < tokens) {
            const at::Tensor scores = pass.routers[at].logits[window * tokens + first];
            const double moved = (other.routers[at].logits[window * tokens + first] - scores).abs().max().item<double>();
            if (moved <= kDenseLimit * std::max(1.0, scores.abs().max().item<double>())) {
                compared = first;
                ++result.tiedWindows;
            }
        }
        if (compared > 0) {
            const double here = change[window].slice(0, 0, compared).max().item<double>();
            result.largest = isWorse(here, result.largest) ? here : result.largest;
        }
        result.left += compared;
    }
    result.largestLogit = pass.logits.abs().max().item<double>();
    return result;
}

std::optional<CheckResult> checkDenseLimit(GateSubject &subject)
{
    if (!subject.isSparse()) {
        return std::nullopt;
    }
    at::NoGradGuard noGrad;
    const PassDifference single = differenceFromDense(subject);
    const std::string measured = textOf(single);
    if (static_cast<double>(single.left) < kFewestLeft * static_cast<double>(single.rows)) {
        return notRun(measured);
    }
    if (single.largest <= kDenseLimit || !(single.largest <= kDenseLimit * single.largestLogit)) {
        return judged(single.largest, kDenseLimit, measured);
    }
    // Between the limit and the limit times the logits it may be rounding. In fp64 rounding all but vanishes, a fault stays.
    const PassDifference twice = [&] {
        const InDouble exact(subject.model.parameters());
        return differenceFromDense(subject);
    }();
    if (twice.largest <= kRoundingOfDouble) {
        return judged(twice.largest, kDenseLimit,
                      fmt::format("{}: rounding, for in fp64 it is {:.2g}", measured, twice.largest));
    }
    return judged(single.largest, kDenseLimit, fmt::format("{}, in fp64 {:.2g}", measured, twice.largest));
}

} // namespace sparsescope
