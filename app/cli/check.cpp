#include "app/cli/changes.h"
#include "app/cli/command.h"
#include "app/cli/experiment_file.h"
#include "app/cli/frozen_runs.h"
#include "app/cli/stored_files.h"
#include "core/base/damage_failure.h"
#include "core/base/gates.h"
#include "core/base/nearest_name.h"
#include "core/base/run_folder.h"
#include "core/base/stored_checks.h"
#include "core/train/planted_fault.h"
#include "core/train/soundness.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>

namespace sparsescope {
namespace {

namespace fs = std::filesystem;

struct CheckOptions {
    std::string subject;
    std::vector<std::string> changes;
    std::string device = "auto";
    std::string plant; ///< empty: nothing
};

/// A run that is to be checked, and with which weights.
struct Judged {
    RunConfig config;
    std::string origin;                          ///< the file in which the configuration stands
    fs::path folder;                             ///< empty: the run is not trained yet
    fs::path checkpoint;                         ///< empty: the weights of step 0
    std::optional<RecordedProbes> recorded = {}; ///< what it wrote down on the way to these weights
};

/// Does the database name a checkpoint that is newer than all that are there?
bool newestIsGone(const RunReader &reader)
{
    const std::vector<CheckpointInfo> there = reader.checkpoints(), named = reader.recordedCheckpoints();
    return !named.empty() && (there.empty() || there.back().step < named.back().step);
}

/// A run whose newest checkpoint is damaged is left out: with others of its weights the gates would judge another model.
std::vector<Judged> storedRuns(const fs::path &subject, const StoredFiles &files, Output &output)
{
    if (!files.found())
        throw ConfigFailure(
            {{"nothing to check here", "", "\"" + subject.string() + "\"",
              "an experiment file, the name of a preset, the folder of an experiment, of a run or of one of "
              "its checkpoints",
              ""}});
    std::vector<Judged> result;
    for (const RunReader &reader : files.runs()) {
        const std::vector<CheckpointInfo> checkpoints = reader.checkpoints();
        Judged run{reader.config(), runFile(reader.folder()).string(), reader.folder(),
                   checkpoints.empty() ? fs::path() : checkpoints.back().folder};
        run.recorded = recordedProbes(reader);
        if (!files.checkpoint() && newestIsGone(reader)) {
            run.folder.clear(); // other weights than the run ended with: what was found of those stays
            output.note(fmt::format("{}: its newest checkpoint is not there: {} are checked, and nothing is stored "
                                    "beside the run.",
                                    run.config.folder(),
                                    checkpoints.empty() ? "the weights of step 0" : "those of an earlier one"));
        }
        if (files.checkpoint()) {
            run.recorded.reset(); // the run has gone on since
            run.folder.clear();   // what one checkpoint shows does not replace what the run ended with
            run.checkpoint = *files.checkpoint();
        }
        if (files.isDamaged(run.checkpoint))
            output.line(fmt::format("{}, checkpoint {}: not checked, because it is damaged", run.config.folder(),
                                    run.checkpoint.filename().string()));
        else
            result.push_back(std::move(run));
    }
    return result;
}

std::vector<Judged> plannedRuns(const CheckOptions &options)
{
    std::vector<Judged> result;
    const ExperimentConfig experiment = experimentOf(options.subject, options.changes);
    for (RunConfig &config : expand(experiment))
        result.push_back({std::move(config), experiment.origin, {}, {}});
    return result;
}

/// Beside the run, so that the window and the report need not measure again. A run that another process trains keeps its own.
void store(const Judged &run, const std::vector<CheckResult> &results, Output &output)
{
    if (run.folder.empty())
        return;
    try {
        const std::unique_ptr<RunWriter> writer = RunWriter::open(run.folder);
        storeChecks(*writer, results);
    } catch (const Failure &failure) {
        output.note(fmt::format("{}: not stored beside the run: {}", run.config.folder(), failure.what()));
    }
}

std::size_t titleWidth()
{
    std::size_t width = 0;
    for (const GateInfo &info : gates())
        width = std::max(width, info.title.size());
    return width;
}

void print(const CheckResult &result, Output &output)
{
    const GateInfo &info = gate(result.gate);
    const auto line = [&, width = titleWidth()](const std::string &outcome, const std::string &title,
                                                const std::string &text) {
        output.line(fmt::format("  {:<8} {:<{}} {}", outcome, title, width, text));
    };
    line(toString(result.outcome), info.title, result.measured);
    if (result.outcome == CheckOutcome::Failed || result.outcome == CheckOutcome::Warning) {
        line("", "", "passes when: " + info.passes);
        line("", "", info.remedy);
    }
}

std::vector<CheckResult> measured(const Judged &run, const CheckOptions &options, Output &output)
{
    SoundnessOptions soundness;
    soundness.device = options.device;
    soundness.checkpoint = run.checkpoint;
    soundness.plant = options.plant;
    soundness.recorded = run.recorded;
    soundness.onResult = [&](const CheckResult &result) { print(result, output); };
    try {
        return checkRun(run.config, soundness);
    } catch (const DamageFailure &) {
        throw;
    } catch (const ConfigFailure &failure) {
        throw placed(failure, options.changes, run.origin);
    }
}

/// What a fault of single runs needs.
std::string placeText(const PlantedFault &fault)
{
    if (fault.needsRecord)
        return "the folder of a trained run with a trained indexer and two or more sparse steps";
    const GateScope scope = gate(fault.gate).scope;
    const bool indexed = scope == GateScope::Indexed || scope == GateScope::Learning;
    if (fault.needsTrained)
        return indexed ? "the folder of a trained run with a trained indexer" : "the folder of a trained run";
    if (fault.needsFresh)
        return "a preset or an experiment file: weights of step 0";
    return indexed ? "a run that selects keys by an indexer" : "a run that selects keys";
}

/// Refuses what is no fault, or one that these runs cannot show.
void demandFault(const std::string &name, const std::vector<Judged> &runs)
{
    const PlantedFault *fault = plantedFault(name);
    if (!fault) {
        std::vector<std::string> names;
        for (const PlantedFault &known : plantedFaults())
            names.push_back(known.name + (known.warns ? " (warns)" : ""));
        std::vector<std::string> plain;
        for (const PlantedFault &known : plantedFaults())
            plain.push_back(known.name);
        const std::string nearest = nearestName(name, plain);
        throw ConfigFailure({{"no such fault", "--plant", "\"" + name + "\"", fmt::format("{}", fmt::join(names, ", ")),
                              nearest.empty() ? std::string() : "Did you mean " + nearest + "?"}});
    }
    if (isBetweenRuns(*fault)) {
        std::vector<RunConfig> configs;
        for (const Judged &run : runs)
            configs.push_back(run.config);
        if (!hasPlace(*fault, configs))
            throw ConfigFailure(
                {{"these runs cannot show it", "--plant", name,
                  fault->gate == "tokens-per-step" ? "runs of two lengths" : "runs of two families that are compared",
                  ""}});
        return;
    }
    const bool shown = std::any_of(runs.begin(), runs.end(), [&](const Judged &run) {
        return hasPlace(*fault, run.config, {!run.checkpoint.empty(), run.recorded.has_value()});
    });
    if (!shown)
        throw ConfigFailure({{"these runs cannot show it", "--plant", name, placeText(*fault), ""}});
}

int check(const CheckOptions &options, Output &output)
{
    std::optional<StoredFiles> files;
    if (fs::is_directory(options.subject)) {
        if (!options.changes.empty())
            throw ConfigFailure({{"a stored run cannot be changed", "--set", options.changes.front(),
                                  "only with an experiment file or a preset", ""}});
        files.emplace(options.subject);
        files->tellDamages(output);
    }
    std::vector<Judged> runs = files ? storedRuns(options.subject, *files, output) : plannedRuns(options);
    if (!options.plant.empty()) {
        demandFault(options.plant, runs);
        const PlantedFault &fault = *plantedFault(options.plant);
        output.line(
            fmt::format("Planted for the gate \"{}\": {} Nothing is stored.", gate(fault.gate).title, fault.words));
        output.data()["planted"] = fault.name;
    }
    std::vector<CheckResult> all;
    std::vector<RunConfig> configs;
    for (Judged &run : runs) {
        const std::vector<CheckResult> results = onCheckpoint(run.folder, run.checkpoint, [&] {
            output.line(fmt::format("{}, {}", run.config.folder(),
                                    run.checkpoint.empty() ? "weights of step 0"
                                                           : "checkpoint " + run.checkpoint.filename().string()));
            return measured(run, options, output);
        });
        if (options.plant.empty())
            store(run, results, output);
        all.insert(all.end(), results.begin(), results.end());
        configs.push_back(run.config);
    }
    const std::vector<CheckResult> fairness = checkFairness(configs, options.plant);
    if (!fairness.empty())
        output.line("between the runs");
    for (const CheckResult &result : fairness)
        print(result, output);
    all.insert(all.end(), fairness.begin(), fairness.end());

    output.data()["headline"] = soundnessHeadline(all);
    output.data()["gates"] = nlohmann::ordered_json::array();
    for (const CheckResult &result : all)
        output.data()["gates"].push_back(toJson(result));
    output.line(soundnessHeadline(all));
    if (files)
        files->tellRead(output);
    if (files && !files->whole())
        return kFailed;
    return anyFailed(all) ? kDoesNotHold : kDone;
}

} // namespace

Action declareCheck(CLI::App &command)
{
    const auto options = std::make_shared<CheckOptions>();
    command
        .add_option("subject", options->subject,
                    "An experiment file, the name of a preset, or the folder of an experiment, a run or a checkpoint")
        ->required()
        ->type_name("EXPERIMENT.json|DIR");
    command.add_option("--set", options->changes, "Change a field: path.to.field=VALUE; may be given again")
        ->type_name("PATH=VALUE")
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
        ->allow_extra_args(false);
    command
        .add_option(
            "--plant", options->plant,
            "Do something wrong to the runs first, to see its gate fail: missing-key, future-key, ...; any other word "
            "lists them all. Changes no file")
        ->type_name("FAULT");
    command.add_option("--device", options->device, "auto, cpu, cuda or cuda:N")->capture_default_str();
    return [options](Output &output) { return check(*options, output); };
}

} // namespace sparsescope
