#include "core/model/transformer.h"

#include "core/base/error.h"
#include "core/model/layer_parts.h"
#include "core/model/mixture_of_experts.h"
#include "core/model/multi_head_attention.h"
#include "core/model/multi_head_latent_attention.h"
#include "kernels/ops/embedding.h"
#include "kernels/ops/token_loss.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/stack.h>
#include <c10/core/GradMode.h>

#include <fmt/format.h>

#include <atomic>
#include <map>
#include <utility>

namespace sparsescope {

namespace {

std::unique_ptr<Attention> makeAttention(const ModelOptions &options, int layer, Parameters &parameters,
                                         const std::string &prefix)
{
    if (options.attention == AttentionKind::Mla) {
        return std::make_unique<MultiHeadLatentAttention>(options, layer, parameters, prefix);
    }
    return std::make_unique<MultiHeadAttention>(options, layer, parameters, prefix);
}

/// The weights of a part are there while this lives.
class Brought {
public:
    Brought(WeightPager *pager, int part)
        : m_pager(pager)
        , m_part(part)
    {
        if (m_pager) {
            m_pager->bring(m_part);
        }
    }
    ~Brought()
    {
        if (m_pager) {
            m_pager->release(m_part);
        }
    }
    Brought(const Brought &) = delete;
    Brought &operator=(const Brought &) = delete;

private:
    WeightPager *m_pager;
    int m_part;
};

} // namespace

struct Transformer::Layers {
    struct Block {
        at::Tensor inputNorm, outputNorm; ///< [D], before attention, before the feed-forward
        std::unique_ptr<Attention> attention;
        std::unique_ptr<GatedMlp> dense; ///< one of the two
        std::unique_ptr<MixtureOfExperts> experts;
    };
    at::Tensor embedding, norm, head; ///< head is the embedding where tied
    std::vector<Block> blocks;
    bool training = false;
    /// By length. Kept: a recorded step goes on reading the tables it was recorded with.
    std::map<std::int64_t, RotaryTables> rotary;

    /// For `count` positions from `first` on. Whole tables grow by doubling where a text goes on token by token.
    RotaryTables rotaryFrom(const ModelOptions &options, std::int64_t first, std::int64_t count)
    {
        if (first == 0) {
            return rotaryFor(options, count);
        }
        std::int64_t length = 64;
        while (length < first + count) {
            length *= 2;
        }
        const RotaryTables &whole = rotaryFor(options, length);
        return {whole.cos.narrow(0, first, count), whole.sin.narrow(0, first, count)};
    }

    const RotaryTables &rotaryFor(const ModelOptions &options, std::int64_t positions)
    {
        const at::ScalarType type = embedding.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
        RotaryTables &tables = rotary[positions];
        if (!tables.cos.defined() || tables.cos.scalar_type() != type || tables.cos.device() != embedding.device()) {
            tables = rotaryTables(options, positions, type, embedding.device());
        }
        return tables;
    }
};

struct Transformer::Place {
    std::atomic<int> layer{0}; ///< nLayers: behind the last one
    std::atomic<bool> backward{false};

