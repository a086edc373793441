#include "core/model/checkpoint_notices.h"

#include "core/base/gates.h"
#include "core/base/json_reader.h"
#include "core/base/run_store.h"
#include "core/base/stored_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <system_error>

namespace sparsescope {

namespace fs = std::filesystem;

namespace {

/// Two descriptions of the rotation that differ.
std::vector<std::string> unreadRotation(const fs::path &folder)
{
    const fs::path file = folder / "config.json";
    const nlohmann::json config = nlohmann::json(readJsonFile(file));
    const auto other = config.find("rope_parameters");
    if (!ropeScalingStands(config) || other == config.end() || other->is_null() || *other == config["rope_scaling"]) {
        return {};
    }
    return {fmt::format("{}: rope_parameters is not read: rope_scaling stands beside it, says something else and is "
                        "taken, as transformers does. Remove the one that is not meant.",
                        file.string())};
}

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

} // namespace

std::vector<std::string> unreadParts(const fs::path &folder)
{
    std::vector<std::string> notices = unreadWeights(folder);
    for (std::string &notice : unreadRotation(folder)) {
        notices.push_back(std::move(notice));
    }
    return notices;
}

std::vector<std::string> tieNotices(const fs::path &checkpoint)
{
    std::error_code code;
    const fs::path run =
        fs::absolute(checkpoint / "", code).lexically_normal().parent_path().parent_path().parent_path();
    if (!fs::exists(run / "run.json", code)) {
        return {};
    }
    try {
        for (const CheckResult &result : readChecks(RunReader(run))) {
            if (result.gate == "ties" && result.value.value_or(0) > 0) {
                return {fmt::format("Index scores tie at the k-th place in {}, by the run's check \"{}\": there "
                                    "torch.topk may take other keys than Sparsescope does.",
                                    result.measured, gate(result.gate).title)};
            }
        }
    } catch (const std::exception &) {
        return {}; // a damaged run is not at fault in a copy of its weights
    }
    return {};
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
