#include "app/cli/command.h"
#include "app/cli/figures.h"
#include "core/base/presets.h"
#include "core/train/train_run.h"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <system_error>
#include <thread>

namespace sparsescope {
namespace {

namespace fs = std::filesystem;

struct Finding {
    std::string subject;
    bool fine;
    std::string text;
    std::string remedy; ///< empty when nothing is to be done
};

Finding deviceFinding()
{
    const DeviceInfo best = describeDevice("auto");
    if (best.isCuda)
        return {"CUDA device", true, best.description + (best.note.empty() ? "" : "; " + best.note), ""};
    return {"CUDA device", true, "none, training runs on the CPU" + (best.note.empty() ? "" : " (" + best.note + ")"),
            ""};
}

Finding cpuFinding()
{
    const DeviceInfo cpu = describeDevice("cpu");
    return {"CPU", true, fmt::format("{}, {} threads", cpu.description, std::thread::hardware_concurrency()), ""};
}

Finding presetFinding()
{
    const std::size_t count = presets().size();
    if (count == 0)
        return {"Presets", false, "none found", "Set SPARSESCOPE_PRESETS to the folder that holds them."};
    return {"Presets", true, fmt::format("{} in {}", count, presetFolder().string()), ""};
}

Finding windowFinding()
{
    const fs::path program = windowProgram();
    if (program.empty())
        return {"Window", false, "the program sparsescope is not beside this one: no window and no figures",
                "Build with Qt 6 and QCustomPlot (./dev build)."};
    return {"Window", true, program.string(), ""};
}

Finding diskFinding()
{
    const fs::path folder = fs::current_path();
    const fs::path probe = folder / ".sparsescope-doctor";
    std::error_code code;
    {
        std::ofstream file(probe);
        file << "written and removed\n";
        file.flush();
        if (!file)
            return {"Disk", false, folder.string() + " cannot be written",
                    "Train from a folder that you may write, or give --out."};
    }
    fs::remove(probe, code);
    const fs::space_info space = fs::space(folder, code);
    const std::string room = code ? "" : fmt::format(", {:.1f} GB free", static_cast<double>(space.available) / 1e9);
    const bool enough = code || space.available > (1u << 30);
    return {"Disk", enough, folder.string() + " can be written" + room,
            enough ? "" : "Make room, or give --out on another disk."};
}

} // namespace

Action declareDoctor(CLI::App &)
{
    return [](Output &output) {
        const std::vector<Finding> findings = {{"Version", true, "sparsescope " SPARSESCOPE_VERSION, ""},
                                               cpuFinding(),
                                               deviceFinding(),
                                               windowFinding(),
                                               presetFinding(),
                                               diskFinding()};
        bool fine = true;
        output.data()["findings"] = nlohmann::ordered_json::array();
        for (const Finding &finding : findings) {
            fine = fine && finding.fine;
            output.data()["findings"].push_back({{"subject", finding.subject},
                                                 {"ok", finding.fine},
                                                 {"text", finding.text},
                                                 {"remedy", finding.remedy}});
            output.line(fmt::format("{:<8} {:<12} {}", finding.fine ? "ok" : "missing", finding.subject, finding.text));
            if (!finding.remedy.empty())
                output.line(fmt::format("{:<21} {}", "", finding.remedy));
        }
        return fine ? kDone : kFailed;
    };
}

} // namespace sparsescope
