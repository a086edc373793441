#include "core/train/counterfactual.h"

#include "core/base/bootstrap.h"
#include "core/base/cost_model.h"
#include "core/base/exit_code.h"
#include "core/model/hf_weights.h"
#include "core/probe/selection_statistics.h"
#include "core/train/autocast.h"
#include "core/train/changed_keys.h"
#include "core/train/device.h"
#include "core/train/label_losses.h"
#include "core/train/stream_scope.h"
#include "core/train/task_score.h"
#include "core/train/trainer.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <utility>

namespace sparsescope {
namespace {

/// Batches for making an indexer: a stretch of the stream that no training run reaches.
constexpr std::int64_t kFittingBatches = std::int64_t{1} << 41;
constexpr int kTracedBatches = 4; ///< validation batches that are looked at for the selection metrics
constexpr int kDraws = 3;
constexpr std::uint64_t kDrawStride = 1000003;

using Weights = std::map<std::string, at::Tensor>;

/// The frozen model, with an indexer that may change between rows.
class Subject {
public:
    Subject(const RunConfig &config, const CounterfactualOptions &options, const DataSource &data)
        : m_device(resolveDevice(options.device))
        , m_bf16(usesBf16(options.precision == Precision::Auto ? config.training.precision : options.precision))
    {
        const ModelOptions shape = modelOptions(config, data.vocabulary());
        const bool trained = shape.selector != "none" && selectorKind(shape.selector).trainsIndexer;
        if (trained) {
            m_owned = std::make_unique<Transformer>(shape);
            loadWeights(*m_owned, options.checkpoint);
            m_owned->parameters().moveTo(m_device);
            m_model = m_owned.get();
            m_indexer = "of the run";
        } else {
            makeIndexer(config, options, data, shape);
        }
        m_model->setTraining(false);
        Transformer fresh(m_model->options());
        fresh.parameters().moveTo(m_device);
        m_fresh = indexerOf(fresh);
        for (const auto &[name, tensor] : indexerOf(*m_model)) {
            m_own[name] = tensor.clone();
        }
        std::set<int> layers;
        for (const auto &[name, tensor] : m_own) {
            layers.insert(layerOf(name));
        }
        m_layers.assign(layers.begin(), layers.end());
    }

    Transformer &model() { return *m_model; }
    const at::Device &device() const { return m_device; }
    bool bf16() const { return m_bf16; }
    const std::string &indexer() const { return m_indexer; }
    bool allows(const SelectorKind &kind) const
    {
        return kind.counterfactual != IndexerSource::OtherLayer || m_layers.size() > 1;
    }

    void use(IndexerSource source)
    {
        const at::NoGradGuard noGrad;
        for (auto &[name, tensor] : indexerOf(*m_model)) {
            tensor.copy_(source == IndexerSource::Fresh        ? m_fresh.at(name)
                         : source == IndexerSource::OtherLayer ? m_own.at(inNextLayer(name))
                                                               : m_own.at(name));
        }
    }

private:
    bool usesBf16(Precision precision) const
    {
        return precision == Precision::Bf16 || (precision == Precision::Auto && m_device.is_cuda());
    }

    static Weights indexerOf(const Transformer &model)
    {
        Weights weights;
        for (const Parameters::Entry &entry : model.parameters().entries()) {
            if (Transformer::isIndexer(entry.name)) {
                weights[entry.name] = entry.tensor.detach();
            }
        }
        return weights;
    }

    static constexpr const char *kPrefix = "model.layers.";
    static int layerOf(const std::string &name) { return std::stoi(name.substr(std::string(kPrefix).size())); }
    std::string inNextLayer(const std::string &name) const
    {
        const auto here = std::find(m_layers.begin(), m_layers.end(), layerOf(name));
        const int next = here + 1 == m_layers.end() ? m_layers.front() : *(here + 1);
        return kPrefix + std::to_string(next) + name.substr(name.find('.', std::string(kPrefix).size()));
    }

