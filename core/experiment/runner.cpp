#include "core/experiment/runner.h"

#include "core/base/safetensors.h"
#include "core/data/data_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <thread>

namespace sparsescope {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

bool isEmptyOrMissing(const fs::path &folder)
{
    std::error_code ignored;
    return !fs::exists(folder, ignored) || fs::is_empty(folder, ignored);
}

/// Everything that can be known to be wrong before a file is written.
void checkBeforeStart(const std::vector<RunConfig> &runs, const fs::path &folder, const RunnerOptions &options)
{
    describeDevice(options.device);
    if (!options.resume && !isEmptyOrMissing(folder)) {
        throw Failure({"the experiment's folder is not empty", folder.string(), "", "a new or empty folder",
                       "Use --resume to go on with it, or another --out."});
    }
    for (const RunConfig &run : runs) {
        makeDataSource(run);
        const fs::path runFolder = folder / run.folder();
        if (fs::exists(runFolder / "run.json") && toJson(RunReader(runFolder).config()) != toJson(run)) {
            throw Failure({"the run was started with another configuration", runFolder.string(), "", "",
                           "Resume with the same experiment and the same --set, or choose another --out."});
        }
    }
}

/// The runs that advance together, and what becomes of each.
class Group {
public:
    Group(std::vector<RunOutcome *> outcomes, RunControl &control)
        : m_outcomes(std::move(outcomes))
        , m_runs(m_outcomes.size())
        , m_control(control)
    {}

    void start(std::size_t i, const RunConfig &config, const fs::path &folder, const TrainRunOptions &options,
               TrainingObserver &observer)
    {
        try {
            m_runs[i].emplace(config, folder, options, observer);
        } catch (const std::exception &error) {
            recordFailureWithoutRun(i, config, folder, describe(error), observer);
            releaseCachedMemory();
        }
    }

    /// Advances until every run has ended or was told to.
    void run()
    {
        while (const std::optional<std::size_t> next = furthestBehind()) {
            if (m_control.stopping() || m_control.takeSkip()) {
                stopAll();
                return;
            }
            if (m_control.paused()) {
                waitWhilePaused();
                continue;
            }
            if (m_control.takeSnapshot()) {
                forEach([](TrainRun &run) { run.snapshotNow(); });
            }
            if (m_control.takeCheckpoint()) {
                forEach([](TrainRun &run) { run.checkpointNow(); });
            }
            guarded(*next, [](TrainRun &run) { run.advance(); });
            if (m_runs[*next] && m_runs[*next]->finished()) {
                guarded(*next, [](TrainRun &run) { run.finish(); });
                end(*next, RunState::Finished);
            }
            forEach([](TrainRun &run) { run.keepAlive(); });
        }
    }

private:
    /// The run with the fewest main steps; among equals one in an indexer-only stage, since the others wait for it.
    std::optional<std::size_t> furthestBehind() const
    {
        std::optional<std::size_t> best;
        auto rank = [&](std::size_t i) { return std::pair(m_runs[i]->step(), m_runs[i]->inUncountedStage() ? 0 : 1); };
        for (std::size_t i = 0; i < m_runs.size(); ++i) {
            if (m_runs[i] && (!best || rank(i) < rank(*best))) {
                best = i;
            }
        }
        return best;
    }

    template <class Action>
    void guarded(std::size_t i, Action action)
    {
        if (!m_runs[i]) {
            return;
        }
        try {
            action(*m_runs[i]);
        } catch (const std::exception &error) {
            fail(i, describe(error));
        }
    }

    template <class Action>
    void forEach(Action action)
    {
        for (std::size_t i = 0; i < m_runs.size(); ++i) {
            guarded(i, action);
        }
    }

    void fail(std::size_t i, const std::string &reason)
    {
        try {
            m_runs[i]->fail(reason);
        } catch (const std::exception &) {
            // The folder itself is gone or full: the outcome still says why the run ended.
        }
        m_outcomes[i]->reason = reason;
        end(i, RunState::Failed);
        releaseCachedMemory();
    }

