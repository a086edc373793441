#pragma once

#include "core/model/transformer.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

#include <cstdint>
#include <string>
#include <vector>

/// Small models of every family and seeded numbers, for the tests of core/model.
namespace sparsescope::testing {

inline at::Tensor randomNumbers(std::vector<std::int64_t> shape, std::uint64_t seed, at::ScalarType type = at::kDouble)
{
    at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(seed);
    return at::empty(shape, at::TensorOptions().dtype(type)).normal_(0.0, 1.0, generator);
}

inline at::Tensor randomTokens(std::int64_t batch, std::int64_t tokens, int vocabulary, std::uint64_t seed)
{
    at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(seed);
    return at::empty({batch, tokens}, at::TensorOptions().dtype(at::kLong)).random_(0, vocabulary, generator);
}

inline const std::vector<std::string> &families()
{
    static const std::vector<std::string> names = {"classic", "sparse", "mhla", "mhla_sparse"};
    return names;
}

/// Width 32, 2 layers, 4 heads, 2 of 4 experts from layer 1 on.
inline ModelOptions smallOptions(const std::string &family, std::int64_t topK = 6)
{
    ModelOptions options;
    options.vocabulary = 61;
    options.dModel = 32;
    options.nLayers = 2;
    options.nHeads = 4;
    options.nKvHeads = 4;
    options.headDim = 8;
    options.rotaryDim = 8;
    options.kvLoraRank = 16;
    options.qLoraRank = 24;
    options.qkNopeHeadDim = 8;
    options.qkRopeHeadDim = 8;
    options.vHeadDim = 8;
    options.dFf = 48;
    options.moe = {4, 2, 24, 1, 1, 1, 1.0, true, 1};
    const bool latent = family.starts_with("mhla");
    options.attention = latent ? AttentionKind::Mla : AttentionKind::Mha;
    options.rope = latent ? RopeStyle::Interleaved : RopeStyle::HalfSplit;
    options.modelType = latent ? "deepseek_v3" : "glm4_moe";
    if (family == "sparse" || family == "mhla_sparse") {
        options.modelType = latent ? "deepseek_v32" : "sparsescope_mha_dsa";
        options.selector = "lightning";
        options.topK = topK;
        options.indexHeads = 4;
        options.indexHeadDim = 16;
        options.ownsIndexer = {true, true};
    }
    options.seed = 7;
    return options;
}

} // namespace sparsescope::testing
