#include "core/experiment/claims/found_results.h"

#include "core/base/error.h"
#include "core/base/json_view.h"
#include "core/base/places.h"
#include "core/base/run_store.h"
#include "core/base/stored_json.h"
#include "core/experiment/report.h"
#include "core/experiment/stored_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace fs = std::filesystem;

namespace sparsescope {
namespace {

constexpr int kSchema = 1;
constexpr double kRounding = 1e-9;
const std::string kFinished = "finished";

void checkSchema(const JsonView &document)
{
    if (document.at("schema").integer() != kSchema)
        document.at("schema").refuse(fmt::format("{}", kSchema));
}

SweptValues sweptValues(const JsonView &axes)
{
    SweptValues values;
    for (const std::string &axis : axes.keys())
        values[axis] = axes.at(axis).text();
    return values;
}

/// "CUDA 0 · NVIDIA H100 80GB HBM3 · 85 GB" is one card wherever it is plugged in.
std::string cardOf(const std::string &device)
{
    const std::string between = " · ";
    const std::size_t first = device.find(between);
    if (first == std::string::npos)
        return device;
    const std::size_t begin = first + between.size();
    return device.substr(begin, device.find(between, begin) - begin);
}

ResultRun runOf(const JsonView &row)
{
    ResultRun run;
    run.name = row.at("run").text();
    run.family = row.at("family").text();
    run.length = row.at("sequence_length").integer();
    run.seed = static_cast<std::uint64_t>(row.at("seed").integer());
    run.axes = sweptValues(row.at("axes"));
    run.steps = row.at("steps").integer();
    run.parameters = row.at("parameters").isNull() ? 0 : row.at("parameters").integer();
    run.layers = static_cast<int>(row.at("n_layers").integer());
    run.width = static_cast<int>(row.at("d_model").integer());
    run.data = row.at("data").text();
    run.card = row.at("device").isNull() ? std::string() : cardOf(row.at("device").text());
    run.withheldBy = row.at("withheld_by").texts();
    for (const std::string &key : measuredKeys()) {
        if (!row.has(key)) // of results older than the measure
            continue;
        if (const auto value = row.at(key).numberOrNull())
            run.values[key] = *value;
    }
    return run;
}

/// The word that stands in the summary, where the values of the seeds allow it.
Verdict verdictOf(const JsonView &word, const PairedDifference &statistics)
{
    const bool claims = statistics.verdict == Verdict::Better || statistics.verdict == Verdict::Worse;
    if (claims && word.text() == toString(Verdict::NotClear))
        return Verdict::NotClear;
    if (word.text() != toString(statistics.verdict))
        word.refuse(fmt::format("\"{}\", which is what the values of the seeds say", toString(statistics.verdict)));
    return statistics.verdict;
}

ResultComparison comparisonOf(const JsonView &row)
{
    ResultComparison comparison;
    comparison.by = row.at("by").text();
    comparison.family = row.at("family").isNull() ? std::string() : row.at("family").text();
    comparison.a = row.at("a").text();
    comparison.b = row.at("b").text();
    comparison.metric = row.at("metric").text();
    comparison.length = row.at("sequence_length").integer();
    comparison.axes = sweptValues(row.at("axes"));
    for (const JsonView &seed : row.at("seeds").items())
        comparison.seeds.push_back(static_cast<std::uint64_t>(seed.integer()));
    comparison.valuesA = row.at("values_a").numbers();
    comparison.valuesB = row.at("values_b").numbers();
    for (const char *values : {"values_a", "values_b"}) {
        if (row.at(values).items().size() != comparison.seeds.size())
            row.at(values).refuse(fmt::format("one value for each of {} seeds", comparison.seeds.size()));
    }
    const bool accuracy = comparison.metric == "val_accuracy";
    comparison.statistics = pairedDifference(comparison.differences(), row.at("margin").number(),
                                             accuracy ? BetterIs::More : BetterIs::Less);
    const std::optional<double> mean = row.at("mean_difference").numberOrNull();
    if (mean && !(std::abs(*mean - comparison.statistics.mean.value_or(0)) < kRounding))
        row.at("mean_difference")
            .refuse(
                fmt::format("{}, which is what the values of the seeds say", comparison.statistics.mean.value_or(0)));
    if (row.at("comparable").flag()) {
        comparison.statistics.verdict = verdictOf(row.at("verdict"), comparison.statistics);
    } else {
        comparison.statistics.verdict = Verdict::NotComparable;
        comparison.withheldBy = row.at("verdict").text();
    }
    return comparison;
}

/// Of an experiment with its runs what they say now; of a reduced one what was written.
ExperimentResults readExperiment(const fs::path &folder)
{
    if (findRuns(folder).empty())
        return experimentFromSummary(readStoredJson(folder / "summary.json", "Restore it from a copy."),
                                     (folder / "summary.json").string());
    return experimentFromSummary(summarise(folder), folder.string());
}

/// In one sentence; empty where nothing is missing. Results older than the field name missing files among the problems.
std::string notKeptOf(const JsonView &document)
{
    if (!document.has("not_kept"))
        return {};
    const std::vector<JsonView> runs = document.at("not_kept").items();
    nlohmann::ordered_json files = nlohmann::ordered_json::array();
    for (const JsonView &run : runs) {
        for (const std::string &file : run.at("files").texts())
            files.push_back(file);
    }
    return files.empty() ? std::string()
                         : fmt::format("of {} run{} {}", runs.size(), runs.size() == 1 ? "" : "s", filesInWords(files));
}

/// Nothing for a kind that no claim and no goal needs.
std::optional<BenchDocument> readNeededBench(const fs::path &file)
{
    const nlohmann::ordered_json document = readStoredJson(file, "Measure again, or restore it from a copy.");
    const std::string subject = JsonView(document, file.string()).at("bench").text();
    const bool needed = subject == "step" || subject == "attention" || subject == "indexer" || subject == "topk" ||
                        subject == "loss" || subject == "layer" || subject == "decode";
    return needed ? std::optional(benchFromJson(document, file)) : std::nullopt;
}

} // namespace

std::vector<double> ResultComparison::differences() const
{
    std::vector<double> differences;
    for (std::size_t i = 0; i < std::min(valuesA.size(), valuesB.size()); ++i)
        differences.push_back(valuesB[i] - valuesA[i]);
    return differences;
}

ExperimentResults experimentFromSummary(const nlohmann::ordered_json &summary, const std::string &origin)
{
    const JsonView document(summary, origin);
    checkSchema(document);
    ExperimentResults results;
    results.name = document.at("experiment").text();
    for (const JsonView &row : document.at("runs").items()) {
        if (!row.at("state").isNull() && row.at("state").text() == kFinished)
            results.runs.push_back(runOf(row));
    }
    for (const char *list : {"comparisons", "comparisons_swept"}) {
        for (const JsonView &row : document.at(list).items())
            results.comparisons.push_back(comparisonOf(row));
    }
    for (const JsonView &row : document.at("gates").items())
        results.gates.push_back(
            {row.at("gate").text(), row.at("run").text(), row.at("outcome").text(), row.at("measured").text()});
    if (document.has("problems"))
        results.damages = document.at("problems").texts();
    results.notKept = notKeptOf(document);
    if (summary.contains("needles")) { // results older than the measure have none
        for (const auto &table : summary["needles"])
            results.needles.push_back(needleFromJson(table, origin));
    }
    return results;
}

FoundResults findResults(const fs::path &root)
{
    if (std::optional<Error> error = notAFolder(root, "the folder that holds the results"))
        throw Failure(std::move(*error));
    std::error_code code;
    FoundResults found;
    found.root = root;
    std::vector<fs::path> experiments, benches;
    // An experiment ends the way down: below it lie runs.
    const auto look = [&](const fs::path &folder) {
        std::error_code missing;
        const bool is = fs::exists(folder / "experiment.json", missing) || fs::exists(folder / "summary.json", missing);
        if (is)
            experiments.push_back(folder);
        return is;
    };
    if (!look(root)) {
        fs::recursive_directory_iterator entry(root, fs::directory_options::skip_permission_denied, code);
        for (; !code && entry != fs::recursive_directory_iterator(); entry.increment(code)) {
            const fs::path &path = entry->path();
            if (entry->is_directory(code)) {
                if (look(path))
                    entry.disable_recursion_pending();
            } else if (const fs::path inside = path.lexically_relative(root).parent_path();
                       path.extension() == ".json" &&
                       std::find(inside.begin(), inside.end(), "bench") != inside.end()) {
                benches.push_back(path);
            }
        }
        if (code)
            found.problems.push_back(fmt::format("{}: {}", root.string(), code.message()));
    }
    std::sort(experiments.begin(), experiments.end());
    std::sort(benches.begin(), benches.end());
    for (const fs::path &folder : experiments) {
        try {
            found.experiments.push_back(readExperiment(folder));
            found.experiments.back().folder = folder.lexically_relative(root);
            for (const std::string &damage : found.experiments.back().damages)
                found.problems.push_back(fmt::format("{}: {}", folder.lexically_relative(root).string(), damage));
        } catch (const std::exception &failure) {
            found.problems.push_back(seenFrom(root, failure.what()));
        }
    }
    for (const fs::path &file : benches) {
        try {
            if (auto bench = readNeededBench(file)) {
                bench->file = file.lexically_relative(root);
                found.benches.push_back(std::move(*bench));
            }
        } catch (const std::exception &failure) {
            found.problems.push_back(seenFrom(root, failure.what()));
        }
    }
    return found;
}

} // namespace sparsescope
