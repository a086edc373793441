#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace sparsescope {

/// Swept values other than family, length and seed: ("recipe", "joint").
using SweptAxes = std::vector<std::pair<std::string, std::string>>;

/// The values of each of these axes, in the order of the sweep in the experiment's file. Empty where there is no such file or
/// it cannot be read: who needs the file says so.
std::map<std::string, std::vector<std::string>> sweptValues(const std::filesystem::path &experimentFolder);

/// Of two values the one that stands first in the sweep; those that it does not name come behind, short words first, so that
/// 8 stands before 16.
bool standsBefore(const std::string &one, const std::string &other, const std::vector<std::string> &sweep);

/// "recipe joint, top_k 32".
std::string axesText(const SweptAxes &axes);

} // namespace sparsescope
