// Longer than 400 lines: reader and writer of one file format, field by field, kept side by side.
#include "core/base/json_reader.h"
#include "core/base/nearest_name.h"
#include "core/model/model_options.h"
#include "core/model/selector.h"
#include "core/model/yarn.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace sparsescope {

namespace {

constexpr int kLargestSize = 1 << 26;

/// Typed reading of one object of config.json; every error goes to one list, named by its path.
class HfReader {
public:
    HfReader(const nlohmann::json &node, std::string origin, std::string path, std::vector<Error> &errors)
        : m_node(node), m_origin(std::move(origin)), m_path(std::move(path)), m_errors(errors)
    {
    }

    bool has(const std::string &key) const { return m_node.contains(key) && !m_node.at(key).is_null(); }
    std::string where(const std::string &key) const { return m_origin + ": " + m_path + key; }
    void fail(const std::string &what, const std::string &key, const std::string &found, const std::string &allowed,
              const std::string &remedy = {})
    {
        m_errors.push_back({what, where(key), found, allowed, remedy});
    }

    int integer(const std::string &key, int low, std::optional<int> otherwise = std::nullopt)
    {
        if (!present(key, otherwise.has_value())) {
            return otherwise.value_or(low);
        }
        const nlohmann::json &value = m_node.at(key);
        if (!value.is_number_integer() || value.get<double>() < low || value.get<double>() > kLargestSize) {
            fail("wrong value", key, brief(value), fmt::format("a whole number, {} to {}", low, kLargestSize));
            return low;
        }
        return value.get<int>();
    }

    double number(const std::string &key, double low, std::optional<double> otherwise = std::nullopt)
    {
        if (!present(key, otherwise.has_value())) {
            return otherwise.value_or(low);
        }
        const nlohmann::json &value = m_node.at(key);
        if (!value.is_number() || !std::isfinite(value.get<double>()) || value.get<double>() < low) {
            fail("wrong value", key, brief(value), fmt::format("a number, at least {}", low));
            return low;
        }
        return value.get<double>();
    }

    bool flag(const std::string &key, std::optional<bool> otherwise = std::nullopt)
    {
        if (!present(key, otherwise.has_value())) {
            return otherwise.value_or(false);
        }
        const nlohmann::json &value = m_node.at(key);
        if (!value.is_boolean()) {
            fail("wrong value", key, brief(value), "true or false");
            return false;
        }
        return value.get<bool>();
    }

    std::string text(const std::string &key, std::optional<std::string> otherwise = std::nullopt)
    {
        if (!present(key, otherwise.has_value())) {
            return otherwise.value_or("");
        }
        const nlohmann::json &value = m_node.at(key);
        if (!value.is_string()) {
            fail("wrong value", key, brief(value), "text");
            return "";
        }
        return value.get<std::string>();
    }

    /// A key that may be absent but, where it stands, can only have this value.
    void only(const std::string &key, const nlohmann::json &allowed)
    {
        if (has(key) && m_node.at(key) != allowed) {
            fail("not supported", key, brief(m_node.at(key)), brief(allowed));
        }
    }

    /// A list of as many words as there are layers, all out of two.
    std::vector<std::string> layerWords(const std::string &key, int layers, const std::string &one, const std::string &other)
    {
        const nlohmann::json &list = m_node.at(key);
        std::vector<std::string> words;
        if (!list.is_array() || static_cast<int>(list.size()) != layers) {
            fail("wrong value", key, brief(list), fmt::format("a list of {} entries, one a layer", layers));
            return words;
        }
        for (std::size_t i = 0; i < list.size(); ++i) {
            if (list[i] != one && list[i] != other) {
                fail("wrong value", fmt::format("{}[{}]", key, i), brief(list[i]), one + " or " + other);
                return {};
            }
            words.push_back(list[i].get<std::string>());
        }
        return words;
    }

