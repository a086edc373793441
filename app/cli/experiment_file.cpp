#include "app/cli/experiment_file.h"

#include "app/cli/changes.h"
#include "core/base/exit_code.h"
#include "core/base/experiment_data.h"
#include "core/base/presets.h"
#include "core/data/data_source.h"

#include <filesystem>
#include <system_error>

namespace sparsescope {
namespace {

namespace fs = std::filesystem;

fs::path fileOf(const std::string &word)
{
    std::error_code code;
    const bool looksLikeName = word.find('/') == std::string::npos && fs::path(word).extension() != ".json";
    if (fs::exists(word, code) || !looksLikeName)
        return word;
    return presetPath(word);
}

} // namespace

ExperimentConfig experimentOf(const std::string &word, const std::vector<std::string> &changes)
{
    std::vector<Error> errors;
    const std::vector<Override> overrides = splitChanges(changes, "path.to.field=VALUE", errors);
    try {
        ExperimentConfig experiment = asked([&] { return loadExperiment(fileOf(word), overrides, dataErrors); });
        if (errors.empty())
            return experiment;
    } catch (const ConfigFailure &failure) {
        const std::vector<Error> more = placed(failure, changes).errors();
        errors.insert(errors.end(), more.begin(), more.end());
    }
    throw ConfigFailure(std::move(errors));
}

} // namespace sparsescope
