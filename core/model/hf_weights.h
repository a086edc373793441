#pragma once

#include "core/model/transformer.h"

#include <filesystem>
#include <memory>

namespace sparsescope {

/// Opens a checkpoint folder (config.json, model.safetensors or shards with an index; fp8 blocks are dequantised).
/// Stricter than transformers: a missing, unexpected or misshaped tensor is an error that names file and tensor.
/// `type`: what the weights become in memory (gate.weight and e_score_correction_bias stay fp32 unless fp64 is asked for).
std::shared_ptr<Transformer> loadCheckpoint(const std::filesystem::path &folder, at::ScalarType type);

/// Writes config.json and model.safetensors with the published names; extra keys of `more` are added to config.json.
void saveCheckpoint(const Transformer &model, const std::filesystem::path &folder,
                    const nlohmann::ordered_json &more = {});

/// Copies the weights of a checkpoint file into an existing model of the same options.
void loadWeights(Transformer &model, const std::filesystem::path &folder);

} // namespace sparsescope