    void forwardTo(int next)
    {
        layer = next;
        backward = false;
    }
    /// Notes when the gradient of what a layer has put out is there.
    static void watch(const std::shared_ptr<Place> &place, const at::Tensor &output, int of)
    {
        if (output.requires_grad()) {
            output.register_hook([place, of](const at::Tensor &) {
                place->layer = of;
                place->backward = true;
            });
        }
    }
};

Transformer::Transformer(ModelOptions options, Start start)
    : m_options(std::move(options))
    , m_parameters(start == Start::Drawn)
    , m_layers(std::make_unique<Layers>())
    , m_place(std::make_shared<Place>())
{
    checkOptions(m_options);
    const int width = m_options.dModel;
    const Initialisation wide{Initialisation::Kind::Normal, 0.02};
    m_layers->embedding = m_parameters.add("model.embed_tokens.weight", {m_options.vocabulary, width}, wide);
    for (int i = 0; i < m_options.nLayers; ++i) {
        const std::string prefix = "model.layers." + std::to_string(i) + ".";
        Layers::Block block;
        block.inputNorm = m_parameters.add(prefix + "input_layernorm.weight", {width}, ones());
        block.attention = makeAttention(m_options, i, m_parameters, prefix + "self_attn.");
        block.outputNorm = m_parameters.add(prefix + "post_attention_layernorm.weight", {width}, ones());
        if (m_options.moe.nExperts > 0 && i >= m_options.moe.firstDense) {
            block.experts = std::make_unique<MixtureOfExperts>(m_options, m_parameters, prefix + "mlp.");
        } else {
            block.dense =
                std::make_unique<GatedMlp>(m_parameters, prefix + "mlp.", width, m_options.dFf, m_options.nLayers);
        }
        m_layers->blocks.push_back(std::move(block));
    }
    m_layers->norm = m_parameters.add("model.norm.weight", {width}, ones());
    m_layers->head = m_options.tieEmbeddings ? m_layers->embedding
                                             : m_parameters.add("lm_head.weight", {m_options.vocabulary, width}, wide);
    if (start == Start::Drawn) {
        m_parameters.initialise(m_options.seed);
    }
}

Transformer::~Transformer() = default;

ForwardOutput Transformer::forward(const at::Tensor &ids, const ForwardOptions &options)
{
    AttentionContext context;
    context.sparse = options.sparse;
    context.kl = options.kl;
    context.override = options.selector;
    context.topK = options.topK > 0 ? options.topK : m_options.topK;
    context.topP = options.topP;
    context.selectorSeed = m_options.seed + options.selectorSeed;
    context.absorbed = options.absorbed;
    context.selections = options.selections;
    context.offset = options.cache ? options.cache->length() : 0;
    context.indexerGradient = c10::GradMode::is_enabled();

    // Without the head nothing but the indexer can learn: the main model's graph would only take memory.
    const c10::AutoGradMode gradient(options.needLogits && c10::GradMode::is_enabled());
    at::Tensor h;
    {
        const Brought brought(options.pager, -1);
        context.rotary = m_layers->rotaryFrom(m_options, context.offset, ids.size(1));
        h = dsa::embedding(m_layers->embedding, ids);
    }
    const auto keepHidden = [&](const at::Tensor &tensor) {
        if (options.hidden) {
            options.hidden->push_back(tensor);
        }
    };
    // What a layer adds waits for the norm behind it: both are one step.
    at::Tensor branch;
    const auto addAndNormed = [&](const at::Tensor &weight, bool needsFull) {
        NormedSum result = addAndNorm(h, branch, weight, m_options.normEps, needsFull);
        h = result.sum;
        branch = at::Tensor();
        return result.rows;
    };
    const bool indexed = m_options.selector != "none";
    for (std::size_t i = 0; i < m_layers->blocks.size(); ++i) {
        Layers::Block &block = m_layers->blocks[i];
        m_place->forwardTo(static_cast<int>(i));
        const Brought brought(options.pager, static_cast<int>(i));
        const NormedRows input = addAndNormed(block.inputNorm, indexed);
        keepHidden(h);
        const bool last = static_cast<int>(i) == options.onlyLayer;
        context.cache = options.cache ? &options.cache->layer(i) : nullptr;
        context.trace = last || options.onlyLayer < 0 ? options.trace : nullptr;
        branch = block.attention->forward(input, context);
        const bool unused =
            i + 1 == m_layers->blocks.size() && !options.needLogits && !options.hidden && !options.routers;
        if (unused || last) {
            break;
        }
        const NormedRows x = addAndNormed(block.outputNorm, block.experts != nullptr);
        if (block.dense) {
            branch = block.dense->forward(x.low);
        } else {
            RouterTrace trace;
            trace.layer = static_cast<int>(i);
            branch = block.experts->forward(x, m_layers->training, options.routers ? &trace : nullptr);
            if (options.routers) {
                options.routers->push_back(std::move(trace));
            }
        }
        Place::watch(m_place, branch, static_cast<int>(i));
    }
    m_place->forwardTo(m_options.nLayers);
    if (options.cache) {
        options.cache->advance(ids.size(1));
    }
    ForwardOutput output;
    output.klLosses = std::move(context.klLosses);
    if ((!options.needLogits && !options.hidden) || options.onlyLayer >= 0) {
        return output;
    }
    const Brought brought(options.pager, m_options.nLayers);
    const NormedRows last = addAndNormed(m_layers->norm, options.hidden != nullptr);
    keepHidden(last.full);
    if (options.needLogits) {
        output.logits = at::linear(last.low, m_layers->head);
    }
    return output;
}

std::string Transformer::place() const
{
    const int layer = m_place->layer;
    if (layer == m_options.nLayers) {
        return "the output head and the loss";
    }
    return fmt::format("{}layer {}", m_place->backward ? "the backward pass of " : "", layer);
}

void Transformer::setTraining(bool training) { m_layers->training = training; }

void Transformer::updateRouterBias(double rate, const at::Tensor &apply)
{
    for (Layers::Block &block : m_layers->blocks) {
        if (block.experts) {
            block.experts->updateBias(rate, apply);
        }
    }
}

void Transformer::forgetRouterLoads()
{
    for (Layers::Block &block : m_layers->blocks) {
        if (block.experts) {
            block.experts->forgetLoads();
        }
    }
}

double Transformer::maxExpertLoad() const
{
    std::vector<at::Tensor> loads;
    for (const Layers::Block &block : m_layers->blocks) {
        if (block.experts && block.experts->imbalance().defined()) {
            loads.push_back(block.experts->imbalance());
        }
    }
    return loads.empty() ? 0.0 : at::stack(loads).max().item<double>();
}

at::Tensor languageModelLoss(const at::Tensor &logits, const at::Tensor &targets)
{
    return dsa::token_loss(logits.reshape({-1, logits.size(-1)}), targets.reshape({-1}));
}

} // namespace sparsescope
