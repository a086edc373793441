#include "core/train/run_checks.h"

#include "core/train/gates/gate.h"

namespace sparsescope {
namespace {

GateSubject subjectOf(const RunConfig &config, const DataSource &data, Trainer &trainer)
{
    GateSubject subject{config, data, trainer.model()};
    subject.device = trainer.device();
    subject.bf16 = trainer.bf16();
    return subject;
}

std::vector<CheckResult> check(GateSubject &subject, const SoundnessOptions &options)
{
    std::vector<CheckResult> results = checkSubject(subject, options);
    // Gates run in training mode, too: what they sent to the experts is not to move a bias.
    subject.model.forgetRouterLoads();
    subject.model.setTraining(true);
    return results;
}

} // namespace

std::vector<CheckResult> checkAtStart(const RunConfig &config, const DataSource &data, Trainer &trainer,
                                      std::optional<double> loss, const SoundnessOptions &options)
{
    SoundnessOptions cheap = options;
    cheap.cheapOnly = true;
    GateSubject subject = subjectOf(config, data, trainer);
    subject.lossAtStart = loss;
    subject.windows = 1;
    return check(subject, cheap);
}

std::vector<CheckResult> checkAtEnd(const RunConfig &config, const DataSource &data, Trainer &trainer,
                                    std::optional<double> lossAtStart, std::optional<double> loss,
                                    const SoundnessOptions &options)
{
    GateSubject subject = subjectOf(config, data, trainer);
    subject.trained = true;
    subject.recorded = options.recorded ? &*options.recorded : nullptr;
    subject.lossAtStart = lossAtStart;
    subject.loss = loss;
    std::unique_ptr<Transformer> fresh;
    if (subject.isSparse() && selectorKind(trainer.model().options().selector).trainsIndexer) {
        fresh = std::make_unique<Transformer>(trainer.model().options());
        fresh->parameters().initialise(config.training.seed);
        fresh->parameters().moveTo(trainer.device());
        subject.fresh = fresh.get();
    }
    return check(subject, options);
}

} // namespace sparsescope
