#include "core/train/trainer.h"

#include "core/train/autocast.h"
#include "core/train/device.h"
#include "core/train/schedule.h"
#include "core/train/stream_scope.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/full.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>
#include <c10/util/Exception.h>

#include <fmt/format.h>

#include <limits>

namespace sparsescope {
namespace {

/// Libraries make handles, plans and workspaces in the first calls of a shape, which no graph can record.
constexpr int kWarmUps = 2;

bool finite(const at::Tensor &x) { return x.isfinite().all().item<bool>(); }

} // namespace

Trainer::Trainer(const RunConfig &config, int vocabulary, const at::Device &device, bool bf16)
    : m_config(config)
    , m_device(device)
    , m_bf16(bf16)
    , m_inputs(config.training.batchSize, config.training.sequenceLength, device)
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
    const at::TensorOptions floats = at::TensorOptions(at::kFloat).device(device);
    m_values = at::zeros({4}, floats);
    m_broken = at::zeros({}, floats);
    m_nothing = at::full({}, std::numeric_limits<double>::quiet_NaN(), floats);

    if (config.training.captured == Captured::On) {
        for (const StageConfig &stage : stagesOf(config)) {
            if (const std::string why = captureRefusal(planOf(stage)); !why.empty()) {
                throw Failure({"a step of stage \"" + stage.name + "\" cannot be captured: " + why, "training.captured",
                               "on", "auto or off here", ""});
            }
        }
    }
}

Trainer::~Trainer() = default;

Trainer::Plan Trainer::planOf(const StageConfig &stage) const
{
    Plan plan;
    plan.main = stage.trains != StageTrains::Indexer;
    plan.indexer = m_trainsIndexer && stage.trains != StageTrains::Main && stage.kl != KlTarget::None;
    plan.kl = plan.indexer ? stage.kl : KlTarget::None;
    plan.sparse = stage.attention == StageAttention::Sparse && m_model->options().selector != "none";
    return plan;
}

std::string Trainer::captureRefusal(const Plan &plan) const
{
    if (!m_device.is_cuda()) {
        return "graphs are CUDA's, and this is the CPU";
    }
    if (m_config.training.captured == Captured::Off) {
        return "training.captured is off";
    }
    // Its sets are drawn from a number that the host gives anew at every step.
    if (plan.sparse && m_model->options().selector == "random") {
        return "random selection draws other keys at every step";
    }
    return m_refused;
}

void Trainer::prepareFor(const Plan &plan)
{
    for (const Parameters::Entry &entry : m_model->parameters().entries()) {
        if (entry.trainable) {
            at::Tensor parameter = entry.tensor;
            parameter.set_requires_grad(Transformer::isIndexer(entry.name) ? plan.indexer : plan.main);
        }
    }
    m_model->setTraining(plan.main); // a frozen model's loads must not reach the next bias update
}

ForwardOptions Trainer::forwardOptions(const Plan &plan, std::int64_t mainStep) const
{
    ForwardOptions options;
    options.sparse = plan.sparse;
    options.kl = plan.kl;
    options.needLogits = plan.main;
    options.selectorSeed = static_cast<std::uint64_t>(mainStep) + 1;
    return options;
}

Trainer::Losses Trainer::losses(const Plan &plan, const ForwardOutput &output, const at::Tensor &targets) const
{
    Losses result;
    if (plan.main) {
        result.total = languageModelLoss(output.logits, targets);
        result.main = result.total.detach();
    }
    if (!output.klLosses.empty()) {
        const at::Tensor kl = at::stack(output.klLosses);
        result.kl = kl.detach().mean();
        const at::Tensor weighted = kl.sum() * m_config.training.klWeight;
        result.total = result.total.defined() ? result.total + weighted : weighted;
    }
    return result;
}

void Trainer::compute(const Plan &plan, std::int64_t mainStep)
{
    const DeviceBatch &batch = m_inputs.batch();
    Losses result;
    {
        AutocastScope autocast(m_bf16);
        result = losses(plan, m_model->forward(batch.inputs, forwardOptions(plan, mainStep)), batch.targets);
    }
    at::Tensor gradMain, gradIndexer;
    // A stage may train nothing (an untrained indexer's warm-up).
    if (result.total.defined() && result.total.requires_grad()) {
        result.total.backward();
        const at::NoGradGuard noGrad;
        at::Tensor sum = result.total.detach();
        if (plan.main) {
            gradMain = m_optimizer->norm("main");
            sum = sum + gradMain;
        }
        if (plan.indexer) {
            gradIndexer = m_optimizer->norm("indexer");
            sum = sum + gradIndexer;
        }
        at::maximum_out(m_broken, m_broken, sum.isfinite().logical_not_().to(at::kFloat));
        const at::Tensor rates = m_inputs.rates();
        if (plan.main) {
            m_optimizer->step("main", rates.select(0, 0), gradMain, m_broken);
            m_model->updateRouterBias(m_config.model.moe.biasRate, 1 - m_broken);
        }
        if (plan.indexer) {
            m_optimizer->step("indexer", rates.select(0, 1), gradIndexer, m_broken);
        }
        m_optimizer->clearGradients();
    }
    const at::NoGradGuard noGrad;
    const auto orNothing = [&](const at::Tensor &x) { return x.defined() ? x : m_nothing; };
    at::stack_out(m_values,
                  {orNothing(result.main), orNothing(result.kl), orNothing(gradMain), orNothing(gradIndexer)});
}

