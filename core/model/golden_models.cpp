#include "core/model/golden_models.h"

#include "core/model/selector.h"

namespace sparsescope {

namespace {

ModelOptions smallModel()
{
    ModelOptions options;
    options.vocabulary = 96;
    options.dModel = 32;
    options.nLayers = 2;
    options.nHeads = 4;
    options.dFf = 48;
    options.moe = {4, 2, 16, 1, 1, 1, 1.5, true, 1};
    options.maxPositions = 64;
    return options;
}

ModelOptions classic()
{
    ModelOptions options = smallModel();
    options.modelType = "glm4_moe";
    options.attention = AttentionKind::Mha;
    options.rope = RopeStyle::HalfSplit;
    options.nKvHeads = 2;
    options.headDim = 16;
    options.rotaryDim = 8;
    return options;
}

ModelOptions latent()
{
    ModelOptions options = smallModel();
    options.modelType = "deepseek_v3";
    options.attention = AttentionKind::Mla;
    options.rope = RopeStyle::Interleaved;
    options.nKvHeads = options.nHeads;
    options.kvLoraRank = 16;
    options.qLoraRank = 24;
    options.qkNopeHeadDim = 16;
    options.qkRopeHeadDim = 8;
    options.vHeadDim = 12;
    return options;
}

/// Eight indexer heads: with fewer, rows whose k-th score stands on the plateau of zeros are common.
ModelOptions selecting(ModelOptions options, const std::string &modelType, const std::string &selector)
{
    options.modelType = modelType;
    options.selector = selector;
    options.topK = 8;
    if (selectorKind(selector).needsIndexer) {
        options.indexHeads = 8;
        options.indexHeadDim = 24;
        options.indexRope = modelType == "glm_moe_dsa" ? RopeStyle::Interleaved : RopeStyle::HalfSplit;
        options.ownsIndexer.assign(options.nLayers, true);
    }
    return options;
}

} // namespace

std::vector<GoldenKind> goldenKinds()
{
    ModelOptions biased = classic();
    biased.attentionBias = true;
    ModelOptions normed = classic();
    normed.qkNorm = true;
    std::vector<GoldenKind> kinds = {
        {"mha-dense", "grouped heads 4:2, half of each head rotated, biases on q, k and v", biased},
        {"mha-dense-qk-norm", "RMSNorm on the heads of q and k", normed},
        {"mla-dense", "latent attention, mixture of experts", latent()},
    };
    kinds.push_back({"mha-lightning", "indexer on plain attention: its queries read the normed hidden state",
                     selecting(classic(), "sparsescope_mha_dsa", "lightning")});
    kinds.push_back({"mla-lightning", "indexer on latent attention, half-split rotation of the indexer",
                     selecting(latent(), "deepseek_v32", "lightning")});
    ModelOptions stretched = selecting(latent(), "deepseek_v32", "lightning");
    stretched.yarn = YarnConfig{4.0, 16, 32.0, 1.0, 1.0, 1.0};
    stretched.moe = {8, 2, 16, 1, 2, 1, 2.5, true, 1};
    kinds.push_back(
        {"mla-lightning-yarn", "YaRN in both rotations and in the softmax scale, experts in two groups", stretched});
    ModelOptions interleaved = selecting(latent(), "glm_moe_dsa", "lightning");
    interleaved.normEps = 1e-5;
    kinds.push_back(
        {"mla-lightning-interleaved", "interleaved rotation of the indexer, eps 1e-5 in the block norms", interleaved});
    ModelOptions shared = selecting(latent(), "glm_moe_dsa", "lightning");
    shared.nLayers = 3;
    shared.ownsIndexer = {true, false, true};
    shared.topK = 12;
    kinds.push_back({"mla-lightning-shared", "layer 1 uses the selection of layer 0", shared});
    ModelOptions direct = selecting(latent(), "sparsescope_mla_dsa", "lightning");
    direct.qLoraRank.reset();
    kinds.push_back(
        {"mla-lightning-no-query-latent", "queries straight from the hidden state, those of the indexer too", direct});
    ModelOptions tied = selecting(latent(), "deepseek_v32", "lightning");
    tied.tieEmbeddings = true;
    tied.attentionBias = true;
    tied.topK = 64;
    kinds.push_back({"mla-lightning-all", "k above the length: equal to dense; tied head, biases", tied});
    for (const SelectorKind &kind : selectorKinds()) {
        if (kind.trainable && kind.causal && kind.name != "lightning") {
            kinds.push_back({"mha-" + kind.name, "keys chosen by \"" + kind.name + "\"",
                             selecting(classic(), "sparsescope_mha_dsa", kind.name)});
        }
    }
    return kinds;
}

} // namespace sparsescope
