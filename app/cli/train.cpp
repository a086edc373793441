#include "app/cli/changes.h"
#include "app/cli/command.h"
#include "app/cli/interrupt.h"
#include "app/cli/progress.h"
#include "app/cli/result_table.h"
#include "core/base/cost_model.h"
#include "core/base/json_reader.h"
#include "core/base/presets.h"
#include "core/data/data_source.h"
#include "core/experiment/runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>

namespace sparsescope {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostPlanLines = 24;

struct TrainOptions {
    std::string experiment;
    std::vector<std::string> changes;
    std::string out = "runs";
    std::string device = "auto";
    int threads = 0;
    bool resume = false;
};

std::vector<Override> overridesOf(const std::vector<std::string> &changes)
{
    std::vector<Error> errors;
    std::vector<Override> overrides = splitChanges(changes, "path.to.field=VALUE", errors);
    if (!errors.empty())
        throw ConfigFailure(std::move(errors));
    return overrides;
}

/// A file, or the name of a preset.
fs::path experimentFile(const std::string &word)
{
    std::error_code code;
    const bool looksLikeName = word.find('/') == std::string::npos && fs::path(word).extension() != ".json";
    if (fs::exists(word, code) || !looksLikeName)
        return word;
    return presetPath(word);
}

ExperimentConfig experimentOf(const TrainOptions &options)
{
    const std::vector<Override> overrides = overridesOf(options.changes);
    try {
        return loadExperiment(experimentFile(options.experiment), overrides);
    } catch (const Failure &failure) { // no such file, no JSON: bad usage, not failed work
        throw ConfigFailure({failure.error()});
    }
}

nlohmann::ordered_json stageList(const RunConfig &run)
{
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (const StageConfig &stage : stagesOf(run))
        list.push_back({{"name", stage.name},
                        {"steps", stage.steps},
                        {"attention", toString(stage.attention)},
                        {"train", toString(stage.trains)},
                        {"kl", toString(stage.kl)}});
    return list;
}

std::string stageText(const RunConfig &run)
{
    std::string text;
    for (const StageConfig &stage : stagesOf(run))
        text += fmt::format("{}{} {}", text.empty() ? "" : ", ", stage.name, stage.steps);
    return text;
}

/// Says before the start what will be trained and about what it costs. Throws ConfigFailure when it cannot fit.
void printPlan(const ExperimentConfig &experiment, const std::vector<RunConfig> &runs, const DeviceInfo &device,
               Output &output)
{
    const DeviceSpeed speed = typicalSpeed(device.isCuda);
    output.note(fmt::format("{}: {}", experiment.name,
                            experiment.question.empty() ? "no question given" : experiment.question));
    output.note(fmt::format("{} run{} on {}", runs.size(), runs.size() == 1 ? "" : "s",
                            device.description.empty() ? device.name : device.description));
    if (!device.note.empty())
        output.note(device.note);
    double seconds = 0;
    std::vector<Error> errors;
    output.data()["plan"] = nlohmann::ordered_json::array();
    for (std::size_t i = 0; i < runs.size(); ++i) {
        const RunConfig &run = runs[i];
        const int vocabulary = expectedVocabulary(run);
        const std::int64_t parameters = parameterCount(run, vocabulary).total();
        const int bytes =
            run.training.precision == Precision::Fp32 || (run.training.precision == Precision::Auto && !device.isCuda)
                ? 4
                : 2;
        const double memory = trainingMemory(run, vocabulary, bytes);
        seconds += runSeconds(run, vocabulary, speed);
        if (device.memoryBytes > 0 && memory > device.memoryBytes) {
            errors.push_back(
                {"needs more memory than the device has", "training.batch_size",
                 fmt::format("{} (about {:.1f} GB) in {}", run.training.batchSize, memory / 1e9, run.folder()),
                 fmt::format("at most {} in {:.1f} GB", largestBatch(run, vocabulary, bytes, device.memoryBytes),
                             device.memoryBytes / 1e9),
                 "", experiment.origin});
        }
        output.data()["plan"].push_back(
            {{"run", run.folder()}, {"parameters", parameters}, {"stages", stageList(run)}, {"memory_bytes", memory}});
        if (i < kMostPlanLines)
            output.note(fmt::format("  {}: {} parameters, k {}, {}", run.folder(), parameters,
                                    isSparse(run.model.family) ? std::to_string(run.topK()) : "-", stageText(run)));
        else if (i == kMostPlanLines)
            output.note(fmt::format("  and {} more", runs.size() - kMostPlanLines));
    }
    if (!errors.empty())
        throw ConfigFailure(std::move(errors));
    output.note("About " + duration(seconds) + " by estimate");
    output.data()["device"] = device.description.empty() ? device.name : device.description;
    output.data()["estimated_seconds"] = seconds;
}

std::vector<RunOutcome> trainAll(const ExperimentConfig &experiment, const RunnerOptions &options, RunControl &control,
                                 Progress &progress)
{
    try {
        return runExperiment(experiment, options, control, progress);
    } catch (const Failure &failure) { // refused before anything started
        progress.finish();
        throw ConfigFailure({failure.error()});
    }
}

int train(const TrainOptions &options, Output &output)
{
    const ExperimentConfig experiment = experimentOf(options);
    const std::vector<RunConfig> runs = expand(experiment);
    DeviceInfo device;
    try {
        device = describeDevice(options.device);
    } catch (const Failure &failure) {
        throw ConfigFailure({failure.error()});
    }
    printPlan(experiment, runs, device, output);

    const fs::path folder = fs::path(options.out) / experiment.name;
    output.data()["folder"] = folder.string();
    RunControl control;
    const Interrupt interrupt(control);
    Progress progress(runs, output);
    RunnerOptions runner;
    runner.out = options.out;
    runner.device = options.device;
    runner.resume = options.resume;
    runner.threads = options.threads;
    const std::vector<RunOutcome> outcomes = trainAll(experiment, runner, control, progress);
    progress.finish();

    bool failed = false;
    output.data()["runs"] = nlohmann::ordered_json::array();
    for (const RunOutcome &outcome : outcomes) {
        failed = failed || outcome.state == RunState::Failed;
        output.data()["runs"].push_back({{"run", outcome.run},
                                         {"state", toString(outcome.state)},
                                         {"step", outcome.step},
                                         {"reason", outcome.reason}});
        if (outcome.state == RunState::Failed)
            output.error({"run failed: " + outcome.reason, outcome.run, "", "", ""});
    }
    if (interrupt.happened()) {
        output.note("Stopped. Everything is saved; go on with --resume.");
        return kInterrupted;
    }
    writeResults(folder, output);
    return failed ? kFailed : kDone;
}

} // namespace

Action declareTrain(CLI::App &command)
{
    const auto options = std::make_shared<TrainOptions>();
    command.add_option("experiment", options->experiment, "An experiment file, or the name of a preset")
        ->required()
        ->type_name("EXPERIMENT.json");
    command.add_option("--out", options->out, "Folder under which the experiment gets its own")
        ->type_name("DIR")
        ->capture_default_str();
    command.add_option("--set", options->changes, "Change a field: path.to.field=VALUE; may be given again")
        ->type_name("PATH=VALUE")
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
        ->allow_extra_args(false);
    command.add_option("--device", options->device, "auto, cpu, cuda or cuda:1")->capture_default_str();
    command.add_option("--threads", options->threads, "CPU threads; 0: as the machine has")
        ->check(CLI::Range(0, 1024))
        ->capture_default_str();
    command.add_flag("--resume", options->resume, "Go on with what is in the folder");
    return [options](Output &output) { return train(*options, output); };
}

} // namespace sparsescope
