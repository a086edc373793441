#pragma once

#include <nlohmann/json.hpp>

#include <filesystem>
#include <string>

namespace sparsescope {

/// JSON that a program wrote: where it cannot be parsed it is damaged, and no text editor mends that. Throws Failure with this
/// remedy where it is damaged or missing.
nlohmann::ordered_json readStoredJson(const std::filesystem::path &file, const std::string &remedy);

} // namespace sparsescope
