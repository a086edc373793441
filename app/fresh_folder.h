#pragma once

#include <filesystem>
#include <string>

namespace sparsescope {

/// A folder that is not there yet: NAME, NAME-2, ...
std::filesystem::path freshFolder(const std::filesystem::path &parent, const std::string &name);

} // namespace sparsescope
