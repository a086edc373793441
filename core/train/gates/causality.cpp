#include "core/train/autocast.h"
#include "core/train/gates/gate.h"
#include "core/train/trainer.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/remainder.h>
#include <ATen/ops/where.h>

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace sparsescope {
namespace {

constexpr int kPositions = 16;
constexpr std::int64_t kMostTokens = std::int64_t{1} << 22; // of a pass; longer contexts are looked at in fewer windows
constexpr double kLimitFloat = 1e-4, kLimitBfloat16 = 2e-2; // EXPERIMENTS.md section 4
constexpr std::int64_t kMostLogits = std::int64_t{1} << 26; // numbers held at once, per copy

struct Path {
    std::string words;
    bool sparse, training, bf16, absorbed;
    double limit;
};

/// Every way in which this run computes logits, and the precise one beside them.
std::vector<Path> pathsOf(const GateSubject &subject)
{
    std::vector<Path> paths;
    const bool latent = subject.model.options().attention == AttentionKind::Mla;
    for (const bool bf16 : {false, true}) {
        for (const bool sparse : {false, true}) {
            for (const bool training : {false, true}) {
                if ((bf16 && !subject.bf16) || (sparse && !subject.isSparse())) {
                    continue;
                }
                paths.push_back({fmt::format("{}, {} mode, {}", sparse ? "sparse" : "dense",
                                             training ? "train" : "eval", bf16 ? "bf16" : "fp32"),
                                 sparse, training, bf16, false, bf16 ? kLimitBfloat16 : kLimitFloat});
            }
            if (latent && !bf16 && (!sparse || subject.isSparse())) {
                paths.push_back({fmt::format("{}, absorbed, fp32", sparse ? "sparse" : "dense"), sparse, false, false,
                                 true, kLimitFloat});
            }
        }
    }
    return paths;
}

/// Rows and, for each, the last position that stays as it was.
struct Probes {
    at::Tensor original, changed; ///< int64 [N,L]
    at::Tensor last;              ///< int64 [N]
};

Probes probesOf(const GateSubject &subject)
{
    const std::int64_t fitting = std::max<std::int64_t>(1, kMostTokens / (kPositions * subject.length()));
    const at::Tensor windows = toDevice(subject.data.validation(0), at::kCPU)
                                   .inputs.slice(0, 0, std::min<std::int64_t>(subject.windows, fitting));
    const std::int64_t length = windows.size(1), vocabulary = subject.model.options().vocabulary;
    const std::int64_t positions = std::min<std::int64_t>(kPositions, length - 1);
    at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(1);
    Probes probes;
    const std::int64_t rows = windows.size(0) * positions;
    // Row by row: window after window of one position.
    const at::Tensor index = at::arange(rows, at::kLong);
    probes.original = windows.repeat({positions, 1});
    const at::Tensor position = index.floor_divide(windows.size(0));
    // Evenly over 0..L-2, both ends included.
    probes.last = positions > 1 ? position.mul(length - 2).floor_divide(positions - 1) : position;
    const at::Tensor other =
        at::empty({rows, length}, at::kLong).random_(1, std::max<std::int64_t>(2, vocabulary), generator);
    const at::Tensor future = at::arange(length, at::kLong).unsqueeze(0) > probes.last.unsqueeze(1);
    probes.changed = at::where(future, at::remainder(probes.original + other, vocabulary), probes.original);
    probes.original = probes.original.to(subject.device);
    probes.changed = probes.changed.to(subject.device);
    probes.last = probes.last.to(subject.device);
    return probes;
}

struct Found {
    double largest = 0;          ///< change of a logit that must not move
    std::int64_t moved = 0;      ///< probes with a change beyond the limit
    std::int64_t first = -1;     ///< position of the first of them
    std::int64_t futureKeys = 0; ///< selected keys s > t
};

std::int64_t futureKeysIn(const std::vector<AttentionTrace> &trace, std::int64_t length)
{
    std::int64_t count = 0;
    for (const AttentionTrace &layer : trace) {
        if (layer.selection.bits.defined()) {
            count += dsa::unpack_mask(layer.selection, length).triu(1).sum().item<std::int64_t>();
        }
    }
    return count;
}

Found measure(GateSubject &subject, const Path &path, const Probes &probes)
{
    at::NoGradGuard noGrad;
    const std::int64_t length = probes.original.size(1), rows = probes.original.size(0);
    const std::int64_t atOnce =
        std::clamp<std::int64_t>(kMostLogits / (length * subject.model.options().vocabulary), 1, rows);
    const at::Tensor positions = at::arange(length, probes.last.options()).unsqueeze(0);
    Found found;
    for (std::int64_t begin = 0; begin < rows; begin += atOnce) {
        const std::int64_t end = std::min(rows, begin + atOnce);
        std::vector<AttentionTrace> trace;
        const auto logitsOf = [&](const at::Tensor &ids, std::vector<AttentionTrace> *observed) {
            AutocastScope autocast(path.bf16);
            ForwardOptions forward;
            forward.sparse = path.sparse;
            forward.absorbed = path.absorbed;
            forward.selector = subject.selector;
            forward.selectorSeed = 1; // random selectors draw the same keys in both
            forward.trace = observed;
            return subject.model.forward(ids.slice(0, begin, end), forward).logits.to(at::kFloat);
        };
        // The same number of rows in both, so that the library takes the same kernels.
        const at::Tensor before = logitsOf(probes.original, path.sparse ? &trace : nullptr);
        const at::Tensor after = logitsOf(probes.changed, nullptr);
        found.futureKeys += futureKeysIn(trace, length);
        const at::Tensor last = probes.last.slice(0, begin, end);
        const at::Tensor change =
            (before - after).abs().amax(-1).masked_fill(positions > last.unsqueeze(1), 0).amax(1); // [rows]
        found.largest = std::max(found.largest, change.max().item<double>());
        const at::Tensor beyond = ~(change <= path.limit); // NaN counts as moved
        found.moved += beyond.sum().item<std::int64_t>();
        if (found.first < 0 && beyond.any().item<bool>()) {
            found.first = last.masked_select(beyond).min().item<std::int64_t>();
        }
    }
    return found;
}

} // namespace

std::optional<CheckResult> checkCausality(GateSubject &subject)
{
    if (subject.length() < 2) {
        return notRun("one position has no future");
    }
    const Probes probes = probesOf(subject);
    const std::vector<Path> paths = pathsOf(subject);
    CheckResult result;
    result.outcome = CheckOutcome::Passed;
    double worst = -1; // of the limit
    for (const Path &path : paths) {
        subject.model.setTraining(path.training);
        const Found found = measure(subject, path, probes);
        if (found.moved > 0 || found.futureKeys > 0) {
            result.outcome = CheckOutcome::Failed;
            result.value = found.largest;
            result.limit = path.limit;
            result.measured = fmt::format("{}: {} of {} probes change the past, by up to {:.2g}", path.words,
                                          found.moved, probes.original.size(0), found.largest);
            if (found.moved > 0) {
                result.measured += fmt::format(", first at t = {}", found.first);
            }
            if (found.futureKeys > 0) {
                result.measured += fmt::format("; {} selected keys lie in the future", found.futureKeys);
            }
            break;
        }
        if (found.largest / path.limit > worst) {
            worst = found.largest / path.limit;
            result.value = found.largest;
            result.limit = path.limit;
            result.measured = fmt::format("0 of {} probes change the past on {} paths; largest change {:.2g} ({})",
                                          probes.original.size(0), paths.size(), found.largest, path.words);
        }
    }
    subject.model.setTraining(false);
    return result;
}

} // namespace sparsescope