void Trainer::runOrReplay(const Plan &plan, std::int64_t mainStep)
{
    if (m_graph) {
        m_graph->replay();
        return;
    }
    prepareFor(plan);
    const std::string refusal = captureRefusal(plan);
    if (!refusal.empty()) {
        m_path = "operation by operation: " + refusal;
    } else if (m_warmUps >= kWarmUps) {
        auto graph = std::make_unique<StepGraph>();
        try {
            graph->record([&] { compute(plan, mainStep); });
            m_graph = std::move(graph);
            m_path = fmt::format("as one graph of {} operations", m_graph->operations());
            m_graph->replay();
            return;
        } catch (const c10::OutOfMemoryError &) {
            throw;
        } catch (const c10::Error &error) {
            if (m_config.training.captured == Captured::On) {
                throw;
            }
            // Nothing ran, so nothing is lost; what was recorded holds no numbers.
            m_refused = "it could not be recorded (" + describe(error) + ")";
            m_path = "operation by operation: " + m_refused;
            m_optimizer->clearGradients();
            m_model->forgetRouterLoads();
        }
    }
    compute(plan, mainStep);
    ++m_warmUps;
}

StepTensors Trainer::step(const StageConfig &stage, const Batch &batch, std::int64_t mainStep)
{
    const StreamScope stream(m_device);
    const TrainingConfig &training = m_config.training;
    const Plan plan = planOf(stage);
    if (!(plan == m_plan)) {
        m_graph.reset();
        m_refused.clear();
        m_path.clear();
        m_warmUps = 0;
        m_plan = plan;
    }
    const bool ownRate = stage.trains == StageTrains::Indexer && stage.learningRate;
    m_inputs.upload(batch, stage.learningRate.value_or(training.learningRate) * scheduleFactor(training, mainStep),
                    ownRate ? *stage.learningRate : training.indexerLearningRate);
    runOrReplay(plan, mainStep);

    const auto value = [&](int place, bool there) { return there ? m_values.select(0, place) : at::Tensor(); };
    return {value(0, plan.main), value(1, plan.indexer), value(2, plan.main), value(3, plan.indexer), m_values};
}

std::string Trainer::firstNotFinite(const StageConfig &stage, const Batch &batch, std::int64_t mainStep)
{
    const StreamScope stream(m_device);
    const Plan plan = planOf(stage);
    prepareFor(plan);
    const DeviceBatch onDevice = toDevice(batch, m_device);
    std::vector<at::Tensor> hidden;
    ForwardOptions options = forwardOptions(plan, mainStep);
    options.hidden = &hidden;
    Losses result;
    ForwardOutput output;
    {
        AutocastScope autocast(m_bf16);
        output = m_model->forward(onDevice.inputs, options);
        result = losses(plan, output, onDevice.targets);
    }
    std::string place;
    for (std::size_t i = 0; i < hidden.size() && place.empty(); ++i) {
        if (!finite(hidden[i])) {
            place = i == 0 ? "the embedding" : fmt::format("layer {}", i - 1);
        }
    }
    for (std::size_t i = 0; i < output.klLosses.size() && place.empty(); ++i) {
        if (!finite(output.klLosses[i])) {
            place = fmt::format("the loss of indexer {}", i);
        }
    }
    if (place.empty() && output.logits.defined() && !finite(output.logits)) {
        place = "the output head";
    }
    if (place.empty() && result.total.defined() && result.total.requires_grad()) {
        result.total.backward();
        // From the loss downwards, as the gradient came.
        const std::vector<Parameters::Entry> &entries = m_model->parameters().entries();
        for (auto entry = entries.rbegin(); entry != entries.rend() && place.empty(); ++entry) {
            if (entry->tensor.grad().defined() && !finite(entry->tensor.grad())) {
                place = "the gradient of " + entry->name;
            }
        }
    }
    m_optimizer->clearGradients();
    m_model->forgetRouterLoads();
    return place;
}

std::string Trainer::audit(const StageConfig &stage) const
{
    const Plan plan = planOf(stage);
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
        const std::string by = comparesWithAttention(plan.kl) ? "KL over the " + toString(plan.kl) + " keys"
                                                              : toString(plan.kl) + " of its scores";
        text += fmt::format("; {} trains {} indexer parameters at {:g}", by, indexer,
                            stage.trains == StageTrains::Indexer && stage.learningRate
                                ? *stage.learningRate
                                : m_config.training.indexerLearningRate);
    } else if (indexer > 0) {
        text += fmt::format("; {} indexer parameters not trained", indexer);
    }
    return text;
}

} // namespace sparsescope
