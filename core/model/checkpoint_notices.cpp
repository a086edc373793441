#include "core/model/checkpoint_notices.h"

#include "core/base/json_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <system_error>

namespace sparsescope {

namespace fs = std::filesystem;

std::vector<std::string> unreadWeights(const fs::path &folder)
{
    const fs::path single = folder / "model.safetensors", index = folder / "model.safetensors.index.json";
    std::error_code code;
    if (!fs::exists(index, code)) {
        return {};
    }
    if (fs::exists(single, code)) {
        return {fmt::format(
            "{} is not read: {} stands beside it and is taken, as transformers does. Remove the one that is "
            "not meant.",
            index.string(), single.filename().string())};
    }
    std::set<std::string> named;
    const nlohmann::ordered_json document = readJsonFile(index); // outlives its items
    for (const auto &[tensor, file] : document.at("weight_map").items()) {
        named.insert(file.get<std::string>());
    }
    std::vector<std::string> notices;
    for (const fs::directory_entry &entry : fs::directory_iterator(folder, code)) {
        const std::string name = entry.path().filename().string();
        if (name.starts_with("model-") && name.ends_with(".safetensors") && !named.count(name)) {
            notices.push_back(fmt::format("{} is not read: {} names no tensor of it.", entry.path().string(),
                                          index.filename().string()));
        }
    }
    std::sort(notices.begin(), notices.end());
    return notices;
}

std::vector<std::string> positionNotices(const fs::path &folder, const ModelOptions &options, std::int64_t tokens)
{
    if (tokens <= options.maxPositions) {
        return {};
    }
    return {
        fmt::format("{}: max_position_embeddings: {}, and there are {} tokens: from position {} on the model computes "
                    "what it was not made for.",
                    (folder / "config.json").string(), options.maxPositions, tokens, options.maxPositions)};
}

} // namespace sparsescope
