#include "core/train/gates/gate.h"

#include <fmt/format.h>

#include <cmath>

namespace sparsescope {
namespace {

constexpr double kMostLost = 0.1; // EXPERIMENTS.md section 4

/// Main-model steps before the first sparse stage; nothing where there is none.
std::optional<double> sparseFrom(const RunConfig &config)
{
    double steps = 0;
    for (const StageConfig &stage : stagesOf(config)) {
        if (stage.attention == StageAttention::Sparse) {
            return steps;
        }
        steps += countsOnAxis(stage) ? static_cast<double>(stage.steps) : 0;
    }
    return std::nullopt;
}

struct Looked {
    double step = 0, massKept = 0, kl = 0; ///< kl: mean since the probe before, of batches that differ
};

std::vector<Looked> probesAfter(double from, const RecordedProbes &recorded)
{
    std::vector<Looked> probes;
    double before = from;
    for (const Point &kept : recorded.massKept) {
        if (!(kept.x > from) || !std::isfinite(kept.y)) {
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

CheckResult judgedProbes(const RecordedProbes &recorded, double from)
{
    const std::vector<Looked> probes = probesAfter(from, recorded);
    if (probes.size() < 2) {
        return notRun("fewer than two evaluations in the sparse stage");
    }
    const Looked *best = &probes.front(), *bestThen = best, *worst = best;
    double lost = 0;
    for (const Looked &probe : probes) {
        if (probe.massKept > best->massKept) {
            best = &probe;
        } else if (probe.kl < best->kl && best->massKept - probe.massKept > lost) {
            lost = best->massKept - probe.massKept;
            bestThen = best;
            worst = &probe;
        }
    }
    std::string measured = "the attention kept does not fall while the KL does";
    if (lost > 0) {
        measured =
            fmt::format("from step {:.0f} to {:.0f} the attention kept falls from {:.2f} to {:.2f}, the KL from "
                        "{:.3g} to {:.3g}",
                        bestThen->step, worst->step, bestThen->massKept, worst->massKept, bestThen->kl, worst->kl);
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
    const std::optional<double> from = sparseFrom(subject.config);
    return from ? judgedProbes(*subject.recorded, *from) : notRun("no stage is sparse");
}

} // namespace sparsescope