    void makeIndexer(const RunConfig &config, const CounterfactualOptions &options, const DataSource &data,
                     const ModelOptions &shape)
    {
        RunConfig sparse = config;
        const bool latent = config.model.attention == AttentionKind::Mla;
        sparse.model.family = latent ? Family::MhlaSparse : Family::Sparse;
        sparse.model.selection.kind = "lightning";
        sparse.training.captured = Captured::Auto;
        m_trainer = std::make_unique<Trainer>(sparse, data.vocabulary(), m_device, m_bf16);
        m_model = &m_trainer->model();
        {
            const at::NoGradGuard noGrad;
            Transformer source(shape);
            loadWeights(source, options.checkpoint);
            for (const Parameters::Entry &entry : m_model->parameters().entries()) {
                if (!Transformer::isIndexer(entry.name)) {
                    at::Tensor target = entry.tensor.detach();
                    target.copy_(source.parameters().find(entry.name)->tensor);
                }
            }
        }
        const StageConfig stage{"Indexer warm-up",    options.indexerSteps, StageAttention::Dense,
                                StageTrains::Indexer, KlTarget::Visible,    {}};
        if (options.onProgress) {
            options.onProgress(fmt::format("making an indexer: {} steps, main model frozen", options.indexerSteps));
        }
        for (std::int64_t i = 0; i < options.indexerSteps; ++i) {
            if (options.cancelled && options.cancelled()) {
                return;
            }
            m_trainer->step(stage, data.training(kFittingBatches + i), 0);
        }
        m_indexer = fmt::format("made here: {} steps, main model frozen", options.indexerSteps);
    }

