#include "core/train/gates/dense_probe.h"
#include "core/train/gates/gate.h"

#include <fmt/format.h>

#include <cmath>

namespace sparsescope {
namespace {

constexpr double kMostLost = 0.1; // EXPERIMENTS.md section 4

struct Looked {
    double step = 0, massKept = 0, kl = 0; ///< kl: mean since the probe before, of batches that differ
};

std::vector<Looked> probesWithin(const StageSpan &stage, const RecordedProbes &recorded)
{
    std::vector<Looked> probes;
    double before = stage.from;
    for (const Point &kept : recorded.massKept) {
        if (!(kept.x > stage.from && kept.x <= stage.to) || !std::isfinite(kept.y)) {
            continue;
        }
        double sum = 0;
        int count = 0;
        for (const Point &kl : recorded.kl) {
            if (kl.x > before && kl.x <= kept.x && std::isfinite(kl.y)) {
                sum += kl.y;
                ++count;
            }
        }
        if (count > 0) {
            probes.push_back({kept.x, kept.y, sum / count});
            before = kept.x;
        }
    }
    return probes;
}

} // namespace

std::vector<StageSpan> sparseSpans(const RunConfig &config)
{
    std::vector<StageSpan> spans;
    double steps = 0;
    for (const StageConfig &stage : stagesOf(config)) {
        const double from = steps;
        steps += countsOnAxis(stage) ? static_cast<double>(stage.steps) : 0;
        if (stage.attention == StageAttention::Sparse && steps > from) {
            spans.push_back({from, steps});
        }
    }
    return spans;
}

CheckResult judgedProbes(const RecordedProbes &recorded, const std::vector<StageSpan> &stages)
{
    if (stages.empty()) {
        return notRun("no stage is sparse");
    }
    Looked best, worst;
    double lost = 0;
    bool seen = false;
    for (const StageSpan &stage : stages) {
        const std::vector<Looked> probes = probesWithin(stage, recorded);
        seen = seen || probes.size() >= 2;
        const Looked *bestHere = nullptr;
        for (const Looked &probe : probes) {
            if (!bestHere || probe.massKept > bestHere->massKept) {
                bestHere = &probe;
            } else if (probe.kl < bestHere->kl && bestHere->massKept - probe.massKept > lost) {
                lost = bestHere->massKept - probe.massKept;
                best = *bestHere;
                worst = probe;
            }
        }
    }
    if (!seen) {
        return notRun("fewer than two evaluations in a sparse stage");
    }
    std::string measured = "the attention kept does not fall while the KL does";
    if (lost > 0) {
        measured = fmt::format("from step {:.0f} to {:.0f} the attention kept falls from {:.2f} to {:.2f}, the KL from "
                               "{:.3g} to {:.3g}",
                               best.step, worst.step, best.massKept, worst.massKept, best.kl, worst.kl);
    }
    return judged(lost, kMostLost, std::move(measured), CheckOutcome::Warning);
}

std::optional<CheckResult> checkDenseProbe(GateSubject &subject)
{
    if (!subject.isSparse() || !selectorKind(subject.model.options().selector).trainsIndexer) {
        return std::nullopt;
    }
    if (!subject.recorded) {
        return notRun("needs what a run wrote down while it trained");
    }
    return judgedProbes(*subject.recorded, sparseSpans(subject.config));
}

} // namespace sparsescope
