#include "core/base/cost_model.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

namespace sparsescope {
namespace {

constexpr int kBytesVocabulary = 257; // 256 values and the separator
constexpr double kForwardAndBackward = 3;

// What one layer is made of, in the letters of the mathematics: D width, H heads, Dqk and Dv of one head.
struct Shape {
    double width, heads, keyHeads, keyDim, valueDim;
};

Shape shapeOf(const ModelConfig &model)
{
    if (model.attention == AttentionKind::Mla)
        return {double(model.dModel), double(model.nHeads), double(model.nHeads),
                double(model.mla.qkNopeHeadDim + model.mla.qkRopeHeadDim), double(model.mla.vHeadDim)};
    return {double(model.dModel), double(model.nHeads), double(model.nKvHeads), double(model.headDim),
            double(model.headDim)};
}

std::int64_t indexerLayers(const ModelConfig &model)
{
    if (!hasIndexer(model))
        return 0;
    return model.sharePattern.empty() ? model.nLayers
                                      : std::count(model.sharePattern.begin(), model.sharePattern.end(), 'F');
}

std::int64_t sparseLayers(const ModelConfig &model) ///< layers with experts
{
    return model.moe.nExperts == 0 ? 0 : std::max(0, model.nLayers - model.moe.firstDense);
}

/// Weights of the projections of one layer, vectors of the norms apart.
std::int64_t projectionWeights(const ModelConfig &model)
{
    const std::int64_t d = model.dModel, h = model.nHeads;
    if (model.attention == AttentionKind::Mha) {
        const std::int64_t inner = h * model.headDim, keys = std::int64_t(model.nKvHeads) * model.headDim;
        return 2 * d * inner + 2 * d * keys;
    }
    const MlaConfig &mla = model.mla;
    const std::int64_t queries = h * (mla.qkNopeHeadDim + mla.qkRopeHeadDim);
    const std::int64_t down = mla.qLoraRank ? std::int64_t(*mla.qLoraRank) * (d + queries) : d * queries;
    return down + d * (mla.kvLoraRank + mla.qkRopeHeadDim) +
           std::int64_t(mla.kvLoraRank) * h * (mla.qkNopeHeadDim + mla.vHeadDim) + d * h * mla.vHeadDim;
}

std::int64_t projectionNorms(const ModelConfig &model)
{
    if (model.attention == AttentionKind::Mha)
        return model.qkNorm ? 2 * model.headDim : 0;
    return model.mla.kvLoraRank + model.mla.qLoraRank.value_or(0);
}

std::int64_t indexerWeights(const ModelConfig &model) ///< of one indexer, its LayerNorm apart
{
    const std::int64_t d = model.dModel, heads = model.indexer.nHeads, dim = model.indexer.headDim;
    const std::int64_t source = model.attention == AttentionKind::Mla && model.mla.qLoraRank ? *model.mla.qLoraRank : d;
    return heads * dim * source + dim * d + heads * d;
}

double tokensOf(const RunConfig &config)
{
    return double(config.training.batchSize) * double(config.training.sequenceLength);
}

/// Weights of the feed-forward layers that one token meets, all layers together.
double feedForwardWeightsPerToken(const ModelConfig &model)
{
    const double expert = 3.0 * model.dModel * model.moe.dExpert;
    const double dense = 3.0 * model.dModel * model.dFf;
    const double withExperts = double(sparseLayers(model));
    return withExperts *
               (expert * (model.moe.expertsPerToken + model.moe.nShared) + double(model.dModel) * model.moe.nExperts) +
           (model.nLayers - withExperts) * dense;
}

/// Tensor operations of a step, forward and backward: so much a layer, more for the selection, the experts, the indexer's loss.
double stepOperations(const RunConfig &config, const StageConfig &stage)
{
    constexpr double kPlain = 150, kSelection = 60, kExperts = 90, kIndexerLoss = 120, kOutside = 80;
    const ModelConfig &model = config.model;
    double operations = kPlain + (model.moe.nExperts > 0 ? kExperts : 0);
    if (stage.attention == StageAttention::Sparse && isSparse(model.family))
        operations += kSelection;
    if (stage.kl != KlTarget::None && isSparse(model.family))
        operations += kIndexerLoss;
    return operations * model.nLayers + kOutside;
}

} // namespace

ParameterCount parameterCount(const RunConfig &config, int vocabulary)
{
    const ModelConfig &model = config.model;
    const std::int64_t d = model.dModel, layers = model.nLayers, withExperts = sparseLayers(model);
    const MoeConfig &moe = model.moe;
    const std::int64_t expertLayer =
        d * moe.nExperts + 3 * d * moe.dExpert * (std::int64_t(moe.nExperts) + moe.nShared);
    ParameterCount count;
    count.main = (model.tieEmbeddings ? 1 : 2) * std::int64_t(vocabulary) * d + d;
    count.main += layers * (2 * d + projectionWeights(model) + projectionNorms(model));
    count.main += withExperts * expertLayer + (layers - withExperts) * 3 * d * model.dFf;
    const bool slopes = model.indexer.activation == IndexActivation::Prelu;
    count.indexer = indexerLayers(model) *
                    (indexerWeights(model) + 2 * model.indexer.headDim + (slopes ? model.indexer.nHeads : 0));
    return count;
}

double densePairs(std::int64_t sequenceLength)
{
    const double l = double(sequenceLength);
    return l * (l + 1) / 2;
}

double selectedPairs(std::int64_t sequenceLength, std::int64_t topK)
{
    if (topK >= sequenceLength)
        return densePairs(sequenceLength);
    return densePairs(topK) + double(sequenceLength - topK) * double(topK);
}

StepFlops stepFlops(const RunConfig &config, int vocabulary, const StageConfig &stage, FlopsCounted counted)
{
    const ModelConfig &model = config.model;
    const std::int64_t length = config.training.sequenceLength;
    const Shape shape = shapeOf(model);
    const double tokens = tokensOf(config), batch = config.training.batchSize, layers = model.nLayers;
    const bool sparse = stage.attention == StageAttention::Sparse && isSparse(model.family);
    const double visible = densePairs(length), chosen = sparse ? selectedPairs(length, config.topK()) : visible;
    const double attended = counted == FlopsCounted::Executed ? visible : chosen;
    const double mainFactor = stage.trains == StageTrains::Indexer ? 1 : kForwardAndBackward;

    StepFlops flops;
    flops.projections = mainFactor * 2 * tokens * layers * double(projectionWeights(model));
    flops.attention = mainFactor * 2 * batch * layers * attended * shape.heads * (shape.keyDim + shape.valueDim);
    flops.feedForward = mainFactor * 2 * tokens * feedForwardWeightsPerToken(model);
    if (stage.trains != StageTrains::Indexer)
        flops.head = mainFactor * 2 * tokens * double(model.dModel) * vocabulary;

    const double indexers = double(indexerLayers(model));
    const bool learns = stage.kl != KlTarget::None && indexers > 0;
    if (indexers > 0 && (sparse || learns)) {
        const double heads = model.indexer.nHeads, dim = model.indexer.headDim;
        const double projections = 2 * tokens * double(indexerWeights(model));
        const double pair = 2 * heads * (dim + 1); // dot products, and the weighted sum over heads
        flops.indexer = indexers * (projections + batch * visible * pair);
        if (learns) {
            const double compared = stage.kl == KlTarget::Selected ? attended : visible;
            const double teacher =
                comparesWithAttention(stage.kl) ? 2 * batch * compared * shape.heads * shape.keyDim : 0;
            flops.indexerLoss = indexers * (teacher + 2 * (projections + batch * compared * pair));
        }
    }
    return flops;
}

double runFlops(const RunConfig &config, int vocabulary)
{
    double total = 0;
    for (const StageConfig &stage : stagesOf(config))
        total += double(stage.steps) * stepFlops(config, vocabulary, stage).total();
    return total;
}

FlopsSoFar flopsSoFar(const RunConfig &config, int vocabulary, int stage, std::int64_t stepInStage)
{
    FlopsSoFar result;
    const std::vector<StageConfig> stages = stagesOf(config);
    for (int i = 0; i <= stage && i < static_cast<int>(stages.size()); ++i) {
        const StageConfig &one = stages[static_cast<std::size_t>(i)];
        const double steps = double(i < stage ? one.steps : stepInStage);
        result.model += steps * stepFlops(config, vocabulary, one).total();
        result.executed += steps * stepFlops(config, vocabulary, one, FlopsCounted::Executed).total();
    }
    return result;
}

KvCache kvCachePerToken(const ModelConfig &model)
{
    constexpr double kBytes = 2; // a number in bf16
    const double layers = model.nLayers, mha = 2.0 * model.nHeads * double(model.headDim);
    const double own = model.attention == AttentionKind::Mla ? double(model.mla.kvLoraRank + model.mla.qkRopeHeadDim)
                                                             : 2.0 * model.nKvHeads * double(model.headDim);
    return {kBytes * (layers * own + double(indexerLayers(model)) * model.indexer.headDim), kBytes * layers * mha};
}

namespace {

/// What an indexer without kernels keeps of every pair for its backward pass, fp32: dot product, activation and term of each
/// head, score, its log-softmax and the teacher's probability.
double plainScores(const RunConfig &config)
{
    constexpr double kPerHead = 3, kPerPair = 3, kBytes = 4;
    const ModelConfig &model = config.model;
    if (!hasIndexer(model) || model.indexer.activation == IndexActivation::Relu)
        return 0;
    return kBytes * double(indexerLayers(model)) * tokensOf(config) * double(config.training.sequenceLength) *
           (kPerHead * model.indexer.nHeads + kPerPair);
}

} // namespace

double trainingMemory(const RunConfig &config, int vocabulary, int bytesPerActivation)
{
    const ModelConfig &model = config.model;
    const Shape shape = shapeOf(model);
    const double weights =
        16.0 * double(parameterCount(config, vocabulary).total()); // fp32 weight, gradient, two moments
    const double tokens = tokensOf(config);
    const double attention =
        2 * shape.heads * (shape.keyDim + shape.valueDim) + 2 * shape.keyHeads * (shape.keyDim + shape.valueDim);
    const double active =
        model.moe.nExperts > 0 ? double(model.moe.expertsPerToken + model.moe.nShared) * model.moe.dExpert : model.dFf;
    const double index = hasIndexer(model) ? 3.0 * model.indexer.nHeads * model.indexer.headDim : 0;
    const double perLayer =
        8 * shape.width + attention + 4 * active + index + double(config.training.sequenceLength + 63) / 32;
    const double activations = tokens * model.nLayers * perLayer * bytesPerActivation;
    const double logits = tokens * vocabulary * 12.0; // logits, their log-softmax and gradient, fp32
    return weights + activations + logits + plainScores(config);
}

int bytesPerActivation(const RunConfig &config, bool onCuda)
{
    return config.training.precision == Precision::Fp32 || !onCuda ? 4 : 2;
}

int largestBatch(const RunConfig &config, int vocabulary, int bytesPerActivation, double memoryBytes)
{
    RunConfig one = config;
    const auto fits = [&](int batch) {
        one.training.batchSize = batch;
        return trainingMemory(one, vocabulary, bytesPerActivation) <= memoryBytes;
    };
    int low = 0, high = 4096;
    while (low < high) {
        const int middle = (low + high + 1) / 2;
        if (fits(middle))
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

DeviceSpeed typicalSpeed(bool isCuda) { return isCuda ? DeviceSpeed{20e12, 6e-6} : DeviceSpeed{30e9, 7e-6}; }

DeviceSpeed speedFrom(const MeasuredStep &small, const MeasuredStep &large)
{
    const auto operations = [](const MeasuredStep &step) { return stepOperations(step.config, step.stage); };
    const auto flops = [](const MeasuredStep &step) {
        return stepFlops(step.config, step.vocabulary, step.stage).total();
    };
    // seconds = operations a + flops b, of both.
    const double n1 = operations(small), n2 = operations(large), f1 = flops(small), f2 = flops(large);
    const double share = n1 * f2 - n2 * f1;
    double a = (small.seconds * f2 - large.seconds * f1) / share, b = (n1 * large.seconds - n2 * small.seconds) / share;
    // A busy machine may stretch one of the two: then all of the small step is fixed cost, or all of the large one arithmetic.
    if (!(a > 0)) {
        a = 0;
        b = large.seconds / f2;
    } else if (!(b > 0)) {
        a = small.seconds / n1;
        b = 0;
    }
    return {b > 0 ? 1 / b : std::numeric_limits<double>::infinity(), a};
}

double stepSeconds(const RunConfig &config, int vocabulary, const StageConfig &stage, const DeviceSpeed &speed)
{
    return stepOperations(config, stage) * speed.secondsPerOperation +
           stepFlops(config, vocabulary, stage).total() / speed.flopsPerSecond;
}

double runSeconds(const RunConfig &config, int vocabulary, const DeviceSpeed &speed)
{
    double seconds = 0;
    double lastStep = 0;
    for (const StageConfig &stage : stagesOf(config)) {
        lastStep = stepSeconds(config, vocabulary, stage, speed);
        seconds += double(stage.steps) * lastStep;
    }
    const double evaluations =
        double(config.training.steps) / double(std::max<std::int64_t>(1, config.training.evalEvery)) + 1;
    return seconds + evaluations * config.training.evalBatches * lastStep / kForwardAndBackward;
}

int expectedVocabulary(const RunConfig &config)
{
    const nlohmann::json &options = config.data.options;
    const auto option = [&options](const char *name, int otherwise) {
        const auto found = options.find(name);
        return found != options.end() && found->is_number_integer() ? found->get<int>() : otherwise;
    };
    const std::string training = "sentencepiece:";
    const std::string &source = config.data.source;
    if (source == "needle")
        return 256 + option("keys", 16);
    if (source == "mqar")
        return 1 + 2 * option("keys", 32);
    if (source == "noisy-recall")
        return 1 + 2 * option("keys", 16) + option("distractors", 16);
    if (source == "forgetting")
        return 1 + 2 * option("keys", 16);
    if (source == "selective-copy")
        return 2 + option("symbols", 16);
    if (source == "brackets")
        return 2 * option("types", 8);
    if (source == "noise")
        return option("vocabulary", 256);
    if (config.data.tokenizer.rfind(training, 0) == 0)
        return std::stoi(config.data.tokenizer.substr(training.size()));
    return kBytesVocabulary;
}

} // namespace sparsescope
