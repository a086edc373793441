#include "core/base/checkpoint_folder.h"

#include "core/base/damage_failure.h"
#include "core/base/places.h"
#include "core/base/remedies.h"
#include "core/base/run_folder.h"
#include "core/base/run_store.h"

#include <fmt/format.h>

#include <optional>

namespace sparsescope {
namespace {

/// An older one in the newest one's place would be other weights than were asked for.
void demandNewest(const RunReader &run, const std::vector<CheckpointInfo> &stored)
{
    const std::vector<CheckpointInfo> recorded = run.recordedCheckpoints();
    if (recorded.empty() || (!stored.empty() && stored.back().step == recorded.back().step)) {
        return;
    }
    const std::string other = stored.empty()
                                  ? "train the run again"
                                  : fmt::format("name an earlier one, such as {}", stored.back().folder.string());
    throw DamageFailure({{"the run's newest checkpoint is missing", recorded.back().folder.string(), "", "",
                          fmt::format("Restore it from a copy, or {}.", other)}});
}

} // namespace

std::filesystem::path checkpointFolder(const std::filesystem::path &given)
{
    std::error_code code;
    if (std::filesystem::is_regular_file(given / "config.json", code)) {
        return given;
    }
    const std::string wanted = "a folder with config.json and model.safetensors, or the folder of a run";
    if (std::optional<Error> error = notAFolder(given, wanted)) {
        throw ConfigFailure({std::move(*error)});
    }
    if (!std::filesystem::is_regular_file(runFile(given), code)) {
        throw ConfigFailure({{"no checkpoint here", given.string(), "", wanted, ""}});
    }
    const RunReader run = RunReader::verified(given);
    const std::vector<CheckpointInfo> stored = run.checkpoints();
    // What a checkpoint from elsewhere saw is a run without weights of its own.
    std::filesystem::path source = run.value("source").value_or("");
    if (stored.empty() && !source.empty() && std::filesystem::is_regular_file(source / "config.json", code)) {
        return source;
    }
    demandNewest(run, stored);
    if (stored.empty()) {
        const RunState state = run.state();
        const bool goesOn = state == RunState::Queued || state == RunState::Running || state == RunState::Paused;
        throw ConfigFailure({{"the run has no checkpoint" + std::string(goesOn ? " yet" : ""), given.string(),
                              goesOn ? "" : "a run that is " + toString(state), "",
                              goesOn ? "Wait for the first one, or let it finish." : "Train it again."}});
    }
    return stored.back().folder;
}

void demandEmptyFolder(const std::filesystem::path &run)
{
    std::error_code code;
    if (std::filesystem::exists(run, code) &&
        (!std::filesystem::is_directory(run, code) || !std::filesystem::is_empty(run, code))) {
        throw ConfigFailure({{"the folder of the run is there already", nameOf(Place::NewRun), run.string(),
                              "a new or an empty folder", "Choose another name, or remove it."}});
    }
}

} // namespace sparsescope
