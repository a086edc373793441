#pragma once

#include "core/model/model_options.h"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

/// What does not keep a checkpoint from being read, and ought to be known to who reads it: a sentence each.
namespace sparsescope {

/// What stands in the folder and is not read: an index beside model.safetensors, shards that the index does not name,
/// rope_parameters that say something else than the rope_scaling beside them.
std::vector<std::string> unreadParts(const std::filesystem::path &folder);

/// Of a checkpoint in the folder of its run: that its checks found rows with a tie at the k-th score, where what is selected
/// is a matter of the program.
std::vector<std::string> tieNotices(const std::filesystem::path &checkpoint);

/// More tokens than config.json has positions for. Empty where they fit.
std::vector<std::string> positionNotices(const std::filesystem::path &folder, const ModelOptions &options,
                                         std::int64_t tokens);

} // namespace sparsescope
