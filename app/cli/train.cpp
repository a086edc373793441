#include "app/cli/changes.h"
#include "app/cli/command.h"
#include "app/cli/experiment_file.h"
#include "app/cli/interrupt.h"
#include "app/cli/progress.h"
#include "app/cli/result_table.h"
#include "core/base/cost_model.h"
#include "core/base/statistics.h"
#include "core/experiment/runner.h"
#include "core/train/warm_up.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <set>

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

/// Says before the start what will be trained and about what it costs.
void printPlan(const ExperimentConfig &experiment, const StartPlan &plan, const std::string &name, Output &output)
{
    const std::vector<RunConfig> &runs = plan.configs;
    const DeviceInfo device = describeDevice(name);
    // Cards differ by tens: one is asked. Of processors the typical one is near enough, and asking would cost seconds.
    const DeviceSpeed speed = device.isCuda ? warmUpEngine(name) : typicalSpeed(false);
    output.note(fmt::format("{}: {}", experiment.name,
                            experiment.question.empty() ? "no question given" : experiment.question));
    output.note(fmt::format("{} run{} on {}", runs.size(), runs.size() == 1 ? "" : "s", device.description));
    if (!device.note.empty())
        output.note(device.note);
    double seconds = 0, memory = 0;
    output.data()["plan"] = nlohmann::ordered_json::array();
    for (std::size_t i = 0; i < runs.size(); ++i) {
        const RunConfig &run = runs[i];
        const int vocabulary = expectedVocabulary(run);
        const std::int64_t parameters = parameterCount(run, vocabulary).total();
        const double bytes = trainingMemory(run, vocabulary, bytesPerActivation(run, device.isCuda));
        seconds += runSeconds(run, vocabulary, speed);
        memory = std::max(memory, bytes);
        output.data()["plan"].push_back(
            {{"run", run.folder()}, {"parameters", parameters}, {"stages", stageList(run)}, {"memory_bytes", bytes}});
        if (i < kMostPlanLines)
            output.note(fmt::format("  {}: {} parameters, k {}, {}", run.folder(), parameters,
                                    isSparse(run.model.family) ? std::to_string(run.topK()) : "-", stageText(run)));
        else if (i == kMostPlanLines)
            output.note(fmt::format("  and {} more", runs.size() - kMostPlanLines));
    }
    output.note(fmt::format("About {} and {:.1f} GB of memory by estimate", duration(seconds), memory / 1e9));
    std::set<std::uint64_t> seeds;
    for (const RunConfig &run : runs)
        seeds.insert(run.training.seed);
    if (runs.size() > seeds.size()) // there is something to compare
        output.note("Seeds: " + resolutionText(static_cast<int>(seeds.size())));
    output.notices(plan.notices);
    output.data()["device"] = device.description;
    output.data()["estimated_seconds"] = seconds;
}

StartPlan planned(const ExperimentConfig &experiment, const std::vector<std::string> &changes,
                  const RunnerOptions &options)
{
    try {
        return planStart(experiment, options);
    } catch (const ConfigFailure &failure) {
        throw placed(failure, changes);
    }
}

int train(const TrainOptions &options, Output &output)
{
    const ExperimentConfig experiment = experimentOf(options.experiment, options.changes);
    RunnerOptions runner;
    runner.out = options.out;
    runner.device = options.device;
    runner.resume = options.resume;
    runner.threads = options.threads;
    const StartPlan plan = planned(experiment, options.changes, runner);
    printPlan(experiment, plan, options.device, output);
    if (options.resume) {
        for (const RunStart &start : plan.runs)
            output.note(textOf(start));
    }

    const fs::path folder = fs::path(options.out) / experiment.name;
    output.data()["folder"] = folder.string();
    RunControl control;
    const Interrupt interrupt(control, output.quiet());
    Progress progress(plan.configs, output);
    const std::vector<RunOutcome> outcomes = runPlan(experiment, plan, runner, control, progress);
    progress.finish();

    bool whole = true;
    output.data()["runs"] = nlohmann::ordered_json::array();
    for (const RunOutcome &outcome : outcomes) {
        output.data()["runs"].push_back({{"run", outcome.run},
                                         {"state", toString(outcome.state)},
                                         {"step", outcome.step},
                                         {"reason", outcome.reason}});
        if (outcome.state == RunState::Failed)
            output.error({"run failed: " + outcome.reason, outcome.run, "", "", ""});
        else if (!outcome.reason.empty())
            output.error({"run is done, but: " + outcome.reason, outcome.run, "", "", ""});
        whole = whole && outcome.state != RunState::Failed && outcome.reason.empty();
    }
    if (interrupt.happened()) {
        output.note(whole ? "Stopped. Everything is saved; go on with --resume."
                          : "Stopped. What is named above could not be saved or cannot go on; --resume goes on with "
                            "the rest, and from the last checkpoints.");
        return whole ? kInterrupted : kFailed;
    }
    return writeResults(folder, {}, output) && whole ? kDone : kFailed;
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
