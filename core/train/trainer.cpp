#include "core/train/trainer.h"

#include "core/train/autocast.h"
#include "core/train/schedule.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/stack.h>

#include <fmt/format.h>

namespace sparsescope {
namespace {

/// What a stage really trains: a family without a trained indexer has no KL, whatever the recipe says.
struct StagePlan {
    bool main = false, indexer = false;
    KlTarget kl = KlTarget::None;
};

StagePlan planOf(const StageConfig &stage, bool trainsIndexer)
{
    StagePlan plan;
    plan.main = stage.trains != StageTrains::Indexer;
    plan.indexer = trainsIndexer && stage.trains != StageTrains::Main && stage.kl != KlTarget::None;
    plan.kl = plan.indexer ? stage.kl : KlTarget::None;
    return plan;
}

} // namespace

DeviceBatch toDevice(const Batch &batch, const at::Device &device)
{
    auto upload = [&](const std::vector<std::int64_t> &values) {
        auto *data = const_cast<std::int64_t *>(values.data()); // from_blob takes no const; the copy is made at once
        return at::from_blob(data, {batch.rows, batch.length}, at::kLong)
            .to(device, /*non_blocking=*/false, /*copy=*/true);
    };
    return {upload(batch.inputs), upload(batch.targets)};
}

Trainer::Trainer(const RunConfig &config, int vocabulary, const at::Device &device, bool bf16)
    : m_config(config)
    , m_device(device)
    , m_bf16(bf16)
{
    m_model = std::make_unique<Transformer>(modelOptions(config, vocabulary));
    m_model->parameters().initialise(config.training.seed);
    m_model->parameters().moveTo(device);
    m_model->setTraining(true);
    const std::string &selector = m_model->options().selector;
    m_trainsIndexer = selector != "none" && selectorKind(selector).trainsIndexer;

    Optimizer::Group main{"main", config.training.weightDecay, config.training.gradClip, {}};
    Optimizer::Group indexer{"indexer", 0.0, config.training.gradClip, {}};
    for (const Parameters::Entry &entry : m_model->parameters().entries()) {
        if (entry.trainable) {
            (Transformer::isIndexer(entry.name) ? indexer : main).parameters.emplace_back(entry.name, entry.tensor);
        }
    }
    m_optimizer = std::make_unique<Optimizer>(std::vector{std::move(main), std::move(indexer)},
                                              AdamOptions{config.training.beta1, config.training.beta2, 1e-8});
}

StepTensors Trainer::step(const StageConfig &stage, const DeviceBatch &batch, std::int64_t mainStep)
{
    const StagePlan plan = planOf(stage, m_trainsIndexer);
    for (const Parameters::Entry &entry : m_model->parameters().entries()) {
        if (entry.trainable) {
            at::Tensor parameter = entry.tensor;
            parameter.set_requires_grad(Transformer::isIndexer(entry.name) ? plan.indexer : plan.main);
        }
    }
    m_optimizer->clearGradients();
    m_model->setTraining(plan.main); // a frozen model's loads must not reach the next bias update

    StepTensors result;
    at::Tensor total;
    {
        AutocastScope autocast(m_bf16);
        ForwardOptions options;
        options.sparse = stage.attention == StageAttention::Sparse;
        options.kl = plan.kl;
        options.needLogits = plan.main;
        options.selectorSeed = static_cast<std::uint64_t>(mainStep) + 1;
        const ForwardOutput output = m_model->forward(batch.inputs, options);
        if (plan.main) {
            total = languageModelLoss(output.logits, batch.targets);
            result.loss = total.detach();
        }
        if (!output.klLosses.empty()) {
            const at::Tensor kl = at::stack(output.klLosses);
            result.kl = kl.detach().mean();
            const at::Tensor weighted = kl.sum() * m_config.training.klWeight;
            total = total.defined() ? total + weighted : weighted;
        }
    }
    if (!total.defined() || !total.requires_grad()) {
        return result; // a stage that trains nothing (an untrained indexer's warm-up)
    }
    total.backward();

    const double factor = scheduleFactor(m_config.training, mainStep);
    const TrainingConfig &training = m_config.training;
    if (plan.main) {
        result.gradMain = m_optimizer->step("main", stage.learningRate.value_or(training.learningRate) * factor);
        m_model->updateRouterBias(m_config.model.moe.biasRate);
    }
    if (plan.indexer) {
        const bool own = stage.trains == StageTrains::Indexer && stage.learningRate;
        result.gradIndexer = m_optimizer->step("indexer", own ? *stage.learningRate : training.indexerLearningRate);
    }
    return result;
}

std::string Trainer::audit(const StageConfig &stage) const
{
    const StagePlan plan = planOf(stage, m_trainsIndexer);
    std::int64_t main = 0, indexer = 0;
    for (const Parameters::Entry &entry : m_model->parameters().entries()) {
        if (entry.trainable) {
            (Transformer::isIndexer(entry.name) ? indexer : main) += entry.tensor.numel();
        }
    }
    const bool sparse = stage.attention == StageAttention::Sparse && m_model->options().selector != "none";
    std::string text =
        sparse ? fmt::format("attention over {} selected keys", m_model->options().topK) : "dense attention";
    text += plan.main ? fmt::format("; LM loss trains {} main parameters at {:g}", main,
                                    stage.learningRate.value_or(m_config.training.learningRate))
                      : fmt::format("; {} main parameters frozen", main);
    if (plan.indexer) {
        text += fmt::format("; KL over the {} keys trains {} indexer parameters at {:g}",
                            plan.kl == KlTarget::Visible ? "visible" : "selected", indexer,
                            stage.trains == StageTrains::Indexer && stage.learningRate
                                ? *stage.learningRate
                                : m_config.training.indexerLearningRate);
    } else if (indexer > 0) {
        text += fmt::format("; {} indexer parameters not trained", indexer);
    }
    return text;
}

} // namespace sparsescope