    at::Device m_device;
    bool m_bf16;
    std::unique_ptr<Transformer> m_owned; ///< one of the two
    std::unique_ptr<Trainer> m_trainer;
    Transformer *m_model = nullptr;
    std::string m_indexer;
    Weights m_own, m_fresh;
    std::vector<int> m_layers; ///< that own an indexer
};

/// What one selector does to the validation windows.
struct Pass {
    WindowLosses windows;
    TaskScore answers;
    std::map<std::string, double> metrics; ///< of the selection
    std::optional<double> rowsChanged, keysChanged;
};

/// What chooses the keys; `selector` null: dense attention.
struct Choice {
    const Selector *selector = nullptr;
    std::int64_t topK = 1;
    double topP = 0;
    int draws = 1;
    bool ownIndexer = true; ///< the indexers in place are the layers' own: others are held against them
};

ForwardOptions forwardOptions(const Choice &choice)
{
    ForwardOptions forward;
    forward.sparse = choice.selector != nullptr;
    forward.selector = choice.selector;
    forward.topK = choice.topK;
    forward.topP = choice.topP;
    return forward;
}

/// The p with which an adaptive selector takes as many keys a query as a fixed k does, mean over rows and layers, on batches
/// that are not validated on (EXPERIMENTS.md 8, adaptive-k). One p for all layers.
double calibrated(Subject &subject, const DataSource &data, Choice choice)
{
    constexpr int kHalvings = 10, kBatches = 2;
    const at::NoGradGuard noGrad;
    const std::int64_t length = data.training(kFittingBatches).length;
    const double wanted = selectedPairs(length, choice.topK) / static_cast<double>(length);
    double low = 0, high = 1;
    for (int halving = 0; halving < kHalvings; ++halving) {
        choice.topP = (low + high) / 2;
        double keys = 0, layers = 0;
        for (int i = 0; i < kBatches; ++i) {
            std::vector<AttentionTrace> trace;
            ForwardOptions forward = forwardOptions(choice);
            forward.needLogits = false;
            forward.trace = &trace;
            AutocastScope autocast(subject.bf16());
            subject.model().forward(toDevice(data.training(kFittingBatches + i), subject.device()).inputs, forward);
            for (const AttentionTrace &layer : trace) {
                keys += layer.selection.count.to(at::kDouble).mean().item<double>();
                layers += 1;
            }
        }
        (keys / layers < wanted ? low : high) = choice.topP;
    }
    return (low + high) / 2;
}

Pass passOf(Subject &subject, const DataSource &data, int batches, const Choice &choice)
{
    const at::NoGradGuard noGrad;
    Pass pass;
    ChangedKeys changed(choice.topK);
    SelectionStatistics statistics(choice.topK, subject.model().options().attentionScale(), /*seed=*/0);
    for (int index = 0; index < batches; ++index) {
        const Batch batch = data.validation(index);
        const DeviceBatch onDevice = toDevice(batch, subject.device());
        const std::size_t first = pass.windows.nll.size();
        for (std::vector<double> *values : {&pass.windows.nll, &pass.windows.right, &pass.windows.count}) {
            values->resize(first + static_cast<std::size_t>(batch.rows), 0);
        }
        for (int draw = 0; draw < choice.draws; ++draw) {
            std::vector<AttentionTrace> trace;
            ForwardOptions forward = forwardOptions(choice);
            forward.selectorSeed = static_cast<std::uint64_t>(index) + static_cast<std::uint64_t>(draw) * kDrawStride;
            forward.trace = choice.selector && index < kTracedBatches ? &trace : nullptr;
            AutocastScope autocast(subject.bf16());
            const LabelLosses losses = labelLosses(subject.model().forward(onDevice.inputs, forward).logits, onDevice);
            for (std::size_t i = 0; i < losses.labels.size(); ++i) {
                if (losses.labelled(i)) {
                    const std::size_t window = first + i / static_cast<std::size_t>(losses.length);
                    pass.windows.nll[window] += losses.nll[i] / choice.draws;
                    pass.windows.right[window] += static_cast<double>(losses.right[i]) / choice.draws;
                    pass.windows.count[window] += 1.0 / choice.draws;
                }
            }
            if (data.isTask()) {
                pass.answers.add(losses, batch);
            }
            if (forward.trace) {
                statistics.add(trace, batch);
                if (choice.ownIndexer) {
                    changed.add(trace);
                }
            }
        }
    }
    for (const Scalar &scalar : statistics.scalars()) {
        pass.metrics[scalar.metric] = scalar.value;
    }
    pass.rowsChanged = changed.rows();
    pass.keysChanged = changed.keys();
    return pass;
}

CounterfactualRow rowOf(const SelectorKind &kind, std::int64_t topK, Pass pass, const WindowLosses &dense)
{
    CounterfactualRow row;
    row.selector = kind.name;
    row.title = kind.title;
    row.topK = topK;
    row.loss = pass.windows.loss();
    row.increase = row.loss - dense.loss();
    std::vector<double> differences;
    for (std::size_t i = 0; i < dense.nll.size(); ++i) {
        differences.push_back(pass.windows.nll[i] - dense.nll[i]);
    }
    row.ci95 = pairedBootstrap(differences, dense.count);
    row.accuracy = pass.windows.accuracy();
    if (!pass.answers.empty()) {
        row.exact = pass.answers.exact();
    }
    const auto take = [&](const char *metric) {
        const auto found = pass.metrics.find(metric);
        return found == pass.metrics.end() ? std::nullopt : std::optional(found->second);
    };
    row.massKept = take("selection.mass_kept");
    row.massKeptChance = take("selection.mass_kept.chance");
    row.massKeptOracle = take("selection.mass_kept.oracle");
    row.massKeptWorst = take("selection.mass_kept.worst");
    row.captured = take("indexer.captured");
    row.keys = take("selection.k_effective");
    row.recall = take("selection.recall");
    row.recallChance = take("selection.recall.chance");
    row.needed = take("oracle.recall");
    row.neededBestLayer = take("oracle.recall.best_layer");
    row.neededChance = take("oracle.recall.chance");
    row.rowsChanged = pass.rowsChanged;
    row.keysChanged = pass.keysChanged;
    row.windows = std::move(pass.windows);
    return row;
}

std::vector<const SelectorKind *> kindsOf(const CounterfactualOptions &options)
{
    for (const std::string &name : options.selectors) {
        selectorKind(name); // names the nearest where there is none
    }
    std::vector<const SelectorKind *> kinds;
    for (const SelectorKind &kind : selectorKinds()) {
        const bool asked = options.selectors.empty()
                               ? !kind.adaptive && kind.causal && !kind.rounded
                               : std::count(options.selectors.begin(), options.selectors.end(), kind.name) > 0;
        if (asked) {
            kinds.push_back(&kind);
        }
    }
    return kinds;
}

} // namespace

std::vector<std::int64_t> counterfactualSweep(std::int64_t sequenceLength)
{
    std::vector<std::int64_t> result;
    for (const std::int64_t divisor : {16, 8, 4, 2}) {
        const std::int64_t k = std::max<std::int64_t>(1, sequenceLength / divisor);
        if (result.empty() || result.back() != k) {
            result.push_back(k);
        }
    }
    return result;
}

std::vector<std::string> counterfactualSelectors()
{
    std::vector<std::string> names;
    for (const SelectorKind &kind : selectorKinds()) {
        names.push_back(kind.name);
    }
    return names;
}

bool isRounded(const std::string &selector)
{
    const std::vector<SelectorKind> &kinds = selectorKinds();
    return std::any_of(kinds.begin(), kinds.end(),
                       [&](const SelectorKind &kind) { return kind.name == selector && kind.rounded; });
}

Counterfactual measureCounterfactual(const RunConfig &config, const CounterfactualOptions &options)
{
    const std::vector<const SelectorKind *> kinds = kindsOf(options);
    const std::unique_ptr<DataSource> data = asked([&] { return makeDataSource(config); });
    const StreamScope stream(resolveDevice(options.device)); // as the trainer's, so that nothing has to wait
    const dsa::KernelScope kernels(kernelUse(config.training.kernels));
    Subject subject(config, options, *data);
    const int batches = options.batches > 0 ? options.batches : config.training.evalBatches;

    const Pass dense = passOf(subject, *data, batches, {});
    Counterfactual table;
    table.run = config.folder();
    table.indexer = subject.indexer();
    table.task = data->isTask();
    table.length = static_cast<int>(config.training.sequenceLength);
    table.denseLoss = dense.windows.loss();
    table.denseAccuracy = dense.windows.accuracy();
    table.accuracyChance = data->chanceAccuracy();
    if (!dense.answers.empty()) {
        table.denseExact = dense.answers.exact();
        if (table.accuracyChance) {
            table.exactChance = dense.answers.exactChance(*table.accuracyChance);
        }
    }
    table.dense = dense.windows;
    for (const std::int64_t k : options.topK.empty() ? counterfactualSweep(table.length) : options.topK) {
        for (const SelectorKind *kind : kinds) {
            if (options.cancelled && options.cancelled()) {
                return table;
            }
            if (!subject.allows(*kind)) {
                continue;
            }
            if (options.onProgress) {
                options.onProgress(fmt::format("k = {}: {}", k, kind->title));
            }
            subject.use(kind->counterfactual);
            const std::unique_ptr<Selector> selector = kind->make();
            Choice choice{selector.get(), k, 0, kind->name == "random" ? kDraws : 1};
            choice.ownIndexer =
                kind->counterfactual == IndexerSource::Own || kind->counterfactual == IndexerSource::None;
            if (kind->adaptive) {
                choice.topP = calibrated(subject, *data, choice);
            }
            table.rows.push_back(rowOf(*kind, k, passOf(subject, *data, batches, choice), table.dense));
        }
    }
    return table;
}

} // namespace sparsescope
