#include "core/train/gates/gate.h"
#include "core/train/trainer.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/stack.h>

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>

namespace sparsescope {
namespace {

constexpr double kWantedFall = 0.2; // EXPERIMENTS.md section 4

bool trainsIndexer(const GateSubject &subject)
{
    return subject.isSparse() && selectorKind(subject.model.options().selector).trainsIndexer;
}

bool recipeHasKl(const RunConfig &config)
{
    const std::vector<StageConfig> stages = stagesOf(config);
    return std::any_of(stages.begin(), stages.end(), [](const StageConfig &stage) {
        return stage.steps > 0 && stage.trains != StageTrains::Main && comparesWithAttention(stage.kl);
    });
}

std::string layerOf(const std::string &name) { return name.substr(0, name.find(".self_attn.")); }

struct Gradients {
    double main = 0, indexer = 0; ///< largest magnitudes; undefined counts as 0
    double weakestIndexer =
        std::numeric_limits<double>::infinity(); ///< largest magnitude of the layer with the smallest
    std::string weakestLayer;
};

/// Takes the gradients off the model.
Gradients takeGradients(Parameters &parameters)
{
    Gradients result;
    std::map<std::string, double> byLayer;
    for (const Parameters::Entry &entry : parameters.entries()) {
        if (!entry.trainable) {
            continue;
        }
        at::Tensor tensor = entry.tensor;
        const double size = tensor.grad().defined() ? tensor.grad().abs().max().item<double>() : 0;
        if (Transformer::isIndexer(entry.name)) {
            result.indexer = std::max(result.indexer, size);
            double &layer = byLayer[layerOf(entry.name)];
            layer = std::max(layer, size);
        } else {
            result.main = std::max(result.main, size);
        }
        tensor.mutable_grad() = at::Tensor();
    }
    for (const auto &[layer, size] : byLayer) {
        if (size < result.weakestIndexer) {
            result.weakestIndexer = size;
            result.weakestLayer = layer;
        }
    }
    return result;
}

void setRequiresGrad(Parameters &parameters, bool on)
{
    for (const Parameters::Entry &entry : parameters.entries()) {
        at::Tensor tensor = entry.tensor;
        tensor.set_requires_grad(on && entry.trainable);
    }
}

/// Mean over layers of the KL over the visible keys, on one validation batch.
double indexerKl(GateSubject &subject)
{
    at::NoGradGuard noGrad;
    ForwardOptions forward;
    forward.kl = KlTarget::Visible;
    forward.needLogits = false;
    const at::Tensor ids = toDevice(subject.data.validation(0), subject.device).inputs;
    return at::stack(subject.model.forward(ids, forward).klLosses).mean().item<double>();
}

/// Exchanges the indexers' weights of two models of one shape.
void swapIndexers(Parameters &a, Parameters &b)
{
    at::NoGradGuard noGrad;
    for (const Parameters::Entry &entry : a.entries()) {
        if (Transformer::isIndexer(entry.name)) {
            at::Tensor mine = entry.tensor, theirs = b.find(entry.name)->tensor;
            const at::Tensor kept = mine.clone();
            mine.copy_(theirs);
            theirs.copy_(kept);
        }
    }
}

} // namespace

std::optional<CheckResult> checkIndexerGradient(GateSubject &subject)
{
    if (!trainsIndexer(subject)) {
        return std::nullopt;
    }
    CheckResult result;
    result.outcome = CheckOutcome::Failed;
    result.limit = 0;
    if (!recipeHasKl(subject.config)) {
        result.value = 0;
        result.measured = "no stage of the recipe trains the indexer by KL";
        return result;
    }
    Parameters &parameters = subject.model.parameters();
    const DeviceBatch batch = toDevice(subject.data.training(0), subject.device);
    setRequiresGrad(parameters, true);
    std::string failure, measured;
    for (const bool sparse : {false, true}) {
        const auto gradientsOf = [&](bool languageModel) {
            ForwardOptions forward;
            forward.sparse = sparse;
            forward.kl = sparse ? KlTarget::Selected : KlTarget::Visible;
            const ForwardOutput output = subject.model.forward(batch.inputs, forward);
            const at::Tensor loss =
                languageModel ? languageModelLoss(output.logits, batch.targets) : at::stack(output.klLosses).sum();
            if (loss.requires_grad()) {
                loss.backward();
            }
            return takeGradients(parameters);
        };
        const Gradients lm = gradientsOf(true), kl = gradientsOf(false);
        const char *where = sparse ? "sparse" : "dense";
        if (!(lm.main > 0)) {
            failure = fmt::format("{}: the language model loss reaches no main weight", where);
        } else if (lm.indexer != 0) {
            failure = fmt::format("{}: the language model loss reaches the indexer, up to {:.2g}", where, lm.indexer);
        } else if (!(kl.weakestIndexer > 0)) {
            failure = fmt::format("{}: KL does not reach the indexer of {}", where, kl.weakestLayer);
        } else if (kl.main != 0) {
            failure = fmt::format("{}: KL reaches main weights, up to {:.2g}", where, kl.main);
        }
        if (!failure.empty()) {
            break;
        }
        result.value = std::min(result.value.value_or(kl.weakestIndexer), kl.weakestIndexer);
    }
    setRequiresGrad(parameters, false);
    if (failure.empty()) {
        result.outcome = CheckOutcome::Passed;
        result.measured =
            fmt::format("KL reaches every indexer, at least {:.2g}, and no main weight; the language model "
                        "loss no indexer",
                        *result.value);
    } else {
        result.measured = failure;
    }
    return result;
}

std::optional<CheckResult> checkIndexerMoves(GateSubject &subject)
{
    if (!trainsIndexer(subject)) {
        return std::nullopt;
    }
    if (!subject.trained || subject.fresh == nullptr) {
        return notRun("needs a trained model");
    }
    bool changed = false;
    for (const Parameters::Entry &entry : subject.model.parameters().entries()) {
        if (Transformer::isIndexer(entry.name) &&
            !entry.tensor.equal(subject.fresh->parameters().find(entry.name)->tensor)) {
            changed = true;
        }
    }
    const double trained = indexerKl(subject);
    swapIndexers(subject.model.parameters(), subject.fresh->parameters());
    const double untrained = indexerKl(subject);
    swapIndexers(subject.model.parameters(), subject.fresh->parameters());
    const double ratio = trained / untrained;
    CheckResult result = judged(ratio, 1 - kWantedFall,
                                changed ? fmt::format("KL {:.3f} nats, a fresh indexer {:.3f}", trained, untrained)
                                        : "the indexer's weights are those of step 0");
    return result;
}

} // namespace sparsescope
