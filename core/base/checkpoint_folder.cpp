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
    const std::vector<CheckpointInfo> stored = RunReader(given).checkpoints();
    if (stored.empty()) {
        throw ConfigFailure(
            {{"the run has no checkpoint yet", given.string(), "", "", "Wait for the first one, or let it finish."}});
    }
    return stored.back().folder;
}

} // namespace sparsescope
