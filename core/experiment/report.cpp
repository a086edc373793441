#include "core/experiment/report.h"

#include "core/base/atomic_file.h"
#include "core/base/config.h"
#include "core/base/error.h"
#include "core/base/json_reader.h"
#include "core/base/run_store.h"
#include "core/base/safetensors.h"
#include "core/base/statistics.h"
#include "core/experiment/report_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

namespace fs = std::filesystem;

namespace sparsescope {

namespace {

using Json = nlohmann::ordered_json;

constexpr int kSummarySchema = 1;
constexpr double kMargin = 0.02; // nats (EXPERIMENTS.md 3)

struct Column {
    const char *key;
    const char *metric;
};
/// Last values of metrics, under their names in the summary.
constexpr Column kColumns[] = {{"val_loss", "val.loss"},
                               {"val_loss_chance", "val.loss.chance"},
                               {"val_accuracy", "val.accuracy"},
                               {"val_accuracy_chance", "val.accuracy.chance"},
                               {"val_loss_dense_part", "val.loss.dense_part"},
                               {"val_loss_sparse_part", "val.loss.sparse_part"},
                               {"mass_kept", "selection.mass_kept"},
                               {"mass_kept_chance", "selection.mass_kept.chance"},
                               {"captured", "indexer.captured"},
                               {"recall", "selection.recall"},
                               {"recall_chance", "selection.recall.chance"},
                               {"recall_random", "selection.recall.random"},
                               {"recall_recency", "selection.recall.recency"},
                               {"oracle_recall", "oracle.recall"},
                               {"oracle_recall_best_layer", "oracle.recall.best_layer"},
                               {"oracle_recall_chance", "oracle.recall.chance"},
                               {"oracle_recall_random", "oracle.recall.random"},
                               {"oracle_recall_recency", "oracle.recall.recency"},
                               {"accuracy_random_selector", "counterfactual.accuracy.random"},
                               {"accuracy_recency_selector", "counterfactual.accuracy.recency"},
                               {"loss_random_selector", "counterfactual.loss.random"},
                               {"loss_recency_selector", "counterfactual.loss.recency"}};
/// What the means over seeds are taken of, beside the columns above.
constexpr const char *kMeasured[] = {"best_val_loss", "seconds_per_step", "peak_memory_bytes"};

/// b against a: does selecting cost anything, and does the latent.
constexpr std::pair<Family, Family> kComparisons[] = {{Family::Classic, Family::Sparse},
                                                      {Family::Mhla, Family::MhlaSparse},
                                                      {Family::Classic, Family::Mhla},
                                                      {Family::Sparse, Family::MhlaSparse}};

struct Run {
    RunConfig config;
    RunState state = RunState::Queued;
    Json row;
};

Json number(std::optional<double> value) { return value && std::isfinite(*value) ? Json(*value) : Json(); }

Json wholeNumber(const std::optional<std::string> &text)
{
    if (!text || text->empty() || text->size() > 18 || text->find_first_not_of("0123456789") != std::string::npos)
        return Json();
    return Json(std::stoll(*text));
}

Json valueOrNull(const std::optional<std::string> &text) { return text ? Json(*text) : Json(); }

std::vector<double> valuesOf(const RunReader &run, const std::string &metric)
{
    std::vector<double> values;
    for (const Point &point : run.series(metric)) {
        if (std::isfinite(point.y))
            values.push_back(point.y);
    }
    return values;
}

/// Device memory where the run had a device; the process otherwise.
std::optional<double> peakMemory(const RunReader &run)
{
    for (const char *metric : {"memory.device", "memory.host"}) {
        const std::vector<double> values = valuesOf(run, metric);
        const auto largest = std::max_element(values.begin(), values.end());
        if (largest != values.end() && *largest > 0)
            return *largest;
    }
    return std::nullopt;
}

Run readRun(const fs::path &folder, const std::string &name)
{
    const RunReader reader(folder);
    Run run{reader.config(), reader.state(), {}};
    const std::int64_t step = reader.lastStep();
    run.row = {{"run", name},
               {"family", toString(run.config.model.family)},
               {"sequence_length", run.config.training.sequenceLength},
               {"seed", run.config.training.seed},
               {"top_k", isSparse(run.config.model.family) ? Json(run.config.topK()) : Json()}};
    Json axes = Json::object();
    for (const auto &[axis, value] : run.config.extraAxes)
        axes[axis] = value;
    run.row["axes"] = axes;
    run.row["state"] = toString(run.state);
    const std::string reason = reader.stateReason();
    run.row["reason"] = reason.empty() ? Json() : Json(reason);
    run.row["error"] = nullptr;
    run.row["steps"] = step < 0 ? Json() : Json(step);
    run.row["steps_planned"] = run.config.training.steps;
    run.row["recipe"] = toString(run.config.training.recipe);
    run.row["parameters"] = wholeNumber(reader.value("parameters"));
    for (const Column &column : kColumns)
        run.row[column.key] = number(reader.last(column.metric));
    run.row["best_val_loss"] = number(reader.best("val.loss"));
    run.row["seconds_per_step"] = number(medianOf(valuesOf(reader, "time.step")));
    run.row["peak_memory_bytes"] = number(peakMemory(reader));
    run.row["device"] = valueOrNull(reader.value("device"));
    run.row["precision"] = valueOrNull(reader.value("precision"));
    return run;
}

/// What makes runs comparable: everything that was swept but family and seed.
std::string groupOf(const RunConfig &config)
{
    std::string key = fmt::format("{:08}", config.training.sequenceLength);
    for (const auto &[axis, value] : config.extraAxes)
        key += "/" + axis + "=" + value;
    return key;
}

using Group = std::map<Family, std::map<std::uint64_t, const Run *>>; ///< finished runs by family and seed

std::map<std::string, Group> groupsOf(const std::vector<Run> &runs)
{
    std::map<std::string, Group> groups;
    for (const Run &run : runs) {
        if (run.state == RunState::Finished)
            groups[groupOf(run.config)][run.config.model.family].emplace(run.config.training.seed, &run);
    }
    return groups;
}

Json comparisonsOf(const std::map<std::string, Group> &groups)
{
    std::vector<PairedDifference> table;
    Json rows = Json::array();
    for (const auto &[key, group] : groups) {
        for (const auto &[a, b] : kComparisons) {
            const auto first = group.find(a), second = group.find(b);
            if (first == group.end() || second == group.end())
                continue;
            std::vector<double> differences;
            Json seeds = Json::array();
            for (const auto &[seed, run] : first->second) {
                const auto other = second->second.find(seed);
                if (other == second->second.end())
                    continue;
                const Json &lossA = run->row["val_loss"], &lossB = other->second->row["val_loss"];
                if (lossA.is_null() || lossB.is_null() || run->row["steps"] != other->second->row["steps"])
                    continue;
                differences.push_back(lossB.get<double>() - lossA.get<double>());
                seeds.push_back(seed);
            }
            const Run &sample = *first->second.begin()->second;
            table.push_back(pairedDifference(differences, kMargin));
            rows.push_back({{"a", toString(a)},
                            {"b", toString(b)},
                            {"sequence_length", sample.config.training.sequenceLength},
                            {"axes", sample.row["axes"]},
                            {"metric", "val_loss"},
                            {"unit", "nats"},
                            {"margin", kMargin},
                            {"seeds", seeds},
                            {"differences", differences}});
        }
    }
    applyHolm(table);
    for (std::size_t i = 0; i < table.size(); ++i) {
        rows[i]["n"] = table[i].n;
        rows[i]["mean_difference"] = number(table[i].mean);
        rows[i]["sd"] = number(table[i].sd);
        rows[i]["ci95"] = table[i].ci95 ? Json::array({table[i].ci95->low, table[i].ci95->high}) : Json();
        rows[i]["verdict"] = toString(table[i].verdict);
    }
    return rows;
}

/// The one value that all runs share; null where they differ or none is known.
Json common(const std::vector<Run> &runs, const char *key)
{
    Json shared;
    for (const Run &run : runs) {
        const Json &value = run.row[key];
        if (value.is_null())
            continue;
        if (!shared.is_null() && shared != value)
            return Json();
        shared = value;
    }
    return shared;
}

/// Name and question as the experiment's file has them, else as its runs remember them.
void describe(const fs::path &folder, const std::vector<Run> &runs, Json &summary)
{
    summary["experiment"] = runs.empty() ? fs::weakly_canonical(folder).filename().string() : runs[0].config.experiment;
    summary["question"] = runs.empty() ? "" : runs[0].config.question;
    if (!fs::exists(folder / "experiment.json"))
        return;
    try {
        const Json document = readJsonFile(folder / "experiment.json");
        for (const auto &[key, field] : {std::pair("experiment", "name"), std::pair("question", "question")}) {
            if (document.is_object() && document.contains(field) && document[field].is_string())
                summary[key] = document[field];
        }
    } catch (const Failure &failure) {
        summary["problems"].push_back(failure.error().text());
    }
}

struct Report {
    Json summary;
    std::vector<Run> runs;
};

Report read(const fs::path &folder)
{
    Report report;
    Json rows = Json::array();
    Json problems = Json::array();
    for (const fs::path &path : experimentRuns(folder)) {
        const std::string name = path.lexically_relative(folder).generic_string();
        try {
            Run run = readRun(path, name);
            rows.push_back(run.row);
            report.runs.push_back(std::move(run));
        } catch (const std::exception &failure) {
            // One damaged folder must not take the others' numbers along.
            rows.push_back({{"run", name}, {"state", nullptr}, {"error", failure.what()}});
            problems.push_back(fmt::format("{}: {}", name, failure.what()));
        }
    }
    report.summary = {
        {"schema", kSummarySchema}, {"experiment", nullptr}, {"question", nullptr}, {"problems", problems}};
    describe(folder, report.runs, report.summary);
    report.summary["runs"] = rows;
    report.summary["comparisons"] = comparisonsOf(groupsOf(report.runs));
    report.summary["chance"] = {{"val_loss", common(report.runs, "val_loss_chance")},
                                {"val_accuracy", common(report.runs, "val_accuracy_chance")}};
    report.summary["gates"] = Json::array();
    report.summary["versions"] = {{"summary", kSummarySchema}};
    return report;
}

/// seq_<L>/<family>_results.json: means over the seeds that are done, one entry per combination of other swept values.
void writeFamilies(const fs::path &folder, const Report &report)
{
    std::map<std::pair<std::int64_t, Family>, Json> documents;
    for (const auto &[key, group] : groupsOf(report.runs)) {
        for (const auto &[family, bySeed] : group) {
            const Run &sample = *bySeed.begin()->second;
            const std::int64_t length = sample.config.training.sequenceLength;
            Json entry = {{"axes", sample.row["axes"]},
                          {"top_k", sample.row["top_k"]},
                          {"n", bySeed.size()},
                          {"seeds", Json::array()}};
            for (const auto &[seed, run] : bySeed)
                entry["seeds"].push_back(seed);
            entry["mean"] = entry["sd"] = entry["values"] = Json::object();
            const auto add = [&](const char *name) {
                std::vector<double> values;
                Json all = Json::array();
                for (const auto &[seed, run] : bySeed) {
                    all.push_back(run->row[name]);
                    if (!run->row[name].is_null())
                        values.push_back(run->row[name].get<double>());
                }
                // A mean over some of the seeds would be another quantity.
                const bool whole = values.size() == bySeed.size();
                entry["mean"][name] = whole ? number(meanOf(values)) : Json();
                entry["sd"][name] = whole ? number(sdOf(values)) : Json();
                entry["values"][name] = all;
            };
            for (const Column &column : kColumns)
                add(column.key);
            for (const char *name : kMeasured)
                add(name);
            Json &document = documents[{length, family}];
            if (document.is_null())
                document = {{"schema", kSummarySchema},
                            {"experiment", report.summary["experiment"]},
                            {"family", toString(family)},
                            {"sequence_length", length},
                            {"groups", Json::array()}};
            document["groups"].push_back(entry);
        }
    }
    for (const auto &[place, document] : documents) {
        const fs::path target = folder / fmt::format("seq_{}", place.first);
        makeFolder(target);
        writeFileAtomically(target / (toString(place.second) + "_results.json"), document.dump(2) + "\n");
    }
}

} // namespace

std::vector<fs::path> experimentRuns(const fs::path &folder)
{
    std::error_code code;
    if (!fs::is_directory(folder, code))
        throw Failure({"no such folder", folder.string(), {}, {}, "Give the folder of an experiment."});
    if (fs::exists(folder / "run.json", code))
        throw Failure({"is a single run",
                       folder.string(),
                       {},
                       "the folder of an experiment",
                       "Give the folder that holds experiment.json and the seq_ folders."});
    const std::vector<fs::path> runs = findRuns(folder);
    if (runs.empty())
        throw Failure(
            {"no runs in the folder", folder.string(), {}, {}, "Train the experiment first, or give another folder."});
    return runs;
}

Json summarise(const fs::path &experimentFolder) { return read(experimentFolder).summary; }

Json writeReport(const fs::path &experimentFolder)
{
    const Report report = read(experimentFolder);
    writeFamilies(experimentFolder, report);
    writeFileAtomically(experimentFolder / "summary.csv", summaryCsv(report.summary));
    writeFileAtomically(experimentFolder / "RESULTS_SUMMARY.md", summaryMarkdown(report.summary));
    const auto replace = nlohmann::json::error_handler_t::replace; // messages may quote damaged text
    writeFileAtomically(experimentFolder / "summary.json", report.summary.dump(2, ' ', false, replace) + "\n");
    return report.summary;
}

} // namespace sparsescope
