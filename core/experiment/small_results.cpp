#include "core/experiment/small_results.h"

#include "core/base/atomic_file.h"
#include "core/base/counterfactual_table.h"
#include "core/base/error.h"
#include "core/base/json_reader.h"
#include "core/base/json_view.h"
#include "core/base/needle_table.h"
#include "core/base/places.h"
#include "core/base/safetensors.h"
#include "core/base/stored_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <system_error>

namespace fs = std::filesystem;

namespace sparsescope {
namespace {

/// Written by report, by counterfactual, by needle and by the exports; one that is not there was not asked for.
const std::vector<std::string> kKept = {"experiment.json",    "summary.json",      "summary.csv", "comparisons.csv",
                                        "RESULTS_SUMMARY.md", kCounterfactualFile, kNeedleFile};

bool liesIn(const fs::path &path, const fs::path &folder)
{
    const fs::path inside = fs::weakly_canonical(path), outside = fs::weakly_canonical(folder);
    return std::mismatch(outside.begin(), outside.end(), inside.begin(), inside.end()).first == outside.end();
}

void demandOutside(const fs::path &target, const fs::path &experimentFolder, const fs::path &out)
{
    if (liesIn(target, experimentFolder))
        throw Failure({"the small results would lie in the folder of the experiment", "--small",
                       fmt::format("{}, which makes {}", out.string(), target.string()),
                       "a folder outside of " + experimentFolder.string(), ""});
}

/// The folder that the results get: never a way out of `out`.
std::string nameOf(const JsonView &summary)
{
    const JsonView name = summary.at("experiment");
    if (name.text().empty() ||
        name.text().find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") != std::string::npos)
        name.refuse("1 to 64 of a-z, 0-9 and -");
    return name.text();
}

/// Where the corpus lay on the machine that trained is nobody's business.
std::string withoutFolders(nlohmann::ordered_json experiment)
{
    if (experiment.is_object() && experiment.contains("data") && experiment["data"].is_object() &&
        experiment["data"].contains("path") && experiment["data"]["path"].is_string())
        experiment["data"]["path"] = fs::path(experiment["data"]["path"].get<std::string>()).filename().string();
    return experiment.dump(4) + "\n";
}

} // namespace

void demandPlaceBeside(const fs::path &experimentFolder, const fs::path &out)
{
    std::error_code code;
    if (fs::exists(out, code) && !fs::is_directory(out, code))
        throw Failure({"is a file", "--small", out.string(), "a folder, which may be new", ""});
    fs::path there = fs::absolute(out, code);
    while (there.has_relative_path() && !fs::exists(there, code))
        there = there.parent_path();
    if (!fs::is_directory(there, code))
        throw Failure({there.string() + " is a file", "--small", out.string(), "a place in a folder", ""});
    if (std::optional<Error> error = takesNoFiles(there, "--small"))
        throw Failure(std::move(*error));
    const fs::path file = experimentFolder / "experiment.json";
    std::string name = fs::weakly_canonical(experimentFolder).filename().string();
    try {
        const nlohmann::ordered_json experiment = readJsonFile(file);
        name = JsonView(experiment, file.string()).at("name").text();
    } catch (const Failure &) {
        // The report says what is wrong with the file, and goes by the folder's name.
    }
    demandOutside(out / name, experimentFolder, out);
}

SmallResults keepSmallResults(const fs::path &experimentFolder, const fs::path &out)
{
    const fs::path summary = experimentFolder / "summary.json";
    const nlohmann::ordered_json document = readStoredJson(summary, "Report again: that writes it anew.");
    const fs::path target = out / nameOf(JsonView(document, summary.string()));
    demandOutside(target, experimentFolder, out);
    makeFolder(target);
    SmallResults results;
    for (const fs::directory_entry &entry : fs::directory_iterator(experimentFolder)) {
        const std::string name = entry.path().filename().string();
        if (!entry.is_regular_file() ||
            (std::find(kKept.begin(), kKept.end(), name) == kKept.end() && entry.path().extension() != ".svg"))
            continue;
        if (entry.path().extension() == ".svg" && entry.file_size() > kLargestFigure) {
            results.tooLarge.push_back(entry.path());
            continue;
        }
        writeFileAtomically(target / name, name == "experiment.json" ? withoutFolders(readJsonFile(entry.path()))
                                                                     : readTextFile(entry.path()));
        results.files.push_back(target / name);
    }
    std::sort(results.files.begin(), results.files.end());
    return results;
}

} // namespace sparsescope
