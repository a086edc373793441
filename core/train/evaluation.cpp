#include "core/train/evaluation.h"

#include "core/probe/selection_statistics.h"
#include "core/train/autocast.h"
#include "core/train/label_losses.h"
#include "core/train/step_inputs.h"
#include "core/train/task_score.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

namespace sparsescope {
namespace {

constexpr int kBuckets = 8;

struct Totals {
    double loss = 0, correct = 0, count = 0;
    void add(double nll, bool right)
    {
        loss += nll;
        correct += right ? 1 : 0;
        count += 1;
    }
    double mean() const { return loss / count; }
};

struct LossByPosition {
    Totals all, densePart, sparsePart;
    std::array<Totals, kBuckets> buckets;
};

/// Adds every labelled position of one batch.
void accumulate(LossByPosition &totals, const LabelLosses &losses, std::int64_t topK)
{
    for (std::size_t i = 0; i < losses.labels.size(); ++i) {
        if (!losses.labelled(i)) {
            continue;
        }
        const std::int64_t t = static_cast<std::int64_t>(i) % losses.length;
        const bool right = losses.right[i] != 0;
        totals.all.add(losses.nll[i], right);
        (t < topK ? totals.densePart : totals.sparsePart).add(losses.nll[i], right);
        totals.buckets[static_cast<std::size_t>(t * kBuckets / losses.length)].add(losses.nll[i], right);
    }
}

} // namespace

std::vector<Scalar> evaluate(Transformer &model, const DataSource &data, const EvaluationOptions &options,
                             const at::Device &device)
{
    at::NoGradGuard noGrad;
    model.setTraining(false);
    const ModelOptions &shape = model.options();
    const std::int64_t ownSplit = shape.topK > 0 ? shape.topK : std::numeric_limits<std::int64_t>::max();
    const std::int64_t split = options.split > 0 ? options.split : ownSplit;
    SelectionStatistics statistics(shape.topK, shape.attentionScale(), /*seed=*/0);
    // Nothing waits for the device before the last batch is under way.
    std::vector<std::pair<Batch, LabelTensors>> passes;
    std::optional<AutocastScope> autocast(std::in_place, options.bf16); // around all: weights are cast once
    for (int index = 0; index < options.batches; ++index) {
        Batch batch = data.validation(index);
        const DeviceBatch onDevice = toDevice(batch, device);
        std::vector<AttentionTrace> trace;
        ForwardOptions forward;
        forward.sparse = options.sparse;
        forward.selector = options.selector;
        forward.selectorSeed = static_cast<std::uint64_t>(index);
        forward.trace = index < options.observedBatches && shape.selector != "none" ? &trace : nullptr;
        const LabelTensors losses = labelTensors(model.forward(onDevice.inputs, forward).logits, onDevice);
        if (forward.trace) {
            statistics.add(trace, batch);
        }
        passes.emplace_back(std::move(batch), losses);
    }
    autocast.reset();
    model.setTraining(true);
    LossByPosition totals;
    TaskScore answers;
    for (const auto &[batch, tensors] : passes) {
        const LabelLosses losses = tensors.read();
        accumulate(totals, losses, split);
        if (data.isTask()) {
            answers.add(losses, batch);
        }
    }

    std::vector<Scalar> scalars;
    auto put = [&](const std::string &metric, double value) { scalars.push_back({metric, value}); };
    if (totals.all.count > 0) {
        const double loss = totals.all.mean();
        put("val.loss", loss);
        put("val.loss.chance", std::log(static_cast<double>(shape.vocabulary)));
        put("val.accuracy", totals.all.correct / totals.all.count);
        put("val.accuracy.chance", data.chanceAccuracy().value_or(1.0 / shape.vocabulary));
        put("val.perplexity", std::exp(loss));
        put("val.bits_per_byte", loss / std::log(2.0) / data.bytesPerToken());
    }
    if (totals.densePart.count > 0) {
        put("val.loss.dense_part", totals.densePart.mean());
    }
    if (totals.sparsePart.count > 0) {
        put("val.loss.sparse_part", totals.sparsePart.mean());
    }
    for (int bucket = 0; bucket < kBuckets; ++bucket) {
        if (totals.buckets[bucket].count > 0) {
            put("val.loss.position/" + std::to_string(bucket), totals.buckets[bucket].mean());
        }
    }
    for (Scalar &scalar : answers.scalars(data.chanceAccuracy())) {
        scalars.push_back(std::move(scalar));
    }
    for (Scalar &scalar : statistics.scalars()) {
        scalars.push_back(std::move(scalar));
    }
    return scalars;
}

std::vector<Scalar> evaluateCounterfactual(Transformer &model, const DataSource &data, const EvaluationOptions &options,
                                           const std::string &selector, const at::Device &device)
{
    const std::unique_ptr<Selector> other = selectorKind(selector).make();
    EvaluationOptions counterfactual = options;
    counterfactual.selector = other.get();
    counterfactual.sparse = true;
    counterfactual.observedBatches = 0;
    std::vector<Scalar> result;
    for (const Scalar &scalar : evaluate(model, data, counterfactual, device)) {
        if (scalar.metric == "val.loss" || scalar.metric == "val.accuracy" || scalar.metric == "val.exact") {
            result.push_back({"counterfactual." + scalar.metric.substr(4) + "." + selector, scalar.value});
        }
    }
    return result;
}

} // namespace sparsescope
