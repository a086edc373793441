#include "core/model/model_options.h"

#include "core/model/selector.h"
#include "core/model/yarn.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace sparsescope {

namespace {

/// The published class whose forward pass these options are, or a name of our own where there is none (CHECKPOINTS.md):
/// a file that a published class would open without its indexer must not carry that class's name.
std::string modelTypeOf(const ModelOptions &options)
{
    const bool indexed = options.indexHeads > 0;
    const bool mla = options.attention == AttentionKind::Mla;
    if (options.selector == "none") {
        return mla ? "deepseek_v3" : "glm4_moe";
    }
    if (!mla) {
        return "sparsescope_mha_dsa";
    }
    if (indexed && options.qLoraRank && options.indexActivation == IndexActivation::Relu) {
        const bool shares =
            std::find(options.ownsIndexer.begin(), options.ownsIndexer.end(), false) != options.ownsIndexer.end();
        if (options.indexRope == RopeStyle::Interleaved) {
            return "glm_moe_dsa";
        }
        if (!shares) {
            return "deepseek_v32";
        }
    }
    return "sparsescope_mla_dsa";
}

} // namespace

double ModelOptions::attentionScale() const
{
    const double plain = 1.0 / std::sqrt(static_cast<double>(qkHeadDim()));
    if (attention == AttentionKind::Mla && yarn && yarn->mscaleAllDim != 0) {
        const double magnitude = yarnMagnitude(yarn->factor, yarn->mscaleAllDim);
        return plain * magnitude * magnitude;
    }
    return plain;
}

double ModelOptions::writtenRotaryShare() const
{
    const auto comesToIt = [this](double share) { return static_cast<int>(headDim * share) == rotaryDim; };
    if (rotaryShare && comesToIt(*rotaryShare)) {
        return *rotaryShare;
    }
    // Where the quotient itself would lose a dimension, half a one more does not gain one.
    const double share = static_cast<double>(rotaryDim) / headDim;
    return comesToIt(share) ? share : (rotaryDim + 0.5) / headDim;
}

ModelOptions modelOptions(const RunConfig &config, int vocabulary)
{
    const ModelConfig &model = config.model;
    ModelOptions options;
    options.vocabulary = vocabulary;
    options.dModel = model.dModel;
    options.nLayers = model.nLayers;
    options.nHeads = model.nHeads;
    options.attention = model.attention;
    options.nKvHeads = model.attention == AttentionKind::Mla || model.nKvHeads == 0 ? model.nHeads : model.nKvHeads;
    options.headDim = model.headDim > 0 ? model.headDim : model.dModel / model.nHeads;
    options.rotaryDim = static_cast<int>(options.headDim * model.rotaryFraction);
    options.qkNorm = model.qkNorm;
    options.kvLoraRank = model.mla.kvLoraRank;
    options.qLoraRank = model.mla.qLoraRank;
    options.qkNopeHeadDim = model.mla.qkNopeHeadDim;
    options.qkRopeHeadDim = model.mla.qkRopeHeadDim;
    options.vHeadDim = model.mla.vHeadDim;
    options.rope = model.attention == AttentionKind::Mla ? RopeStyle::Interleaved : RopeStyle::HalfSplit;
    options.selector = model.selection.kind.empty() ? "none" : model.selection.kind;
    if (options.selector != "none") {
        options.topK = config.topK();
        if (selectorKind(options.selector).needsIndexer) {
            options.indexHeads = model.indexer.nHeads;
            options.indexHeadDim = model.indexer.headDim;
            options.indexRope = model.indexer.rope;
            options.indexActivation = model.indexer.activation;
            for (int i = 0; i < model.nLayers; ++i) {
                options.ownsIndexer.push_back(model.sharePattern.empty() || model.sharePattern.at(i) == 'F');
            }
        }
    }
    options.dFf = model.dFf;
    options.moe.nExperts = model.moe.nExperts;
    options.moe.expertsPerToken = model.moe.expertsPerToken;
    options.moe.dExpert = model.moe.dExpert;
    options.moe.nShared = model.moe.nShared;
    options.moe.nGroups = model.moe.nGroups;
    options.moe.topGroups = model.moe.topGroups;
    options.moe.scale = model.moe.scale;
    options.moe.firstDense = model.moe.nExperts > 0 ? model.moe.firstDense : model.nLayers;
    options.ropeTheta = model.ropeTheta;
    options.yarn = model.yarn;
    options.normEps = model.normEps;
    options.tieEmbeddings = model.tieEmbeddings;
    options.maxPositions = static_cast<int>(std::max<std::int64_t>(config.training.sequenceLength, 1));
    options.seed = config.training.seed;
    options.modelType = modelTypeOf(options);
    return options;
}

