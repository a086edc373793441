#include "app/cli/command.h"
#include "app/cli/out_file.h"
#include "app/cli/stored_files.h"
#include "app/cli/text_table.h"
#include "core/base/comparison_text.h"
#include "core/base/safetensors.h"
#include "core/base/swept_values.h"
#include "core/experiment/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

namespace sparsescope {
namespace {

struct CompareOptions {
    std::string folder;
    std::string by = "family";
    std::string against;
    std::string out;
};

/// The value that `report` takes too: the first of the sweep that is done. Empty: the first by name.
std::string referenceOf(const CompareOptions &options, const std::vector<ComparedRun> &runs)
{
    const auto sweep = sweptValues(options.folder);
    const auto values = sweep.find(options.by);
    if (!options.against.empty() || values == sweep.end())
        return options.against;
    for (const std::string &value : values->second) {
        const std::pair<std::string, std::string> wanted{options.by, value};
        const bool done = std::any_of(runs.begin(), runs.end(), [&](const ComparedRun &run) {
            const SweptAxes &axes = run.started.config.extraAxes;
            return std::find(axes.begin(), axes.end(), wanted) != axes.end();
        });
        if (done)
            return value;
    }
    return {};
}

int compare(const CompareOptions &options, Output &output)
{
    asked([&] { return experimentRuns(options.folder); });
    if (!options.out.empty())
        checkOutFile(options.out);
    std::vector<std::string> problems;
    const std::vector<ComparedRun> runs = comparedRuns(options.folder, problems);
    const StoredFiles files(options.folder);
    for (const std::string &damage : files.damagesOfRuns())
        problems.push_back(damage);
    for (const std::string &problem : problems)
        output.error({problem, "", "", "", ""});
    const std::vector<PairComparison> table = comparePairs(runs, options.by, referenceOf(options, runs));
    const nlohmann::ordered_json comparisons = comparisonsJson(table);
    output.data()["comparisons"] = comparisons;

    nlohmann::ordered_json open = nlohmann::ordered_json::array(); // gates that do not pass, each once
    for (const auto &row : comparisons) {
        for (const char *list : {"against", "care"}) {
            for (const auto &result : row[list]) {
                if (std::find(open.begin(), open.end(), result) == open.end())
                    open.push_back(result);
            }
        }
    }
    output.data()["gates"] = open;
    if (comparisons.empty())
        output.error({"nothing to compare", options.folder, fmt::format("{} finished runs", runs.size()),
                      "runs of two sides of equal length and settings, done", ""});
    for (const TextTable &shown : comparisonTables(comparisons))
        printTable(shown, output);
    if (comparisons.size() > 1)
        output.line(
            "Better and worse stand only where Holm's procedure over a table allows it: with many comparisons some "
            "interval leaves out 0 by chance.");
    printGates(gateTable(open), output);
    files.tellRead(output);
    if (!options.out.empty()) {
        writeFileAtomically(options.out, comparisonsCsv(comparisons));
        output.line("Seed by seed: " + options.out);
    }
    if (!problems.empty() || comparisons.empty())
        return kFailed;
    const bool holds = std::all_of(table.begin(), table.end(), [](const PairComparison &c) { return c.comparable(); });
    return holds ? kDone : kDoesNotHold;
}

} // namespace

Action declareCompare(CLI::App &command)
{
    const auto options = std::make_shared<CompareOptions>();
    command.add_option("folder", options->folder, "Folder of an experiment, such as runs/demo")
        ->required()
        ->type_name("DIR");
    command.add_option("--by", options->by, "family, or the name of a swept value: its values against one of them")
        ->capture_default_str();
    command
        .add_option("--against", options->against,
                    "With --by: the value that the others stand against; left out: the first of the sweep")
        ->type_name("VALUE");
    command.add_option("--out", options->out, "Write the numbers of every seed")->type_name("FILE.csv");
    return [options](Output &output) { return compare(*options, output); };
}

} // namespace sparsescope