    const nlohmann::json &node() const { return m_node; }
    std::vector<Error> &errors() { return m_errors; }
    const std::string &origin() const { return m_origin; }

private:
    bool present(const std::string &key, bool optional)
    {
        if (has(key)) {
            return true;
        }
        if (!optional) {
            m_errors.push_back({"missing key", where(key), m_node.contains(key) ? "null" : "nothing", "a value",
                                "A missing key would silently take the size of another model"});
        }
        return false;
    }

    const nlohmann::json &m_node;
    std::string m_origin, m_path;
    std::vector<Error> &m_errors;
};

const nlohmann::json &emptyObject()
{
    static const nlohmann::json empty = nlohmann::json::object();
    return empty;
}

/// `rope_parameters`, or the old spelling: top-level rope_theta, rope_scaling, partial_rotary_factor.
void readRope(HfReader &top, ModelOptions &options)
{
    const bool renewed = top.has("rope_parameters");
    const std::string key = renewed ? "rope_parameters" : "rope_scaling";
    const bool given = top.has(key);
    if (given && !top.node().at(key).is_object()) {
        top.fail("wrong value", key, brief(top.node().at(key)), "an object");
        return;
    }
    HfReader rope(given ? top.node().at(key) : emptyObject(), top.origin(), key + ".", top.errors());
    HfReader &base = renewed ? rope : top;
    options.ropeTheta = base.number("rope_theta", 1.0);
    if (options.attention == AttentionKind::Mha) {
        const double share = base.number("partial_rotary_factor", 0.0, 0.5);
        options.rotaryDim = static_cast<int>(options.headDim * share);
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
        const double own = yarnAttentionFactor(yarn);
        const double asked = rope.number("attention_factor", 0.0, own);
        if (std::abs(asked - own) > 1e-9 * own) {
            rope.fail("not supported", "attention_factor", fmt::format("{}", asked),
                      fmt::format("{}, which follows from factor, mscale and mscale_all_dim", own));
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
            top.fail("not supported", "mlp_layer_types", "a dense layer after a sparse one", "dense layers first, then sparse ones");
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
            top.fail("wrong value", "index_topk_pattern", pattern, fmt::format("{} letters F or S, one a layer", layers));
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

void readSelection(HfReader &top, ModelOptions &options)
{
    if (options.modelType == "deepseek_v3" || options.modelType == "glm4_moe") {
        return;
    }
    options.selector = top.text("selector", "lightning");
    std::vector<std::string> known;
    const SelectorKind *kind = nullptr;
    for (const SelectorKind &candidate : selectorKinds()) {
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
        options.indexRope = interleaved ? RopeStyle::Interleaved : RopeStyle::HalfSplit;
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
    if (top.has("q_lora_rank") || !mayLack || !top.node().contains("q_lora_rank")) {
        options.qLoraRank = top.integer("q_lora_rank", 1);
    }
    const bool interleaved = options.modelType != "deepseek_v3" || top.flag("rope_interleave", true);
    options.rope = interleaved ? RopeStyle::Interleaved : RopeStyle::HalfSplit;
}

} // namespace

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
            reader.only("weight_block_size", nlohmann::json::array({128, 128}));
        }
    }
    if (!errors.empty()) {
        throw ConfigFailure(std::move(errors));
    }
    checkOptions(options, origin);
    return options;
}

nlohmann::ordered_json toHfConfig(const ModelOptions &options)
{
    static const std::vector<std::pair<std::string, std::string>> kClasses = {{"deepseek_v3", "DeepseekV3ForCausalLM"},
                                                                              {"deepseek_v32", "DeepseekV32ForCausalLM"},
                                                                              {"glm_moe_dsa", "GlmMoeDsaForCausalLM"},
                                                                              {"glm4_moe", "Glm4MoeForCausalLM"}};
    const bool mla = options.attention == AttentionKind::Mla;
    const bool own = options.modelType.starts_with("sparsescope_");
    nlohmann::ordered_json config;
    config["model_type"] = options.modelType;
    for (const auto &[type, name] : kClasses) {
        if (type == options.modelType) {
            config["architectures"] = {name};
        }
    }
    config["vocab_size"] = options.vocabulary;
    config["hidden_size"] = options.dModel;
    config["num_hidden_layers"] = options.nLayers;
    config["num_attention_heads"] = options.nHeads;
    config["num_key_value_heads"] = mla ? options.nHeads : options.nKvHeads;
    config["max_position_embeddings"] = options.maxPositions;
    config["attention_bias"] = options.attentionBias;
    config["attention_dropout"] = 0.0;
    if (mla) {
        config["q_lora_rank"] = options.qLoraRank ? nlohmann::ordered_json(*options.qLoraRank) : nlohmann::ordered_json();
        config["kv_lora_rank"] = options.kvLoraRank;
        config["qk_nope_head_dim"] = options.qkNopeHeadDim;
        config["qk_rope_head_dim"] = options.qkRopeHeadDim;
        config["v_head_dim"] = options.vHeadDim;
        if (options.modelType == "deepseek_v3") {
            config["rope_interleave"] = options.rope == RopeStyle::Interleaved;
        }
    } else {
        config["head_dim"] = options.headDim;
        config["use_qk_norm"] = options.qkNorm;
    }
    if (options.selector != "none") {
        config["index_topk"] = options.topK;
        if (options.indexHeads > 0) {
            config["index_n_heads"] = options.indexHeads;
            config["index_head_dim"] = options.indexHeadDim;
            if (options.modelType != "deepseek_v32") {
                for (const bool owns : options.ownsIndexer) {
                    config["indexer_types"].push_back(owns ? "full" : "shared");
                }
                config["indexer_rope_interleave"] = options.indexRope == RopeStyle::Interleaved;
            }
        }
        if (options.selector != "lightning" || own) {
            config["selector"] = options.selector;
        }
        if (options.selector == "random") {
            config["selector_seed"] = options.seed;
        }
    }
    // Without experts every layer is dense; the numbers of a single expert keep readers content that insist on them.
    const MoeOptions &moe = options.moe;
    const bool experts = moe.nExperts > 0;
    config["intermediate_size"] = options.dFf;
    config["moe_intermediate_size"] = experts ? moe.dExpert : options.dFf;
    config["n_routed_experts"] = experts ? moe.nExperts : 1;
    config["n_shared_experts"] = experts ? moe.nShared : 1;
    config["num_experts_per_tok"] = experts ? moe.expertsPerToken : 1;
    config["n_group"] = experts ? moe.nGroups : 1;
    config["topk_group"] = experts ? moe.topGroups : 1;
    config["routed_scaling_factor"] = moe.scale;
    config["norm_topk_prob"] = moe.normaliseTopK;
    config["first_k_dense_replace"] = experts ? std::min(moe.firstDense, options.nLayers) : options.nLayers;
    config["hidden_act"] = "silu";
    config["rms_norm_eps"] = options.normEps;
    config["tie_word_embeddings"] = options.tieEmbeddings;
    nlohmann::ordered_json rope;
    rope["rope_type"] = options.yarn ? "yarn" : "default";
    rope["rope_theta"] = options.ropeTheta;
    if (!mla) {
        const double share = static_cast<double>(options.rotaryDim) / options.headDim;
        // Readers round down: where the quotient itself would lose a dimension, half a one more does not gain one.
        const bool exact = static_cast<int>(options.headDim * share) == options.rotaryDim;
        rope["partial_rotary_factor"] = exact ? share : (options.rotaryDim + 0.5) / options.headDim;
    }
    if (options.yarn) {
        const YarnConfig &yarn = *options.yarn;
        rope["factor"] = yarn.factor;
        rope["original_max_position_embeddings"] = yarn.originalMaxPositionEmbeddings;
        rope["beta_fast"] = yarn.betaFast;
        rope["beta_slow"] = yarn.betaSlow;
        rope["mscale"] = yarn.mscale;
        rope["mscale_all_dim"] = yarn.mscaleAllDim;
    }
    config["rope_parameters"] = rope;
    config["bos_token_id"] = nullptr;
    config["eos_token_id"] = nullptr;
    config["pad_token_id"] = nullptr;
    config["use_cache"] = true;
    return config;
}

} // namespace sparsescope
