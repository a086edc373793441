#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace sparsescope {

/// An experiment that comes with the program.
struct PresetInfo {
    std::string name;
    std::string question;
    std::filesystem::path path;
};

/// The folder that holds the presets: SPARSESCOPE_PRESETS if set, <folder of the program>/../share/sparsescope/experiments,
/// the source tree; the first that exists. Empty when there is none.
std::filesystem::path presetFolder();

/// Every readable *.json of the preset folder: demo first, then by name. A file that is no experiment is left out.
std::vector<PresetInfo> presets();

/// The file of the preset of this name. Throws Failure naming the nearest known one.
std::filesystem::path presetPath(const std::string &name);

} // namespace sparsescope
