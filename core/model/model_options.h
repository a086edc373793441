#pragma once

#include "core/base/config.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sparsescope {

struct MoeOptions {
    int nExperts = 0; ///< 0: dense feed-forward everywhere
    int expertsPerToken = 2;
    int dExpert = 0;
    int nShared = 1;
    int nGroups = 1;
    int topGroups = 1;
    double scale = 1.0;        ///< routed_scaling_factor
    bool normaliseTopK = true; ///< norm_topk_prob
    int firstDense = 0;        ///< layers below are dense
};

/// Everything that shapes a model, whether it comes from a run or from a published config.json.
struct ModelOptions {
    std::string
        modelType; ///< deepseek_v3, deepseek_v32, glm_moe_dsa, glm4_moe, sparsescope_mha_dsa, sparsescope_mla_dsa
    int vocabulary = 257;
    int dModel = 256, nLayers = 4, nHeads = 8;
    AttentionKind attention = AttentionKind::Mha;
    // MHA / GQA
    int nKvHeads = 8, headDim = 32, rotaryDim = 32;
    std::optional<double> rotaryShare; ///< partial_rotary_factor as it was read: several come to one rotaryDim
    bool qkNorm = false, attentionBias = false;
    // MLA
    int kvLoraRank = 64;
    std::optional<int> qLoraRank;
    int qkNopeHeadDim = 32, qkRopeHeadDim = 16, vHeadDim = 32;
    RopeStyle rope = RopeStyle::HalfSplit; ///< of the main attention: half-split for MHA, interleaved for MLA
    // Selection
    std::string selector = "none";
    std::int64_t topK = 0;
    int indexHeads = 0, indexHeadDim = 0;
    RopeStyle indexRope = RopeStyle::HalfSplit;
    IndexActivation indexActivation = IndexActivation::Relu;
    std::vector<bool>
        ownsIndexer; ///< a layer each; false: reuses the nearest earlier selection (IndexShare). Empty without an indexer
    /// A fault that no configuration asks for: the indexer's inputs keep their gradient. Soundness tests plant it.
    bool plantedAttachedIndexer = false;
    // Feed-forward
    int dFf = 512;
    MoeOptions moe;
    // Positions and norms
    double ropeTheta = 10000.0;
    std::optional<YarnConfig> yarn;
    double normEps = 1e-6;
    bool tieEmbeddings = false;
    int maxPositions = 4096;
    std::uint64_t seed = 0; ///< of initialisation and of random selectors

    int qkHeadDim() const { return attention == AttentionKind::Mla ? qkNopeHeadDim + qkRopeHeadDim : headDim; }
    int rotaryDims() const { return attention == AttentionKind::Mla ? qkRopeHeadDim : rotaryDim; }
    /// What is to be written so that readers, who round down, come to rotaryDim; the share that was read where it does.
    double writtenRotaryShare() const;
    /// Softmax scale, YaRN's m^2 included (SPEC section 4).
    double attentionScale() const;
};

ModelOptions modelOptions(const RunConfig &config, int vocabulary);

/// Throws ConfigFailure with everything a model of these sizes cannot be: heads that do not divide, odd rotary dimensions,
/// more experts a token than there are, a shared selection before the first own one. Fields are named as in config.json.
void checkOptions(const ModelOptions &options, const std::string &origin = "model");

/// config.json of the checkpoint formats (CHECKPOINTS.md), both spellings read, the new one written.
/// Throws ConfigFailure with every error; stricter than transformers (unknown model_type, missing keys, impossible sizes).
ModelOptions modelOptionsFromHf(const nlohmann::json &config, const std::string &origin);
/// Does config.json have a rope_scaling that says anything? It then stands in place of rope_parameters.
bool ropeScalingStands(const nlohmann::json &config);
nlohmann::ordered_json toHfConfig(const ModelOptions &options);

} // namespace sparsescope
