#include "core/base/config_words.h"
#include "core/base/json_reader.h"
#include "core/base/nearest_name.h"
#include "core/model/hf_reader.h"
#include "core/model/model_options.h"
#include "core/model/selector.h"
#include "core/model/yarn.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

/// config.json of a published model or of ours; hf_config_writer.cpp writes it.
namespace sparsescope {

namespace {

const nlohmann::json &emptyObject()
{
    static const nlohmann::json empty = nlohmann::json::object();
    return empty;
}

/// Of rope_scaling and rope_parameters transformers takes the one and ignores the other whole; so does this.
std::string ropeKey(const HfReader &top)
{
    return ropeScalingStands(top.node()) || !top.has("rope_parameters") ? "rope_scaling" : "rope_parameters";
}

/// Base and rotated share may stand in the object or, as older files have them, beside it.
void readRope(HfReader &top, ModelOptions &options)
{
    const std::string key = ropeKey(top);
    const bool given = top.has(key);
    if (given && !top.node().at(key).is_object()) {
        top.fail("wrong value", key, brief(top.node().at(key)), "an object");
        return;
    }
    HfReader rope(given ? top.node().at(key) : emptyObject(), top.origin(), key + ".", top.errors());
    const auto holder = [&](const char *name) -> HfReader & {
        return rope.has(name) || (key == "rope_parameters" && !top.has(name)) ? rope : top;
    };
    HfReader &base = holder("rope_theta");
    options.ropeTheta = base.number("rope_theta", 1.0);
    if (options.attention == AttentionKind::Mha) {
        const double share = holder("partial_rotary_factor").number("partial_rotary_factor", 0.0, 0.5, 1.0);
        options.rotaryDim = static_cast<int>(options.headDim * share);
        options.rotaryShare = share;
    }
    if (!given) {
        return;
    }
    const std::string typeKey = rope.has("rope_type") || !rope.has("type") ? "rope_type" : "type";
    const std::string type = rope.text(typeKey);
    if (type == "yarn") {
        YarnConfig yarn;
        yarn.factor = rope.number("factor", 1.0);
        yarn.originalMaxPositionEmbeddings = rope.integer("original_max_position_embeddings", 1);
        yarn.betaFast = rope.number("beta_fast", 1e-6, 32.0);
        yarn.betaSlow = rope.number("beta_slow", 1e-6, 1.0);
        yarn.mscale = rope.number("mscale", 0.0, 0.0);
        yarn.mscaleAllDim = rope.number("mscale_all_dim", 0.0, 0.0);
        rope.only("truncate", true); // the ends of the ramp are rounded
        const double own = yarnAttentionFactor(yarn);
        const double asked = rope.number("attention_factor", 0.0, own);
        if (std::abs(asked - own) > 1e-9 * own) {
            rope.fail("not supported", "attention_factor", fmt::format("{}", asked),
                      fmt::format("{}, which follows from factor, mscale and mscale_all_dim", own));
        }
        if (options.ropeTheta <= 1.0) {
            base.fail("wrong value", "rope_theta", fmt::format("{}", options.ropeTheta), "above 1 with yarn");
        }
        if (yarn.betaSlow > yarn.betaFast) {
            rope.fail("contradiction", "beta_slow", fmt::format("{}", yarn.betaSlow),
                      fmt::format("at most beta_fast {}", yarn.betaFast));
        }
        options.yarn = yarn;
    } else if (type != "default" && !type.empty()) {
        rope.fail("unknown rope type", typeKey, type, "default or yarn");
    }
}

void readExperts(HfReader &top, ModelOptions &options)
{
    MoeOptions &moe = options.moe;
    options.dFf = top.integer("intermediate_size", 1);
    moe.dExpert = top.integer("moe_intermediate_size", 1);
    moe.nExperts = top.integer("n_routed_experts", 0);
    moe.nShared = top.integer("n_shared_experts", 0);
    moe.expertsPerToken = top.integer("num_experts_per_tok", 1);
    moe.nGroups = top.integer("n_group", 1);
    moe.topGroups = top.integer("topk_group", 1);
    moe.scale = top.number("routed_scaling_factor", 0.0);
    moe.normaliseTopK = top.flag("norm_topk_prob");
    moe.firstDense = std::min(top.integer("first_k_dense_replace", 0), options.nLayers);
    top.only("scoring_func", "sigmoid");
    top.only("topk_method", "noaux_tc");
    top.only("moe_layer_freq", 1);
    if (top.has("mlp_layer_types")) {
        const std::vector<std::string> types = top.layerWords("mlp_layer_types", options.nLayers, "dense", "sparse");
        const auto firstSparse = std::find(types.begin(), types.end(), "sparse");
        if (std::find(firstSparse, types.end(), "dense") != types.end()) {
            top.fail("not supported", "mlp_layer_types", "a dense layer after a sparse one",
                     "dense layers first, then sparse ones");
        }
        moe.firstDense = static_cast<int>(firstSparse - types.begin());
    }
    if (moe.firstDense >= options.nLayers) {
        moe.nExperts = 0;
    }
}

void readShare(HfReader &top, ModelOptions &options)
{
    const int layers = options.nLayers;
    options.ownsIndexer.assign(layers, true);
    const bool mayShare = options.modelType != "deepseek_v32";
    if (!mayShare) {
        return;
    }
    if (top.has("indexer_types")) {
        const std::vector<std::string> types = top.layerWords("indexer_types", layers, "full", "shared");
        for (std::size_t i = 0; i < types.size(); ++i) {
            options.ownsIndexer[i] = types[i] == "full";
        }
    } else if (top.has("index_topk_pattern")) {
        const std::string pattern = top.text("index_topk_pattern");
        if (static_cast<int>(pattern.size()) != layers || pattern.find_first_not_of("FS") != std::string::npos) {
            top.fail("wrong value", "index_topk_pattern", pattern,
                     fmt::format("{} letters F or S, one a layer", layers));
            return;
        }
        for (int i = 0; i < layers; ++i) {
            options.ownsIndexer[i] = pattern[i] == 'F';
        }
    } else {
        const int every = top.integer("index_topk_freq", 1, 1);
        const int offset = top.integer("index_skip_topk_offset", 0, 2);
        for (int i = 0; i < layers; ++i) {
            options.ownsIndexer[i] = std::max(i - offset + 1, 0) % every == 0;
        }
    }
}

/// Where it stands it can only say what every layer of these models is, in the old or the new word.
void readLayerTypes(HfReader &top, const ModelOptions &options)
{
    if (top.has("layer_types")) {
        top.layerWords("layer_types", options.nLayers, "indexed_attention", "deepseek_sparse_attention");
    }
}

/// Published classes have ReLU written into their code: the key would not reach them.
void readActivation(HfReader &top, bool own, ModelOptions &options)
{
    const std::string published = wordOf(IndexActivation::Relu);
    if (!own) {
        top.only(kActivationKey, published);
        return;
    }
    const std::string word = top.text(kActivationKey, published);
    if (!fromWord(word, options.indexActivation)) {
        top.fail("unknown activation", kActivationKey, word, listed(wordsOf<IndexActivation>()));
    }
}

void readSelection(HfReader &top, ModelOptions &options)
{
    if (options.modelType == "deepseek_v3" || options.modelType == "glm4_moe") {
        return;
    }
    options.selector = top.text("selector", "lightning");
    std::vector<std::string> known;
    const SelectorKind *kind = nullptr;
    for (const SelectorKind &candidate : selectorKinds()) {
        if (!candidate.trainable) {
            continue;
        }
        known.push_back(candidate.name);
        kind = candidate.name == options.selector ? &candidate : kind;
    }
    if (!kind) {
        top.fail("unknown selection", "selector", options.selector, listed(known));
        return;
    }
    options.topK = top.integer("index_topk", 1);
    if (kind->needsIndexer) {
        options.indexHeads = top.integer("index_n_heads", 1);
        options.indexHeadDim = top.integer("index_head_dim", 2);
        readShare(top, options);
        const bool own = options.modelType.starts_with("sparsescope_");
        const bool interleaved = own ? top.flag("indexer_rope_interleave") : options.modelType == "glm_moe_dsa";
        if (!own) {
            // transformers ignores the key: a file that says otherwise would be another model there than it says.
            top.only("indexer_rope_interleave", interleaved);
            readLayerTypes(top, options);
        }
        options.indexRope = interleaved ? RopeStyle::Interleaved : RopeStyle::HalfSplit;
        readActivation(top, own, options);
    }
    if (top.has("selector_seed")) {
        options.seed = static_cast<std::uint64_t>(top.integer("selector_seed", 0));
    }
}

void readAttention(HfReader &top, ModelOptions &options)
{
    options.nHeads = top.integer("num_attention_heads", 1);
    options.nKvHeads = top.integer("num_key_value_heads", 1);
    options.attentionBias = top.flag("attention_bias", false);
    if (options.attention == AttentionKind::Mha) {
        options.headDim = top.integer("head_dim", 1);
        options.qkNorm = top.flag("use_qk_norm", false);
        options.rope = RopeStyle::HalfSplit;
        return;
    }
    if (options.nKvHeads != options.nHeads) {
        top.fail("wrong value", "num_key_value_heads", std::to_string(options.nKvHeads),
                 fmt::format("num_attention_heads {}", options.nHeads));
    }
    options.kvLoraRank = top.integer("kv_lora_rank", 1);
    options.qkNopeHeadDim = top.integer("qk_nope_head_dim", 1);
    options.qkRopeHeadDim = top.integer("qk_rope_head_dim", 2);
    options.vHeadDim = top.integer("v_head_dim", 1);
    const bool mayLack = options.modelType == "deepseek_v3" || options.modelType == "sparsescope_mla_dsa";
    if (!mayLack && top.node().contains("q_lora_rank") && top.node().at("q_lora_rank").is_null()) {
        top.fail("wrong value", "q_lora_rank", "null",
                 "a whole number: " + options.modelType + " has no form without a query latent",
                 "Only deepseek_v3 and sparsescope_mla_dsa have one.");
    } else if (top.has("q_lora_rank") || !mayLack || !top.node().contains("q_lora_rank")) {
        options.qLoraRank = top.integer("q_lora_rank", 1);
    }
    const bool mayChoose = options.modelType == "deepseek_v3";
    const bool interleaved = !mayChoose || top.flag("rope_interleave", true);
    if (!mayChoose) {
        top.only("rope_interleave", true);
    }
    options.rope = interleaved ? RopeStyle::Interleaved : RopeStyle::HalfSplit;
}

} // namespace

bool ropeScalingStands(const nlohmann::json &config)
{
    const auto scaling = config.find("rope_scaling");
    return scaling != config.end() && !scaling->is_null() && !(scaling->is_structured() && scaling->empty());
}

ModelOptions modelOptionsFromHf(const nlohmann::json &config, const std::string &origin)
{
    static const std::vector<std::string> kTypes = {"deepseek_v3", "deepseek_v32",        "glm_moe_dsa",
                                                    "glm4_moe",    "sparsescope_mha_dsa", "sparsescope_mla_dsa"};
    std::vector<Error> errors;
    if (!config.is_object()) {
        throw ConfigFailure({{"wrong value", origin, brief(config), "an object", ""}});
    }
    HfReader top(config, origin, "", errors);
    ModelOptions options;
    options.modelType = top.text("model_type");
    if (std::find(kTypes.begin(), kTypes.end(), options.modelType) == kTypes.end()) {
        if (errors.empty()) {
            const std::string nearest = nearestName(options.modelType, kTypes);
            top.fail("unknown model type", "model_type", options.modelType, listed(kTypes),
                     nearest.empty() ? "" : "Did you mean " + nearest + "?");
        }
        throw ConfigFailure(std::move(errors));
    }
    const bool mha = options.modelType == "glm4_moe" || options.modelType == "sparsescope_mha_dsa";
    options.attention = mha ? AttentionKind::Mha : AttentionKind::Mla;
    options.vocabulary = top.integer("vocab_size", 1);
    options.dModel = top.integer("hidden_size", 1);
    options.nLayers = std::min(top.integer("num_hidden_layers", 1), 1 << 16);
    options.maxPositions = top.integer("max_position_embeddings", 1);
    options.normEps = top.number("rms_norm_eps", 0.0);
    options.tieEmbeddings = top.flag("tie_word_embeddings", false);
    top.only("hidden_act", "silu");
    readAttention(top, options);
    readRope(top, options);
    readExperts(top, options);
    readSelection(top, options);
    if (top.has("quantization_config")) {
        const nlohmann::json &quantised = config.at("quantization_config");
        if (!quantised.is_object()) {
            top.fail("wrong value", "quantization_config", brief(quantised), "an object");
        } else {
            HfReader reader(quantised, origin, "quantization_config.", errors);
            reader.only("quant_method", "fp8");
            reader.only("fmt", "e4m3");
            reader.only("weight_block_size", nlohmann::json::array({128, 128}));
        }
    }
    if (!errors.empty()) {
        throw ConfigFailure(std::move(errors));
    }
    checkOptions(options, origin);
    return options;
}

} // namespace sparsescope
