#include "app/presets.h"

#include "core/base/json_reader.h"

#include <QStringList>

#include <algorithm>

namespace sparsescope {

Preset loadPreset(const std::filesystem::path &file)
{
    const nlohmann::ordered_json document = readJsonFile(file);
    const auto name = document.find("name");
    return {name != document.end() && name->is_string() ? name->get<std::string>() : file.stem().string(), document,
            file};
}

std::vector<Preset> loadPresets(const std::filesystem::path &folder, QStringList &faults)
{
    std::vector<std::filesystem::path> files;
    std::error_code error;
    for (const auto &entry : std::filesystem::directory_iterator(folder, error)) {
        if (entry.path().extension() == ".json") {
            files.push_back(entry.path());
        }
    }
    const auto rank = [](const std::filesystem::path &file) {
        const std::string name = file.stem().string();
        return name == "demo" ? 0 : name.rfind("demo", 0) == 0 ? 1 : name == "smoke" ? 2 : 3;
    };
    std::sort(files.begin(), files.end(),
              [&](const auto &a, const auto &b) { return std::pair(rank(a), a) < std::pair(rank(b), b); });
    std::vector<Preset> presets;
    for (const auto &file : files) {
        try {
            presets.push_back(loadPreset(file));
        } catch (const std::exception &failure) {
            faults << QString::fromUtf8(failure.what());
        }
    }
    return presets;
}

} // namespace sparsescope
