#pragma once

#include "widgets/panels/config_form.h"

#include <filesystem>
#include <vector>

namespace sparsescope {

/// The experiments of a folder of presets, the demo first; a file that cannot be read is left out and named in `faults`.
std::vector<Preset> loadPresets(const std::filesystem::path &folder, QStringList &faults);
/// An experiment file as it stands, not checked: the form marks what is wrong. Throws Failure when it is no JSON.
Preset loadPreset(const std::filesystem::path &file);

} // namespace sparsescope
