#include "core/train/evaluation.h"
#include "core/train/gates/gate.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>

namespace sparsescope {
namespace {

constexpr double kStartShare = 0.03, kFloorSlack = 0.02; // EXPERIMENTS.md section 4

double validationLoss(GateSubject &subject, Transformer &model)
{
    EvaluationOptions options;
    options.batches = subject.config.training.evalBatches;
    const std::vector<StageConfig> stages = stagesOf(subject.config);
    options.sparse = subject.isSparse() && !stages.empty() && stages.back().attention == StageAttention::Sparse;
    options.selector = subject.selector;
    options.bf16 = subject.bf16;
    for (const Scalar &scalar : evaluate(model, subject.data, options, subject.device)) {
        if (scalar.metric == "val.loss") {
            return scalar.value;
        }
    }
    return std::numeric_limits<double>::quiet_NaN();
}

} // namespace

std::optional<CheckResult> checkStart(GateSubject &subject)
{
    const double chance = std::log(static_cast<double>(subject.model.options().vocabulary));
    if (!subject.lossAtStart && subject.trained && subject.fresh == nullptr) {
        return notRun("the loss at step 0 is not known");
    }
    const double loss = subject.lossAtStart ? *subject.lossAtStart
                                            : validationLoss(subject, subject.trained ? *subject.fresh : subject.model);
    const double away = std::abs(loss - chance) / chance;
    return judged(away, kStartShare, fmt::format("validation loss {:.3f} at step 0, ln V {:.3f}", loss, chance));
}

std::optional<CheckResult> checkChance(GateSubject &subject)
{
    if (!subject.trained) {
        return notRun("needs a trained model");
    }
    const double chance = std::log(static_cast<double>(subject.model.options().vocabulary));
    const double loss = subject.loss ? *subject.loss : validationLoss(subject, subject.model);
    const std::optional<double> floor = subject.data.floor();
    if (floor && !(loss >= *floor - kFloorSlack)) {
        CheckResult result;
        result.outcome = CheckOutcome::Failed;
        result.value = loss;
        result.limit = *floor - kFloorSlack;
        result.measured = fmt::format("validation loss {:.3f}, and no causal model gets below {:.3f}", loss, *floor);
        return result;
    }
    // Data that cannot be predicted has its floor at chance: being at it is no fault.
    const double limit = floor && *floor >= chance - kFloorSlack ? chance + kFloorSlack : chance;
    return judged(loss, limit,
                  fmt::format("validation loss {:.3f}, ln V {:.3f}{}", loss, chance,
                              floor ? fmt::format(", floor {:.3f}", *floor) : ""));
}

} // namespace sparsescope