    void end(std::size_t i, RunState state)
    {
        if (m_runs[i]) {
            m_outcomes[i]->state = state;
            m_outcomes[i]->step = m_runs[i]->step();
            m_runs[i].reset();
        }
    }

    void stopAll()
    {
        for (std::size_t i = 0; i < m_runs.size(); ++i) {
            guarded(i, [](TrainRun &run) { run.stop(); });
            end(i, RunState::Stopped);
        }
    }

    void waitWhilePaused()
    {
        forEach([](TrainRun &run) { run.pause(); });
        while (m_control.paused() && !m_control.stopping()) {
            std::this_thread::sleep_for(20ms);
            forEach([](TrainRun &run) { run.keepAlive(); });
        }
        forEach([](TrainRun &run) { run.resume(); });
    }

    void recordFailureWithoutRun(std::size_t i, const RunConfig &config, const fs::path &folder,
                                 const std::string &reason, TrainingObserver &observer)
    {
        m_outcomes[i]->state = RunState::Failed;
        m_outcomes[i]->reason = reason;
        observer.onState({config.folder(), RunState::Failed, reason, 0, config.training.steps});
        try {
            RunWriter::open(folder)->state(RunState::Failed, reason);
        } catch (const std::exception &) {
            // Held by another process or unreadable: what is on disk stays as it is.
        }
    }

    std::vector<RunOutcome *> m_outcomes;
    std::vector<std::optional<TrainRun>> m_runs;
    RunControl &m_control;
};

} // namespace

std::vector<RunOutcome> runExperiment(const ExperimentConfig &experiment, const RunnerOptions &options,
                                      RunControl &control, TrainingObserver &observer)
{
    const std::vector<RunConfig> runs = expand(experiment);
    const fs::path folder = options.out / experiment.name;
    checkBeforeStart(runs, folder, options);

    std::error_code error;
    fs::create_directories(folder, error);
    if (error) {
        throw Failure(
            {"the output folder cannot be made", folder.string(), error.message(), "", "Choose a writable --out."});
    }
    writeFileAtomically(folder / "experiment.json", experiment.document.dump(2) + "\n");

    std::vector<RunOutcome> outcomes;
    std::vector<bool> wasFinished;
    for (const RunConfig &run : runs) {
        const fs::path runFolder = folder / run.folder();
        wasFinished.push_back(false);
        outcomes.push_back({run.folder(), RunState::Queued, "", 0});
        if (!fs::exists(runFolder / "run.json")) {
            RunWriter::create(runFolder, run)->state(RunState::Queued);
        } else if (RunReader(runFolder).state() == RunState::Finished) {
            outcomes.back() = {run.folder(), RunState::Finished, "", run.training.steps};
            wasFinished.back() = true;
        }
        observer.onState({run.folder(), outcomes.back().state, "", outcomes.back().step, run.training.steps});
    }

    for (std::size_t begin = 0; begin < runs.size() && !control.stopping();) {
        std::size_t end = begin + 1;
        while (experiment.order == RunOrder::Lockstep && end < runs.size() &&
               runs[end].lockstepGroup() == runs[begin].lockstepGroup()) {
            ++end;
        }
        std::vector<RunOutcome *> members;
        std::vector<std::size_t> indices;
        for (std::size_t i = begin; i < end; ++i) {
            if (!wasFinished[i]) {
                members.push_back(&outcomes[i]);
                indices.push_back(i);
            }
        }
        Group group(members, control);
        for (std::size_t i = 0; i < indices.size(); ++i) {
            const RunConfig &run = runs[indices[i]];
            group.start(i, run, folder / run.folder(), {options.device, /*resume=*/true, true, options.threads},
                        observer);
        }
        group.run();
        begin = end;
    }
    return outcomes;
}

} // namespace sparsescope
