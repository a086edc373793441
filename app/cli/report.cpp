#include "core/experiment/report.h"

#include "app/cli/command.h"
#include "app/cli/figures.h"
#include "app/cli/result_table.h"
#include "app/cli/stored_files.h"
#include "core/base/stored_summary.h"
#include "core/experiment/claims/claims.h"
#include "core/experiment/goals/kernel_goals.h"
#include "core/experiment/small_results.h"

#include <fmt/format.h>

#include <filesystem>
#include <memory>

namespace sparsescope {
namespace {

namespace fs = std::filesystem;

struct ReportOptions {
    std::string folder;
    std::string small;
    bool claims = false, goals = false;
};

int reportClaims(const fs::path &root, Output &output)
{
    const nlohmann::ordered_json document = asked([&] { return writeClaims(root); });
    output.data()["claims"] = document["claims"];
    output.data()["counts"] = document["counts"];
    for (const auto &row : document["claims"])
        output.line(fmt::format("{:>2}  {:<13}  {}", row["id"].get<int>(), row["verdict"].get<std::string>(),
                                row["claim"].get<std::string>()));
    for (const auto &problem : document["problems"])
        output.error({problem.get<std::string>(), "", "", "", ""});
    output.line("Table: " + (root / "CLAIMS.md").string());
    return document["problems"].empty() ? kDone : kFailed;
}

int reportGoals(const fs::path &root, Output &output)
{
    const nlohmann::ordered_json document = asked([&] { return writeGoals(root); });
    output.data()["goals"] = document["goals"];
    output.data()["counts"] = document["counts"];
    const nlohmann::ordered_json &counts = document["counts"];
    output.line(fmt::format("{} goals met, {} missed, {} not measured", counts["met"].get<int>(),
                            counts["missed"].get<int>(), counts["not_measured"].get<int>()));
    for (const auto &problem : document["problems"])
        output.error({problem.get<std::string>(), "", "", "", ""});
    output.line("Table: " + (root / "GOALS.md").string());
    return document["problems"].empty() ? kDone : kFailed;
}

/// The runs are elsewhere: what their summary says, in tables and figures of today.
int reportSummary(const ReportOptions &options, Output &output)
{
    const StoredSummary summary = readSummary(options.folder);
    writeReducedReport(summary);
    output.data()["summary"] = summary.document;
    output.data()["figures"] = nlohmann::ordered_json::array();
    output.note(
        "There are no runs in this folder: tables and figures are made from its summary.json, which stays as it "
        "is.");
    output.line("Summary:    " + (summary.folder / "RESULTS_SUMMARY.md").string());
    bool drawn = true;
    const auto add = [&](const Figures &figures, const char *label) {
        for (const fs::path &file : figures.files)
            output.data()["figures"].push_back(file.string());
        drawn = tell(figures, label, output) && drawn;
    };
    add(drawFigures(summary.folder, DrawnFrom::Summary), "Comparison: ");
    if (!summary.counterfactuals.empty())
        add(drawSelectors(summary.folder, DrawnFrom::Summary), "Selectors:  ");
    if (!summary.needles.empty())
        add(drawNeedle(summary.folder, DrawnFrom::Summary), "Needle:     ");
    return drawn ? kDone : kFailed;
}

int report(const ReportOptions &options, Output &output)
{
    if (options.goals)
        return reportGoals(options.folder, output);
    if (options.claims)
        return reportClaims(options.folder, output);
    if (options.small.empty() && isReduced(options.folder))
        return reportSummary(options, output);
    asked([&] { return experimentRuns(options.folder); });
    if (!options.small.empty())
        demandPlaceBeside(options.folder, options.small);
    const StoredFiles files(options.folder);
    const bool whole = writeResults(options.folder, files.examined(), output);
    files.tellRead(output);
    if (!options.small.empty()) {
        output.data()["small"] = nlohmann::ordered_json::array();
        const SmallResults small = keepSmallResults(options.folder, options.small);
        for (const fs::path &file : small.files) {
            output.data()["small"].push_back(file.string());
            output.line("Small:      " + file.string());
        }
        for (const fs::path &file : small.tooLarge)
            output.note(fmt::format("{} is left out: larger than {} MiB.", file.string(), kLargestFigure >> 20));
    }
    return whole ? kDone : kFailed;
}

} // namespace

Action declareReport(CLI::App &command)
{
    const auto options = std::make_shared<ReportOptions>();
    command
        .add_option("folder", options->folder,
                    "Folder of an experiment, such as runs/demo, or of its small results without the runs; with "
                    "--claims one that holds experiments and benchmarks")
        ->required()
        ->type_name("DIR");
    CLI::Option *small =
        command
            .add_option("--small", options->small,
                        "Also put the tables and figures, without the runs, into DIR/<name of the experiment>")
            ->type_name("DIR");
    CLI::Option *claims =
        command
            .add_flag("--claims", options->claims,
                      "Say of each of the study's claims what the results below the folder measure: CLAIMS.md")
            ->excludes(small);
    command
        .add_flag("--goals", options->goals,
                  "Say what the kernels are to reach and what the benchmarks below the folder measure: GOALS.md")
        ->excludes(small)
        ->excludes(claims);
    return [options](Output &output) { return report(*options, output); };
}

} // namespace sparsescope
