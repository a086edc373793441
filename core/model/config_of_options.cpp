#include "core/model/config_of_options.h"

#include "core/base/config_words.h"

#include <algorithm>
#include <cctype>

namespace sparsescope {

namespace {

using nlohmann::ordered_json;

std::string experimentName(const std::string &text)
{
    std::string name;
    for (const unsigned char c : text.substr(0, 64)) {
        name += std::isalnum(c) ? static_cast<char>(std::tolower(c)) : '-';
    }
    return name.empty() ? "checkpoint" : name;
}

const char *familyOf(const ModelOptions &options)
{
    const bool sparse = options.selector != "none";
    if (options.attention == AttentionKind::Mla) {
        return sparse ? "mhla_sparse" : "mhla";
    }
    return sparse ? "sparse" : "classic";
}

ordered_json expertsOf(const ModelOptions &options)
{
    const MoeOptions &moe = options.moe;
    if (moe.nExperts == 0) {
        return {{"n_experts", 0}};
    }
    return {{"n_experts", moe.nExperts}, {"experts_per_token", moe.expertsPerToken},
            {"d_expert", moe.dExpert},   {"n_shared", moe.nShared},
            {"n_groups", moe.nGroups},   {"top_groups", moe.topGroups},
            {"scale", moe.scale},        {"first_dense", moe.firstDense}};
}

void addAttention(const ModelOptions &options, ordered_json &model)
{
    if (options.attention == AttentionKind::Mla) {
        model["mla"] = {{"kv_lora_rank", options.kvLoraRank},
                        {"q_lora_rank", options.qLoraRank ? ordered_json(*options.qLoraRank) : ordered_json()},
                        {"qk_nope_head_dim", options.qkNopeHeadDim},
                        {"qk_rope_head_dim", options.qkRopeHeadDim},
                        {"v_head_dim", options.vHeadDim}};
        return;
    }
    model["n_kv_heads"] = options.nKvHeads;
    model["head_dim"] = options.headDim;
    model["rotary_fraction"] = options.writtenRotaryShare();
    model["qk_norm"] = options.qkNorm;
}

void addSelection(const ModelOptions &options, ordered_json &model)
{
    if (options.selector == "none") {
        return;
    }
    model["selection"] = {{"kind", options.selector}, {"top_k", options.topK}};
    if (options.indexHeads == 0) {
        return;
    }
    const bool interleaved = options.indexRope == RopeStyle::Interleaved;
    model["indexer"] = {{"n_heads", options.indexHeads},
                        {"head_dim", options.indexHeadDim},
                        {"rope", interleaved ? "interleaved" : "half-split"},
                        {"activation", wordOf(options.indexActivation)}};
    std::string pattern;
    for (const bool owns : options.ownsIndexer) {
        pattern += owns ? 'F' : 'S';
    }
    if (pattern.find('S') != std::string::npos) {
        model["share_pattern"] = pattern;
    }
}

} // namespace

RunConfig configOfOptions(const ModelOptions &options, int tokens, const std::string &name)
{
    ordered_json model = {
        {"family", familyOf(options)},     {"d_model", options.dModel},   {"n_layers", options.nLayers},
        {"n_heads", options.nHeads},       {"d_ff", options.dFf},         {"moe", expertsOf(options)},
        {"rope_theta", options.ropeTheta}, {"norm_eps", options.normEps}, {"tie_embeddings", options.tieEmbeddings}};
    if (options.yarn) {
        const YarnConfig &yarn = *options.yarn;
        model["yarn"] = {
            {"factor", yarn.factor},      {"original_max_position_embeddings", yarn.originalMaxPositionEmbeddings},
            {"beta_fast", yarn.betaFast}, {"beta_slow", yarn.betaSlow},
            {"mscale", yarn.mscale},      {"mscale_all_dim", yarn.mscaleAllDim}};
    }
    addAttention(options, model);
    addSelection(options, model);
    const ordered_json document = {{"schema", 1},
                                   {"name", experimentName(name)},
                                   {"question", "What does the checkpoint " + name + " look at?"},
                                   {"model", std::move(model)},
                                   {"training", {{"sequence_length", std::max(tokens, 2)}, {"steps", 1}}}};
    return expand(parseExperiment(document, name)).front();
}

} // namespace sparsescope
