#include "core/base/config_reader.h"
#include "core/base/cost_model.h"
#include "core/base/json_reader.h"
#include "core/base/places.h"
#include "core/base/remedies.h"
#include "core/base/rounded_expression.h"
#include "core/base/run_folder.h"
#include "core/base/run_lock.h"
#include "core/data/data_source.h"
#include "core/experiment/runner.h"
#include "core/train/checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>

namespace sparsescope {
namespace {

namespace fs = std::filesystem;

/// All that stands in the way, each once.
class Errors {
public:
    void add(const Error &error)
    {
        const auto same = [&](const Error &other) { return other.text() == error.text(); };
        if (std::none_of(m_errors.begin(), m_errors.end(), same)) {
            m_errors.push_back(error);
        }
    }
    void throwIfAny()
    {
        if (!m_errors.empty()) {
            throw ConfigFailure(std::move(m_errors));
        }
    }

private:
    std::vector<Error> m_errors;
};

void checkFolder(const fs::path &folder, bool resume, Errors &errors)
{
    std::error_code code;
    if (!resume && fs::exists(folder, code) && !fs::is_empty(folder, code)) {
        errors.add({"the experiment's folder is not empty", folder.string(), "", "a new or empty folder",
                    wordsOf(Remedy::ResumeOrElsewhere)});
    }
    fs::path there = fs::absolute(folder, code);
    while (there.has_relative_path() && !fs::exists(there, code)) {
        there = there.parent_path();
    }
    if (!fs::is_directory(there, code)) {
        errors.add({"the output folder cannot be made", folder.string(), there.string() + ", which is a file",
                    "a place in a folder", wordsOf(Remedy::Elsewhere)});
    } else if (std::optional<Error> error = takesNoFiles(there, nameOf(Place::Out))) {
        error->where = folder.string();
        errors.add(*error);
    }
}

void addNotice(std::vector<std::string> &notices, const std::string &notice)
{
    if (std::find(notices.begin(), notices.end(), notice) == notices.end()) {
        notices.push_back(notice);
    }
}

/// A card has no more than it has; a computer may swap, and the estimate is good to a factor of two: there it must be
/// beyond doubt.
void checkMemory(const RunConfig &run, const DeviceInfo &device, const std::string &origin,
                 std::vector<std::string> &notices, Errors &errors)
{
    const int vocabulary = expectedVocabulary(run);
    const int bytes = bytesPerActivation(run, device.isCuda);
    const double needed = trainingMemory(run, vocabulary, bytes);
    const double has = memoryOf(device);
    if (has <= 0 || needed <= has) {
        return;
    }
    const int batch = largestBatch(run, vocabulary, bytes, has);
    const std::string fits = batch > 0
                                 ? fmt::format("at most {} in {:.1f} GB", batch, has / 1e9)
                                 : fmt::format("a smaller model: not even one sequence fits in {:.1f} GB", has / 1e9);
    if (device.isCuda || needed > 2 * has) {
        errors.add({fmt::format("needs more memory than the {} has", device.isCuda ? "card" : "computer"),
                    "training.batch_size",
                    fmt::format("{} (about {:.1f} GB) in {}", run.training.batchSize, needed / 1e9, run.folder()), fits,
                    "", origin});
    } else {
        addNotice(notices, fmt::format("training.batch_size: {} may need more memory than the computer has, about "
                                       "{:.1f} GB by estimate. Allowed {}.",
                                       run.training.batchSize, needed / 1e9, fits));
    }
}

void checkCapture(const RunConfig &run, const DeviceInfo &device, const std::string &origin, Errors &errors)
{
    if (run.training.captured != Captured::On) {
        return;
    }
    const std::vector<StageConfig> stages = stagesOf(run);
    const bool selects =
        isSparse(run.model.family) && std::any_of(stages.begin(), stages.end(), [](const StageConfig &stage) {
            return stage.attention == StageAttention::Sparse;
        });
    if (!device.isCuda) {
        errors.add({"a step cannot be captured: graphs are CUDA's", "training.captured", "on with " + device.name,
                    "auto or off on the CPU", "", origin});
    } else if (selects && run.model.selection.kind == "random") {
        errors.add({"a step cannot be captured: random selection draws other keys at every step", "training.captured",
                    "on in " + run.folder(), "auto or off with model.selection.kind random", "", origin});
    }
}

void checkDevice(const RunConfig &run, const DeviceInfo &device, const std::string &origin,
                 std::vector<std::string> &notices, Errors &errors)
{
    const TrainingConfig &training = run.training;
    if (training.precision == Precision::Bf16 && !device.isCuda) {
        errors.add({"bf16 training needs a CUDA device", "training.precision", "bf16 on " + device.name,
                    "auto or fp32 on the CPU", "", origin});
    }
    checkCapture(run, device, origin, errors);
    checkMemory(run, device, origin, notices, errors);
}

/// Reads each source once: runs that differ in the model alone share it.
void checkData(const StartPlan &plan, const std::string &origin, std::vector<std::string> &notices, Errors &errors)
{
    std::set<std::string> seen;
    for (const RunConfig &run : plan.configs) {
        const std::string key = fmt::format("{} {} {} {} {}", toJson(run)["data"].dump(), run.training.sequenceLength,
                                            run.training.batchSize, isSparse(run.model.family), run.topK());
        if (!seen.insert(key).second) {
            continue;
        }
        try {
            for (const std::string &notice : noticesOf(run, *makeDataSource(run))) {
                addNotice(notices, notice);
            }
        } catch (const Failure &failure) {
            std::vector<Error> all = dataErrors(run);
            if (all.empty()) { // its tokenizer, which only the source itself trains
                all.push_back(failure.error());
            }
            for (Error &error : all) {
                error.origin = origin;
                errors.add(error);
            }
        }
    }
}

std::vector<RunConfig> wantedRuns(std::vector<RunConfig> all, const std::vector<std::string> &wanted)
{
    if (wanted.empty()) {
        return all;
    }
    std::vector<RunConfig> runs;
    for (const std::string &run : wanted) {
        const auto found =
            std::find_if(all.begin(), all.end(), [&](const RunConfig &config) { return config.folder() == run; });
        if (found == all.end()) {
            throw Failure({"no run of this experiment", run, "", "", ""});
        }
        runs.push_back(std::move(*found));
        all.erase(found);
    }
    return runs;
}

/// Names the fields in which a stored run differs from what it is asked to go on with, and a corpus of it that is gone: then
/// the same --set would not do.
void refuseOther(const RunConfig &stored, const RunConfig &asked, const fs::path &folder, Errors &errors)
{
    constexpr std::size_t kMostFields = 3;
    const nlohmann::ordered_json before = toJson(stored), now = toJson(asked);
    std::string found, allowed;
    std::size_t different = 0;
    for (const FieldInfo &field : configFields()) {
        const nlohmann::ordered_json *was = valueAt(before, field.path), *is = valueAt(now, field.path);
        if ((was && is && *was == *is) || (!was && !is) || ++different > kMostFields) {
            continue;
        }
        const char *comma = different > 1 ? ", " : "";
        found += fmt::format("{}{} {}", comma, field.path, is ? brief(*is) : "nothing");
        allowed += fmt::format("{}{} {}", comma, field.path, was ? brief(*was) : "nothing");
    }
    if (different > kMostFields) {
        found += fmt::format(" and {} more", different - kMostFields);
    }
    errors.add({"the run was started with another configuration", runFile(folder).string(), found, allowed,
                wordsOf(Remedy::ResumeAsItWas)});
    std::error_code code;
    if (stored.data.path != asked.data.path && !stored.data.path.empty() && !fs::exists(stored.data.path, code)) {
        errors.add({"file not found", "data.path", stored.data.path, "the text file that the run was started with",
                    "Put it back where it was: without it the run cannot go on.", runFile(folder).string()});
    }
}

RunStart startOf(const RunConfig &config, const fs::path &folder, Errors &errors)
{
    RunStart start{config.folder(), RunStart::Kind::New, 0, config.training.steps, ""};
    if (!fs::exists(folder / "run.json")) {
        return start;
    }
    try {
        const RunReader reader = RunReader::verified(folder);
        if (toJson(reader.config()) != toJson(config)) {
            refuseOther(reader.config(), config, folder, errors);
            return start;
        }
        const std::vector<CheckpointInfo> checkpoints = reader.checkpoints();
        const bool done = reader.state() == RunState::Finished;
        if (const std::optional<LockHolder> holder = done ? std::nullopt : lockHolder(folder)) {
            errors.add({"the run is being trained by another process", folder.string(), holder->text(), "",
                        wordsOf(Remedy::ResumeLater)});
            return start;
        }
        start.kind = done                  ? RunStart::Kind::Done
                     : checkpoints.empty() ? RunStart::Kind::Afresh
                                           : RunStart::Kind::GoesOn;
        start.step = done ? start.steps : checkpoints.empty() ? 0 : checkpoints.back().step;
        if (checkpoints.empty()) {
            return start;
        }
        const fs::path last = checkpoints.back().folder;
        const char *whatIsLeft = "What was measured is whole; for the weights the run must be trained again.";
        try {
            checkWeights(last);
            whatIsLeft = "What was measured and the weights are whole, and a finished run does not go on from it.";
            checkTrainerState(last);
        } catch (const Failure &failure) {
            Error error = failure.error();
            error.remedy.clear(); // what follows says it for this run
            start.problem =
                fmt::format("The checkpoint of step {} is damaged: {} ", checkpoints.back().step, error.text());
            start.problem +=
                done ? whatIsLeft : "Remove the folder " + last.string() + " to go on from the one before it.";
            start.kind = done ? start.kind : RunStart::Kind::Damaged;
        }
    } catch (const Failure &failure) {
        start.kind = RunStart::Kind::Damaged;
        start.problem = failure.error().text();
    }
    return start;
}

} // namespace

std::string textOf(const RunStart &start)
{
    switch (start.kind) {
    case RunStart::Kind::New:
        return start.run + " begins";
    case RunStart::Kind::Afresh:
        return start.run + " starts afresh: no checkpoint yet";
    case RunStart::Kind::GoesOn:
        return fmt::format("{} goes on at step {} of {}", start.run, start.step, start.steps);
    case RunStart::Kind::Done:
        return start.run + " is done";
    case RunStart::Kind::Damaged:
        return start.run + " cannot go on";
    }
    return start.run;
}

StartPlan planStart(const ExperimentConfig &experiment, const RunnerOptions &options)
{
    StartPlan plan;
    plan.configs = wantedRuns(expand(experiment), options.runs);
    const fs::path folder = options.out / experiment.name;
    Errors errors;
    if (options.out.empty()) {
        errors.add({"", nameOf(Place::Out), "\"\"", "a folder", ""});
    }
    checkFolder(folder, options.resume, errors);
    try {
        const DeviceInfo device = describeDevice(options.device);
        for (const RunConfig &run : plan.configs) {
            checkDevice(run, device, experiment.origin, plan.notices, errors);
        }
    } catch (const Failure &failure) {
        errors.add(failure.error());
    }
    checkData(plan, experiment.origin, plan.notices, errors);
    for (const std::string &notice : roundingNotices(experiment, plan.configs)) {
        addNotice(plan.notices, notice);
    }
    for (const RunConfig &run : plan.configs) {
        plan.runs.push_back(options.resume ? startOf(run, folder / run.folder(), errors)
                                           : RunStart{run.folder(), RunStart::Kind::New, 0, run.training.steps, ""});
    }
    errors.throwIfAny();
    return plan;
}

} // namespace sparsescope
