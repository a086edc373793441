#include "core/base/config_words.h"
#include "core/model/hf_reader.h"
#include "core/model/model_options.h"
#include "core/model/yarn.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

/// config.json as the readers of others expect it; hf_config.cpp reads it back.
namespace sparsescope {

namespace {

using nlohmann::ordered_json;

void writeAttention(const ModelOptions &options, ordered_json &config)
{
    if (options.attention == AttentionKind::Mla) {
        config["q_lora_rank"] = options.qLoraRank ? ordered_json(*options.qLoraRank) : ordered_json();
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
}

void writeSelection(const ModelOptions &options, ordered_json &config)
{
    if (options.selector == "none") {
        return;
    }
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
        if (options.indexActivation != IndexActivation::Relu) {
            config[kActivationKey] = wordOf(options.indexActivation);
        }
    }
    if (options.selector != "lightning" || options.modelType.starts_with("sparsescope_")) {
        config["selector"] = options.selector;
    }
    if (options.selector == "random") {
        config["selector_seed"] = options.seed;
    }
}

void writeExperts(const ModelOptions &options, ordered_json &config)
{
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
}

ordered_json ropeOf(const ModelOptions &options)
{
    ordered_json rope;
    rope["rope_type"] = options.yarn ? "yarn" : "default";
    rope["rope_theta"] = options.ropeTheta;
    if (options.attention != AttentionKind::Mla) {
        rope["partial_rotary_factor"] = options.writtenRotaryShare();
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
    return rope;
}

} // namespace

nlohmann::ordered_json toHfConfig(const ModelOptions &options)
{
    static const std::vector<std::pair<std::string, std::string>> kClasses = {
        {"deepseek_v3", "DeepseekV3ForCausalLM"},
        {"deepseek_v32", "DeepseekV32ForCausalLM"},
        {"glm_moe_dsa", "GlmMoeDsaForCausalLM"},
        {"glm4_moe", "Glm4MoeForCausalLM"}};
    const bool mla = options.attention == AttentionKind::Mla;
    ordered_json config;
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
    writeAttention(options, config);
    writeSelection(options, config);
    writeExperts(options, config);
    config["hidden_act"] = "silu";
    config["rms_norm_eps"] = options.normEps;
    config["tie_word_embeddings"] = options.tieEmbeddings;
    config["rope_parameters"] = ropeOf(options);
    config["bos_token_id"] = nullptr;
    config["eos_token_id"] = nullptr;
    config["pad_token_id"] = nullptr;
    config["use_cache"] = true;
    return config;
}

} // namespace sparsescope
