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

/// What is no JSON is no experiment, whatever else it may be: both commands that take one take other words too.
ExperimentConfig loaded(const fs::path &file, const std::vector<Override> &overrides)
{
    try {
        return loadExperiment(file, overrides, dataErrors);
    } catch (const Failure &failure) {
        Error error = failure.error();
        error.allowed =
            error.allowed.empty() || error.allowed == "a file" ? "an experiment file in JSON" : error.allowed;
        throw Failure(std::move(error));
    }
}

} // namespace

ExperimentConfig experimentOf(const std::string &word, const std::vector<std::string> &changes)
{
    std::vector<Error> errors;
    const std::vector<Override> overrides = splitChanges(changes, "path.to.field=VALUE", errors);
    try {
        ExperimentConfig experiment = asked([&] { return loaded(fileOf(word), overrides); });
        if (errors.empty())
            return experiment;
    } catch (const ConfigFailure &failure) {
        const std::vector<Error> more = placed(failure, changes).errors();
        errors.insert(errors.end(), more.begin(), more.end());
    }
    throw ConfigFailure(std::move(errors));
}

} // namespace sparsescope