void checkOptions(const ModelOptions &options, const std::string &origin)
{
    std::vector<Error> errors;
    const auto demand = [&](bool holds, const std::string &field, const std::string &found,
                            const std::string &allowed) {
        if (!holds) {
            errors.push_back({"impossible size", origin + ": " + field, found, allowed, ""});
        }
    };
    const auto positive = [&](const std::string &field, std::int64_t value) {
        demand(value >= 1, field, std::to_string(value), "at least 1");
    };
    positive("vocab_size", options.vocabulary);
    positive("hidden_size", options.dModel);
    positive("num_hidden_layers", options.nLayers);
    positive("num_attention_heads", options.nHeads);
    const int rotary = options.rotaryDims();
    if (options.attention == AttentionKind::Mla) {
        positive("kv_lora_rank", options.kvLoraRank);
        positive("qk_nope_head_dim", options.qkNopeHeadDim);
        positive("v_head_dim", options.vHeadDim);
        positive("q_lora_rank", options.qLoraRank.value_or(1));
        demand(rotary >= 2 && rotary % 2 == 0, "qk_rope_head_dim", std::to_string(rotary),
               "an even number, at least 2");
    } else {
        positive("num_key_value_heads", options.nKvHeads);
        positive("head_dim", options.headDim);
        demand(options.nKvHeads < 1 || options.nHeads % options.nKvHeads == 0, "num_key_value_heads",
               std::to_string(options.nKvHeads), fmt::format("a divisor of num_attention_heads {}", options.nHeads));
        demand(rotary >= 2 && rotary % 2 == 0 && rotary <= options.headDim, "partial_rotary_factor",
               fmt::format("{} rotated dimensions", rotary),
               fmt::format("an even number of rotated dimensions, 2 to head_dim {}", options.headDim));
    }
    if (options.indexHeads > 0) {
        demand(options.indexHeadDim >= rotary, "index_head_dim", std::to_string(options.indexHeadDim),
               fmt::format("at least the {} rotated dimensions of the attention", rotary));
        demand(static_cast<int>(options.ownsIndexer.size()) == options.nLayers, "indexer_types",
               fmt::format("{} entries", options.ownsIndexer.size()),
               fmt::format("one entry for each of {} layers", options.nLayers));
        demand(options.ownsIndexer.empty() || options.ownsIndexer.front(), "indexer_types[0]", "\"shared\"",
               "\"full\" (there is no earlier selection to share)");
    }
    if (options.selector != "none") {
        positive("index_topk", options.topK);
    }
    if (options.moe.nExperts < 1 || options.moe.firstDense > 0) {
        positive("intermediate_size", options.dFf);
    }
    if (options.moe.nExperts > 0 && options.moe.firstDense < options.nLayers) {
        const MoeOptions &moe = options.moe;
        positive("moe_intermediate_size", moe.dExpert);
        demand(moe.nShared >= 0, "n_shared_experts", std::to_string(moe.nShared), "0 or more");
        demand(moe.nGroups >= 1 && moe.nExperts % std::max(moe.nGroups, 1) == 0, "n_group", std::to_string(moe.nGroups),
               fmt::format("a divisor of n_routed_experts {}", moe.nExperts));
        const int perGroup = moe.nExperts / std::max(moe.nGroups, 1);
        demand(moe.nGroups <= 1 || perGroup >= 2, "n_group", std::to_string(moe.nGroups),
               "groups of at least 2 experts");
        demand(moe.topGroups >= 1 && moe.topGroups <= moe.nGroups, "topk_group", std::to_string(moe.topGroups),
               fmt::format("1 to n_group {}", moe.nGroups));
        const int reach = moe.nGroups > 1 ? moe.topGroups * perGroup : moe.nExperts;
        demand(moe.expertsPerToken >= 1 && moe.expertsPerToken <= reach, "num_experts_per_tok",
               std::to_string(moe.expertsPerToken), fmt::format("1 to {}, the experts of the kept groups", reach));
    }
    if (!errors.empty()) {
        throw ConfigFailure(std::move(errors));
    }
}

} // namespace sparsescope
