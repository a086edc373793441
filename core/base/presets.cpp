#include "core/base/presets.h"

#include "core/base/config.h"
#include "core/base/json_reader.h"
#include "core/base/nearest_name.h"

#include <algorithm>
#include <cstdlib>
#include <system_error>

namespace sparsescope {
namespace {

namespace fs = std::filesystem;

constexpr const char *kFirst = "demo";

} // namespace

fs::path presetFolder()
{
    std::vector<fs::path> candidates;
    if (const char *given = std::getenv("SPARSESCOPE_PRESETS"))
        candidates.emplace_back(given);
    std::error_code code;
    if (const fs::path program = fs::read_symlink("/proc/self/exe", code); !code)
        candidates.push_back(program.parent_path().parent_path() / "share" / "sparsescope" / "experiments");
    candidates.push_back(fs::path(SPARSESCOPE_SOURCE_DIR) / "experiments");
    for (const fs::path &candidate : candidates) {
        if (fs::is_directory(candidate, code))
            return candidate;
    }
    return {};
}

std::vector<PresetInfo> presets()
{
    std::vector<PresetInfo> found;
    const fs::path folder = presetFolder();
    std::error_code code;
    if (folder.empty())
        return found;
    for (const fs::directory_entry &entry : fs::directory_iterator(folder, code)) {
        if (entry.path().extension() != ".json")
            continue;
        try {
            const ExperimentConfig experiment = loadExperiment(entry.path());
            found.push_back({experiment.name, experiment.question, entry.path()});
        } catch (const std::exception &) {
            continue; // `train FILE` on it says what is wrong
        }
    }
    std::sort(found.begin(), found.end(), [](const PresetInfo &a, const PresetInfo &b) {
        return std::pair(a.name != kFirst, a.name) < std::pair(b.name != kFirst, b.name);
    });
    return found;
}

fs::path presetPath(const std::string &name)
{
    std::vector<std::string> names;
    for (const PresetInfo &preset : presets()) {
        if (preset.name == name)
            return preset.path;
        names.push_back(preset.name);
    }
    const std::string nearest = nearestName(name, names);
    throw Failure({"unknown preset", "", "\"" + name.substr(0, 80) + "\"", names.empty() ? "none found" : listed(names),
                   nearest.empty() ? "" : "Did you mean " + nearest + "?"});
}

} // namespace sparsescope
