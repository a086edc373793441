#include "app/cli/result_table.h"

#include "app/cli/figures.h"
#include "app/cli/output.h"
#include "app/cli/text_table.h"
#include "core/base/run_store.h"
#include "core/base/stored_checks.h"
#include "core/experiment/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>
#include <vector>

namespace sparsescope {
namespace {

namespace fs = std::filesystem;

struct Column {
    const char *title;
    std::vector<const char *> metrics; ///< the first that the run has
    int decimals;
};

struct Table {
    const char *title;           ///< line above; null: none
    std::vector<Column> columns; ///< those that no run has a value for are left out, and runs without any value too
};

const std::vector<Table> &tables()
{
    static const std::vector<Table> all = {
        {nullptr,
         {{"val loss", {"val.loss"}, 4},
          {"accuracy", {"val.accuracy"}, 3},
          {"chance", {"val.accuracy.chance"}, 3},
          {"exact", {"val.exact"}, 3},
          {"captured", {"indexer.captured"}, 3},
          {"accuracy with random", {"counterfactual.accuracy.random"}, 3},
          {"with recency", {"counterfactual.accuracy.recency"}, 3}}},
        {"What the selection finds. Needed keys: the k that dense attention weighs most, mean of layers. Answer place: "
         "the "
         "token\n"
         "to copy, in the layer that finds it most often; a model may read the answer elsewhere, from a later token "
         "that carries it on.",
         {{"needed keys found", {"selection.recall"}, 3},
          {"by random", {"selection.recall.random", "selection.recall.chance"}, 3},
          {"by recency", {"selection.recall.recency"}, 3},
          {"place found, best layer", {"oracle.recall.best_layer"}, 3},
          {"by random", {"oracle.recall.random", "oracle.recall.chance"}, 3},
          {"by recency", {"oracle.recall.recency"}, 3}}},
    };
    return all;
}

std::optional<double> lastOf(const RunReader &run, const Column &column)
{
    for (const char *metric : column.metrics) {
        const std::optional<double> value = run.last(metric);
        if (value && std::isfinite(*value))
            return value;
    }
    return std::nullopt;
}

/// A run as a row of every table.
struct RunRow {
    std::string name, family = "-", state = "Damaged";
    std::vector<std::vector<std::optional<double>>> cells = {}; ///< a list a table; empty: the run cannot be read
};

RunRow readRow(const fs::path &folder, const std::string &name)
{
    const RunReader run = RunReader::verified(folder);
    run.demandName(name);
    RunRow row{name, displayName(run.config().model.family), displayName(run.state()), {}};
    const std::vector<CheckResult> checks = readChecks(run);
    const auto failed = std::count_if(checks.begin(), checks.end(),
                                      [](const CheckResult &result) { return result.outcome == CheckOutcome::Failed; });
    if (failed > 0)
        row.state += fmt::format(", {} check{} failed", failed, failed == 1 ? "" : "s");
    for (const Table &table : tables()) {
        row.cells.emplace_back();
        for (const Column &column : table.columns)
            row.cells.back().push_back(lastOf(run, column));
    }
    return row;
}

void printRuns(std::size_t index, const std::vector<RunRow> &runs, Output &output)
{
    const Table &table = tables()[index];
    const auto known = [](const std::optional<double> &value) { return value.has_value(); };
    std::vector<std::vector<std::string>> rows{{"run", "family", "state"}};
    std::vector<std::vector<std::optional<double>>> values;
    for (const RunRow &run : runs) {
        std::vector<std::optional<double>> cells(table.columns.size());
        if (!run.cells.empty())
            cells = run.cells[index];
        if (table.title && std::none_of(cells.begin(), cells.end(), known))
            continue;
        rows.push_back({run.name, run.family, run.state});
        values.push_back(std::move(cells));
    }
    if (values.empty())
        return;
    for (std::size_t c = 0; c < table.columns.size(); ++c) {
        if (std::none_of(values.begin(), values.end(), [c](const auto &cells) { return cells[c].has_value(); }))
            continue;
        rows[0].push_back(table.columns[c].title);
        for (std::size_t r = 0; r < values.size(); ++r)
            rows[r + 1].push_back(values[r][c] ? fmt::format("{:.{}f}", *values[r][c], table.columns[c].decimals)
                                               : "-");
    }
    if (table.title)
        output.line(std::string("\n") + table.title);
    printRows(rows, 3, output);
}

/// The tables of all runs; `damaged` are those that the summary could not read.
void printRuns(const fs::path &folder, const std::set<std::string> &damaged, Output &output)
{
    std::vector<RunRow> rows;
    for (const fs::path &path : experimentRuns(folder)) {
        const std::string name = path.lexically_relative(folder).generic_string();
        rows.push_back(damaged.count(name) ? RunRow{name} : readRow(path, name));
    }
    for (std::size_t table = 0; table < tables().size(); ++table)
        printRuns(table, rows, output);
    output.line("");
}

/// Names what the summary could not read; returns the runs among it.
std::set<std::string> reportDamage(const nlohmann::ordered_json &summary, Output &output)
{
    std::set<std::string> damaged;
    for (const auto &run : summary["runs"]) {
        if (run["error"].is_null())
            continue;
        damaged.insert(run["run"].get<std::string>());
        output.error({"run is damaged and left out: " + run["error"].get<std::string>(), run["run"], "", "", ""});
    }
    for (std::size_t i = damaged.size(); i < summary["problems"].size(); ++i) // the runs' problems come first
        output.error({summary["problems"][i], "", "", "", ""});
    return damaged;
}

/// Names the runs of which single files are not there.
bool reportAbsence(const fs::path &folder, const std::vector<ExaminedRun> &examined,
                   const nlohmann::ordered_json &summary, Output &output)
{
    bool any = false;
    for (const ExaminedRun &run : examined) {
        for (const auto &row : summary["not_kept"]) {
            const std::string name = row["run"];
            if (run.files.absent.empty() || run.folder.lexically_relative(folder).generic_string() != name)
                continue;
            output.error({"not kept, though run.sqlite names " + std::string(row["files"].size() == 1 ? "it" : "them"),
                          name, filesInWords(row["files"]), "", "Restore from a copy what is needed."});
            any = true;
        }
    }
    return any;
}

} // namespace

bool writeResults(const fs::path &experimentFolder, const std::vector<ExaminedRun> &examined, Output &output)
{
    const nlohmann::ordered_json summary = writeReport(experimentFolder, examined);
    output.data()["summary"] = summary;
    const std::set<std::string> damaged = reportDamage(summary, output);
    const bool lacking = reportAbsence(experimentFolder, examined, summary, output);
    printRuns(experimentFolder, damaged, output);
    output.line(summary["soundness"].get<std::string>());
    printGates(gateTable(summary["gates"]), output);
    const Figures figures = drawFigures(experimentFolder);
    output.data()["figures"] = nlohmann::ordered_json::array();
    output.line("Summary:    " + (experimentFolder / "RESULTS_SUMMARY.md").string());
    for (const fs::path &file : figures.files)
        output.data()["figures"].push_back(file.string());
    bool drawn = tell(figures, "Comparison: ", output);
    if (!summary["needles"].empty()) {
        const Figures needle = drawNeedle(experimentFolder);
        for (const fs::path &file : needle.files)
            output.data()["figures"].push_back(file.string());
        drawn = tell(needle, "Needle:     ", output) && drawn;
    }
    return drawn && !lacking && summary["problems"].empty();
}

} // namespace sparsescope
