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
#include <utility>
#include <vector>

namespace sparsescope {
namespace {

constexpr double kDenseLimit = 1e-5;        // EXPERIMENTS.md section 4
constexpr double kRoundingOfDouble = 1e-10; // logits of order 10, a few thousand sums
constexpr double kMostRounding = 1e-4; // of the largest logit: what fp32 loses over a few layers and a thousand keys
constexpr double kAsNear = 4;          // two roundings of the same size, each the largest of all logits
constexpr double kFewestLeft = 0.5;    // of the rows, or nothing was compared
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

/// L and L + 7 selected keys take the place of all.
std::vector<std::int64_t> limitsOf(const GateSubject &subject)
{
    return {subject.length(), subject.length() + kBeyond};
}

/// From `reference`, of the passes that select all keys: the worse of them.
PassDifference differenceFrom(const ForwardPass &reference, GateSubject &subject, const at::Tensor &ids)
{
    std::optional<PassDifference> worst;
    for (const std::int64_t topK : limitsOf(subject)) {
        const PassDifference here = differenceOf(reference, passOf(subject, ids, true, topK));
        if (!worst || isWorse(here.largest, worst->largest)) {
            worst = here;
        }
    }
    return *worst;
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

bool tooFewRows(const PassDifference &difference)
{
    return static_cast<double>(difference.left) < kFewestLeft * static_cast<double>(difference.rows);
}

std::string textOf(const PassDifference &difference)
{
    std::string text = fmt::format("largest difference of a logit {:.2g}, largest logit {:.2g}", difference.largest,
                                   difference.largestLogit);
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
            const double moved =
                (other.routers[at].logits[window * tokens + first] - scores).abs().max().item<double>();
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

bool mayBeRounding(const PassDifference &single) { return single.largest <= kMostRounding * single.largestLogit; }

bool isRounding(const DenseLimit &limit)
{
    return mayBeRounding(limit.single) && limit.twice.largest <= kRoundingOfDouble &&
           limit.allRounds.largest <= kAsNear * limit.denseRounds.largest;
}

std::optional<CheckResult> checkDenseLimit(GateSubject &subject)
{
    if (!subject.isSparse()) {
        return std::nullopt;
    }
    at::NoGradGuard noGrad;
    subject.model.setTraining(false);
    const at::Tensor ids = gateWindows(subject);
    const ForwardPass dense = passOf(subject, ids, false, 0);
    const PassDifference single = differenceFrom(dense, subject, ids);
    const std::string measured = textOf(single);
    if (tooFewRows(single)) {
        return notRun(measured);
    }
    if (single.largest <= kDenseLimit || !mayBeRounding(single)) {
        return judged(single.largest, kDenseLimit, measured);
    }
    const auto [exact, twice] = [&] {
        const InDouble weights(subject.model.parameters());
        ForwardPass pass = passOf(subject, ids, false, 0);
        const PassDifference difference = differenceFrom(pass, subject, ids);
        return std::pair(std::move(pass), difference);
    }();
    const DenseLimit limit{single, twice, differenceOf(exact, dense), differenceFrom(exact, subject, ids)};
    if (tooFewRows(limit.denseRounds) || tooFewRows(limit.allRounds)) {
        return notRun(measured);
    }
    const std::string why =
        fmt::format("in fp64 it is {:.2g}; from there dense attention differs by {:.2g}, all keys selected by {:.2g}",
                    twice.largest, limit.denseRounds.largest, limit.allRounds.largest);
    if (isRounding(limit)) {
        return judged(twice.largest, kDenseLimit, fmt::format("{}: rounding, for {}", measured, why));
    }
    return judged(single.largest, kDenseLimit, fmt::format("{}; {}", measured, why));
}

} // namespace sparsescope
