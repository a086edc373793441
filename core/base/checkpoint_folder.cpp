#include "core/base/checkpoint_folder.h"

#include "core/base/error.h"
#include "core/base/run_folder.h"
#include "core/base/run_store.h"

namespace sparsescope {

std::filesystem::path checkpointFolder(const std::filesystem::path &given)
{
    std::error_code code;
    if (std::filesystem::is_regular_file(given / "config.json", code)) {
        return given;
    }
    if (!std::filesystem::is_regular_file(runFile(given), code)) {
        throw ConfigFailure({{"no checkpoint here", given.string(), "",
                              "a folder with config.json and model.safetensors, or the folder of a run", ""}});
    }
    const RunReader run = RunReader::verified(given);
    const std::vector<CheckpointInfo> stored = run.checkpoints();
    // What a checkpoint from elsewhere saw is a run without weights of its own.
    std::filesystem::path source = run.value("source").value_or("");
    if (stored.empty() && !source.empty() && std::filesystem::is_regular_file(source / "config.json", code)) {
        return source;
    }
    if (stored.empty()) {
        throw ConfigFailure(
            {{"the run has no checkpoint yet", given.string(), "", "", "Wait for the first one, or let it finish."}});
    }
    return stored.back().folder;
}

void demandEmptyFolder(const std::filesystem::path &run)
{
    std::error_code code;
    if (std::filesystem::exists(run, code) &&
        (!std::filesystem::is_directory(run, code) || !std::filesystem::is_empty(run, code))) {
        throw ConfigFailure({{"the folder of the run is there already", "--run", run.string(),
                              "a new or an empty folder", "Choose another name, or remove it."}});
    }
}

} // namespace sparsescope
