#include "app/cli/out_file.h"

#include "core/base/error.h"
#include "core/base/places.h"

#include <optional>

namespace sparsescope {

void checkOutFile(const std::filesystem::path &file)
{
    namespace fs = std::filesystem;
    std::error_code code;
    const fs::path folder = file.has_parent_path() ? file.parent_path() : fs::path(".");
    if (fs::exists(folder, code) && !fs::is_directory(folder, code))
        throw ConfigFailure({{folder.string() + " is a file", "--out", file.string(), "a file in a folder", ""}});
    if (!fs::is_directory(folder, code))
        throw ConfigFailure({{"no such folder", "--out", file.string(), "a file in a folder that exists",
                              "Make the folder " + folder.string() + "."}});
    if (fs::is_directory(file, code))
        throw ConfigFailure({{"is a folder", "--out", file.string(), "the name of a file", ""}});
    if (std::optional<Error> error = takesNoFiles(folder, "--out"))
        throw ConfigFailure({std::move(*error)});
}

void checkOutFile(const std::filesystem::path &file, const std::vector<std::filesystem::path> &inputs)
{
    namespace fs = std::filesystem;
    checkOutFile(file);
    std::error_code code;
    if (!fs::exists(file, code))
        return;
    for (const fs::path &input : inputs) {
        const fs::path folder = fs::is_directory(input, code) ? file.parent_path() : file;
        if (fs::equivalent(folder.empty() ? fs::path(".") : folder, input, code))
            throw ConfigFailure({{"would overwrite what it reads", "--out", file.string(), "another file", ""}});
    }
}

} // namespace sparsescope
