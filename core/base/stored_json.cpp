#include "core/base/stored_json.h"

#include "core/base/json_reader.h"

#include <fstream>

namespace sparsescope {

nlohmann::ordered_json readStoredJson(const std::filesystem::path &file, const std::string &remedy)
{
    std::error_code code;
    const bool exists = std::filesystem::exists(file, code);
    const bool opens = std::filesystem::is_regular_file(file, code) && std::ifstream(file).good();
    try {
        return readJsonFile(file);
    } catch (const Failure &failure) {
        Error error = failure.error();
        if (opens)
            error.what = "file is damaged: " + error.what;
        if (opens || !exists) // one that may not be read, or a folder, is as it was made
            error.remedy = remedy;
        throw Failure(std::move(error));
    }
}

} // namespace sparsescope
