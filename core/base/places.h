#pragma once

#include "core/base/error.h"

#include <filesystem>
#include <optional>
#include <string>

/// Of places that a user named: what is wrong with them, in the same words everywhere.
namespace sparsescope {

/// Nothing where `place` is a folder. `wanted`: "the folder of an experiment".
std::optional<Error> notAFolder(const std::filesystem::path &place, const std::string &wanted);

/// Nothing where files and folders can be made in this folder. Permissions do not tell of file systems that refuse new
/// entries, as /proc does: it is tried.
std::optional<Error> takesNoFiles(const std::filesystem::path &folder, const std::string &option);

/// The text with paths in this folder as seen from it: what is written beside results is read in other places.
std::string seenFrom(const std::filesystem::path &folder, const std::string &text);

} // namespace sparsescope
