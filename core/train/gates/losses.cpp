#include "core/train/evaluation.h"
#include "core/train/gates/gate.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>

namespace sparsescope {
namespace {

constexpr double kStartShare = 0.03, kFloorSlack = 0.02; // EXPERIMENTS.md section 4

MeasuredLosses validationLosses(GateSubject &subject, Transformer &model)
{
    EvaluationOptions options;
    options.batches = subject.config.training.evalBatches;
    const std::vector<StageConfig> stages = stagesOf(subject.config);
    options.sparse = subject.isSparse() && !stages.empty() && stages.back().attention == StageAttention::Sparse;
    options.selector = subject.selector;
    options.bf16 = subject.bf16;
    MeasuredLosses losses{std::numeric_limits<double>::quiet_NaN(), {}};
    for (const Scalar &scalar : evaluate(model, subject.data, options, subject.device)) {
        if (scalar.metric == "val.loss") {
            losses.mean = scalar.value;
        } else if (scalar.metric.starts_with("val.loss.position/") && !scalar.metric.ends_with(".chance")) {
            losses.positions.emplace_back(scalar.metric, scalar.value);
        }
    }
    return losses;
}

/// Data that cannot be predicted anywhere: every position has the floor of the mean.
bool isNoise(const std::optional<double> &floor, double chance) { return floor && *floor >= chance - kFloorSlack; }

} // namespace

std::optional<CheckResult> checkStart(GateSubject &subject)
{
    const double chance = std::log(static_cast<double>(subject.model.options().vocabulary));
    if (!subject.lossAtStart && subject.trained && subject.fresh == nullptr) {
        return notRun("the loss at step 0 is not known");
    }
    const double loss = subject.lossAtStart
                            ? *subject.lossAtStart
                            : validationLosses(subject, subject.trained ? *subject.fresh : subject.model).mean;
    const double away = std::abs(loss - chance) / chance;
    return judged(away, kStartShare, fmt::format("validation loss {:.3f} at step 0, ln V {:.3f}", loss, chance));
}

std::optional<CheckResult> checkChance(GateSubject &subject)
{
    if (!subject.trained) {
        return notRun("needs a trained model");
    }
    const double chance = std::log(static_cast<double>(subject.model.options().vocabulary));
    const std::optional<double> floor = subject.data.floor();
    // Where every position is judged, the mean alone is not enough to know.
    return judgedLosses(subject.loss && !isNoise(floor, chance) ? MeasuredLosses{*subject.loss, {}}
                                                                : validationLosses(subject, subject.model),
                        chance, floor);
}

CheckResult judgedLosses(const MeasuredLosses &losses, double chance, const std::optional<double> &floor)
{
    std::vector<std::pair<std::string, double>> judgedToo = {{"validation loss", losses.mean}};
    if (isNoise(floor, chance)) {
        judgedToo.insert(judgedToo.end(), losses.positions.begin(), losses.positions.end());
    }
    for (const auto &[name, loss] : judgedToo) {
        if (floor && !(loss >= *floor - kFloorSlack)) {
            CheckResult result;
            result.outcome = CheckOutcome::Failed;
            result.value = loss;
            result.limit = *floor - kFloorSlack;
            result.measured = fmt::format("{} {:.3f}, and no causal model gets below {:.3f}", name, loss, *floor);
            return result;
        }
    }
    // Being at chance is no fault there.
    const double limit = isNoise(floor, chance) ? chance + kFloorSlack : chance;
    return judged(losses.mean, limit,
                  fmt::format("validation loss {:.3f}, ln V {:.3f}{}", losses.mean, chance,
                              floor ? fmt::format(", floor {:.3f}", *floor) : ""));
}

} // namespace sparsescope
