#include "core/experiment/report.h"

#include "core/base/atomic_file.h"
#include "core/base/comparison_text.h"
#include "core/base/error.h"
#include "core/base/gates.h"
#include "core/base/json_reader.h"
#include "core/base/places.h"
#include "core/base/run_store.h"
#include "core/base/safetensors.h"
#include "core/base/schemas.h"
#include "core/base/stored_summary.h"
#include "core/base/swept_values.h"
#include "core/experiment/report_text.h"
#include "core/experiment/run_files.h"
#include "core/experiment/stored_run.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>

namespace fs = std::filesystem;

namespace sparsescope {

namespace {

using Json = nlohmann::ordered_json;

/// What makes runs comparable: everything that was swept but family and seed.
std::string groupOf(const RunConfig &config)
{
    std::string key = fmt::format("{:08}", config.training.sequenceLength);
    for (const auto &[axis, value] : config.extraAxes)
        key += "/" + axis + "=" + value;
    return key;
}

using Group = std::map<Family, std::map<std::uint64_t, const StoredRun *>>; ///< finished runs by family and seed

std::map<std::string, Group> groupsOf(const std::vector<StoredRun> &runs)
{
    std::map<std::string, Group> groups;
    for (const StoredRun &run : runs) {
        if (run.state == RunState::Finished)
            groups[groupOf(run.config())][run.config().model.family].emplace(run.config().training.seed, &run);
    }
    return groups;
}

/// The one value that all runs share; null where they differ or none is known.
Json common(const std::vector<StoredRun> &runs, const char *key)
{
    Json shared;
    for (const StoredRun &run : runs) {
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
void describe(const fs::path &folder, const std::vector<StoredRun> &runs, Json &summary)
{
    summary["experiment"] =
        runs.empty() ? fs::weakly_canonical(folder).filename().string() : runs[0].config().experiment;
    summary["question"] = runs.empty() ? "" : runs[0].config().question;
    if (!fs::exists(folder / "experiment.json"))
        return;
    try {
        const Json document = readJsonFile(folder / "experiment.json");
        for (const auto &[key, field] : {std::pair("experiment", "name"), std::pair("question", "question")}) {
            if (document.is_object() && document.contains(field) && document[field].is_string())
                summary[key] = document[field];
        }
    } catch (const Failure &) {
        return; // read() has said what is wrong with the file
    }
}

struct Report {
    Json summary;
    std::vector<StoredRun> runs;
};

std::vector<ComparedRun> finishedRuns(const std::vector<StoredRun> &runs)
{
    std::vector<ComparedRun> finished;
    for (const StoredRun &run : runs) {
        if (run.state == RunState::Finished)
            finished.push_back(run.compared);
    }
    return finished;
}

/// A run that was trained to its end evaluates there. Empty: nothing is missing.
std::string lacksItsLoss(const StoredRun &run)
{
    const bool trained = run.compared.started.fingerprint.has_value();
    const Series &losses = run.compared.validation;
    const bool there = !losses.empty() && static_cast<std::int64_t>(losses.back().x) == run.compared.steps;
    if (run.state != RunState::Finished || !trained || there)
        return {};
    return fmt::format("finished at step {} without a finite val.loss there: it is in no comparison",
                       run.compared.steps);
}

/// Every swept value against the first of its sweep, an axis after the other.
Json sweptComparisons(const fs::path &folder, const std::vector<ComparedRun> &runs)
{
    std::map<std::string, std::set<std::string>> values;
    for (const ComparedRun &run : runs) {
        for (const auto &[axis, value] : run.started.config.extraAxes)
            values[axis].insert(value);
    }
    const auto sweep = sweptValues(folder);
    Json comparisons = Json::array();
    for (const auto &[axis, known] : values) {
        const auto named = sweep.find(axis);
        const std::string first = named == sweep.end() ? std::string() : named->second.front();
        // Without a run of the reference there is nothing to stand against.
        if (!first.empty() && !known.count(first))
            continue;
        for (const Json &row : comparisonsJson(comparePairs(runs, axis, first)))
            comparisons.push_back(row);
    }
    return comparisons;
}

/// What the gates of every run found, and those between the runs; in the order of the runs.
void addGates(Report &report)
{
    std::vector<CheckResult> all;
    std::vector<StartedRun> started;
    for (const StoredRun &run : report.runs) {
        for (const CheckResult &result : run.compared.checks) {
            if (applies(gate(result.gate), run.config()))
                all.push_back(result);
        }
        started.push_back(run.compared.started);
    }
    const bool made = !all.empty();
    for (CheckResult &result : compareFairness(started))
        all.push_back(std::move(result));
    report.summary["soundness"] = made ? soundnessHeadline(all) : soundnessHeadline({});
    report.summary["gates"] = Json::array();
    for (const CheckResult &result : all)
        report.summary["gates"].push_back(gateJson(result));
}

/// The damage of a run's files in one text, however many there are.
std::string damageText(const std::string &run, const std::vector<Error> &damages)
{
    constexpr std::size_t kMostTexts = 3;
    std::string text = damages.size() > 1 ? fmt::format("{}: {} files are damaged.", run, damages.size()) : "";
    for (std::size_t i = 0; i < std::min(damages.size(), kMostTexts); ++i)
        text += (text.empty() ? "" : " ") + damages[i].text();
    return text + (damages.size() > kMostTexts ? fmt::format(" And {} more.", damages.size() - kMostTexts) : "");
}

Report read(const fs::path &folder)
{
    Report report;
    Json rows = Json::array();
    Json problems = Json::array(), absent = Json::array();
    for (const fs::path &path : experimentRuns(folder)) {
        const std::string name = path.lexically_relative(folder).generic_string();
        try {
            StoredRun run = readStoredRun(path, name);
            rows.push_back(run.row);
            report.runs.push_back(std::move(run));
            Json files = Json::array();
            for (const fs::path &file : notKept(RunReader(path)))
                files.push_back(file.lexically_relative(folder).generic_string());
            if (!files.empty())
                absent.push_back({{"run", name}, {"files", std::move(files)}});
        } catch (const std::exception &failure) {
            // One damaged folder must not take the others' numbers along.
            const std::string text = seenFrom(folder, failure.what());
            rows.push_back({{"run", name}, {"state", nullptr}, {"error", text}});
            problems.push_back(fmt::format("{}: {}", name, text));
        }
    }
    report.summary = {{"schema", kSummarySchema},
                      {"experiment", nullptr},
                      {"question", nullptr},
                      {"problems", problems},
                      {"not_kept", absent}};
    if (const std::optional<Error> damage = experimentDamage(folder))
        report.summary["problems"].push_back(seenFrom(folder, damage->text()));
    describe(folder, report.runs, report.summary);
    for (const StoredRun &run : report.runs) {
        if (const std::string lack = lacksItsLoss(run); !lack.empty())
            report.summary["problems"].push_back(run.row["run"].get<std::string>() + ": " + lack);
    }
    report.summary["runs"] = rows;
    const std::vector<ComparedRun> finished = finishedRuns(report.runs);
    report.summary["comparisons"] = comparisonsJson(comparePairs(finished));
    report.summary["comparisons_swept"] = sweptComparisons(folder, finished);
    report.summary["chance"] = {{"val_loss", common(report.runs, "val_loss_chance")},
                                {"val_accuracy", common(report.runs, "val_accuracy_chance")}};
    report.summary["counterfactuals"] = Json::array();
    for (const StoredRun &run : report.runs) {
        if (run.counterfactual)
            report.summary["counterfactuals"].push_back(toJson(*run.counterfactual));
    }
    report.summary["needles"] = Json::array();
    for (const StoredRun &run : report.runs) {
        if (run.needle)
            report.summary["needles"].push_back(toJson(*run.needle));
    }
    addGates(report);
    report.summary["versions"] = {{"summary", kSummarySchema}, {"experiment", kExperimentSchema},
                                  {"run", kRunSchema},         {"snapshot", kSnapshotSchema},
                                  {"trainer", kTrainerSchema}, {"counterfactual", kCounterfactualSchema},
                                  {"needle", kNeedleSchema}};
    return report;
}

/// seq_<L>/<family>_results.json: means over the seeds that are done, one entry per combination of other swept values.
void writeFamilies(const fs::path &folder, const Report &report)
{
    std::map<std::pair<std::int64_t, Family>, Json> documents;
    for (const auto &[key, group] : groupsOf(report.runs)) {
        for (const auto &[family, bySeed] : group) {
            const StoredRun &sample = *bySeed.begin()->second;
            const std::int64_t length = sample.config().training.sequenceLength;
            Json entry = {{"axes", sample.row["axes"]},
                          {"top_k", sample.row["top_k"]},
                          {"n", bySeed.size()},
                          {"seeds", Json::array()}};
            for (const auto &[seed, run] : bySeed)
                entry["seeds"].push_back(seed);
            entry["mean"] = entry["sd"] = entry["values"] = Json::object();
            for (const std::string &name : measuredKeys()) {
                std::vector<double> values;
                Json all = Json::array();
                for (const auto &[seed, run] : bySeed) {
                    all.push_back(run->row[name]);
                    if (!run->row[name].is_null())
                        values.push_back(run->row[name].get<double>());
                }
                // A mean over some of the seeds would be another quantity.
                const bool whole = values.size() == bySeed.size();
                entry["mean"][name] = whole ? numberOrNull(meanOf(values)) : Json();
                entry["sd"][name] = whole ? numberOrNull(sdOf(values)) : Json();
                entry["values"][name] = all;
            }
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
    if (std::optional<Error> error = notAFolder(folder, "the folder of an experiment"))
        throw Failure(std::move(*error));
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
    const bool own = std::any_of(runs.begin(), runs.end(), [&](const fs::path &run) {
        return run.lexically_relative(folder).begin()->string().starts_with("seq_");
    });
    if (!own && !fs::exists(folder / "experiment.json", code))
        throw Failure({"is not the folder of one experiment",
                       folder.string(),
                       {},
                       "a folder with experiment.json, such as runs/demo",
                       {}});
    return runs;
}

std::vector<ComparedRun> comparedRuns(const fs::path &experimentFolder, std::vector<std::string> &problems)
{
    std::vector<StoredRun> runs;
    const std::vector<fs::path> folders = experimentRuns(experimentFolder);
    if (const std::optional<Error> damage = experimentDamage(experimentFolder))
        problems.push_back(damage->text());
    for (const fs::path &path : folders) {
        const std::string name = path.lexically_relative(experimentFolder).generic_string();
        try {
            runs.push_back(readStoredRun(path, name));
            if (const std::string lack = lacksItsLoss(runs.back()); !lack.empty())
                problems.push_back(name + ": " + lack);
        } catch (const std::exception &failure) {
            problems.push_back(fmt::format("{}: run is damaged and left out: {}", name, failure.what()));
        }
    }
    return finishedRuns(runs);
}

Json summarise(const fs::path &experimentFolder) { return read(experimentFolder).summary; }

std::string filesInWords(const Json &files)
{
    constexpr std::size_t kMostNames = 2;
    std::vector<std::string> names;
    for (std::size_t i = 0; i < std::min(files.size(), kMostNames); ++i)
        names.push_back(files[i].get<std::string>());
    return fmt::format("{} file{}: {}{}", files.size(), files.size() == 1 ? "" : "s", fmt::join(names, ", "),
                       files.size() > kMostNames ? fmt::format(" and {} more", files.size() - kMostNames) : "");
}

Json writeReport(const fs::path &experimentFolder, const std::vector<ExaminedRun> &examined)
{
    Report report = read(experimentFolder);
    for (const ExaminedRun &run : examined) {
        const std::string name = run.folder.lexically_relative(experimentFolder).generic_string();
        if (!run.files.damages.empty())
            report.summary["problems"].push_back(seenFrom(experimentFolder, damageText(name, run.files.damages)));
    }
    writeFamilies(experimentFolder, report);
    writeFileAtomically(experimentFolder / "summary.csv", summaryCsv(report.summary));
    Json comparisons = report.summary["comparisons"];
    for (const Json &row : report.summary["comparisons_swept"])
        comparisons.push_back(row);
    writeFileAtomically(experimentFolder / "comparisons.csv", comparisonsCsv(comparisons));
    std::vector<NeedleTable> needles;
    for (const StoredRun &run : report.runs) {
        if (run.needle)
            needles.push_back(*run.needle);
    }
    if (!needles.empty())
        writeFileAtomically(experimentFolder / kNeedleFile, needleCsv(needles));
    writeFileAtomically(experimentFolder / "RESULTS_SUMMARY.md", summaryMarkdown(report.summary));
    const auto replace = nlohmann::json::error_handler_t::replace; // messages may quote damaged text
    writeFileAtomically(experimentFolder / "summary.json", report.summary.dump(2, ' ', false, replace) + "\n");
    return report.summary;
}

void writeReducedReport(const StoredSummary &summary)
{
    const Json &document = summary.document;
    writeFileAtomically(summary.folder / "summary.csv", summaryCsv(document));
    Json comparisons = document.at("comparisons");
    for (const Json &row : document.at("comparisons_swept"))
        comparisons.push_back(row);
    writeFileAtomically(summary.folder / "comparisons.csv", comparisonsCsv(comparisons));
    if (!summary.needles.empty())
        writeFileAtomically(summary.folder / kNeedleFile, needleCsv(summary.needles));
    if (!summary.counterfactuals.empty())
        writeFileAtomically(summary.folder / kCounterfactualFile, counterfactualCsv(summary.counterfactuals));
    writeFileAtomically(summary.folder / "RESULTS_SUMMARY.md", summaryMarkdown(document));
}

} // namespace sparsescope
