#include "core/base/presets.h"
#include "app/cli/command.h"
#include "core/base/json_reader.h"

#include <fmt/format.h>

#include <memory>

namespace sparsescope {

Action declarePresets(CLI::App &command)
{
    const auto name = std::make_shared<std::string>();
    command.add_option("name", *name, "Print this preset's file instead of the list")->type_name("NAME");
    return [name](Output &output) {
        if (!name->empty()) {
            const std::filesystem::path path = asked([&] { return presetPath(*name); });
            output.data()["path"] = path.string();
            output.data()["experiment"] = readJsonFile(path);
            output.line(readTextFile(path));
            return kDone;
        }
        output.data()["presets"] = nlohmann::ordered_json::array();
        for (const PresetInfo &preset : presets()) {
            output.data()["presets"].push_back(
                {{"name", preset.name}, {"question", preset.question}, {"path", preset.path.string()}});
            output.line(fmt::format("{:<24} {}", preset.name, preset.question));
        }
        if (output.data()["presets"].empty()) {
            output.error({"no presets found", presetFolder().string(), "", "",
                          "Set SPARSESCOPE_PRESETS to the folder that holds them."});
            return kFailed;
        }
        return kDone;
    };
}

} // namespace sparsescope
