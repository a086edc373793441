#pragma once

#include "core/model/model_options.h"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

/// What does not keep a checkpoint from being read, and ought to be known to who reads it: a sentence each.
namespace sparsescope {

/// Weights in the folder that are not among those read: an index beside model.safetensors, shards that the index does not name.
std::vector<std::string> unreadWeights(const std::filesystem::path &folder);

/// More tokens than config.json has positions for. Empty where they fit.
std::vector<std::string> positionNotices(const std::filesystem::path &folder, const ModelOptions &options,
                                         std::int64_t tokens);

} // namespace sparsescope
