#include "core/experiment/runner.h"

#include "core/base/atomic_file.h"
#include "core/base/safetensors.h"
#include "core/base/stored_checks.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <thread>

namespace sparsescope {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

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

    /// What gates between these runs found is written beside each.
    void record(const std::vector<CheckResult> &results)
    {
        forEach([&](TrainRun &run) { run.recordChecks(results); });
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
            guarded(*next, [](TrainRun &run) {
                if (!run.finished()) { // it may have been killed between its last checkpoint and its end
                    run.advance();
                }
            });
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

namespace {

/// The gates between the runs that share data order and initialisation with these, as far as they have begun.
std::vector<CheckResult> compareBegun(const std::vector<RunConfig> &runs, const std::string &group,
                                      const fs::path &folder)
{
    std::vector<StartedRun> begun;
    for (const RunConfig &run : runs) {
        if (run.lockstepGroup() != group) {
            continue;
        }
        try {
            if (auto fingerprint = readFingerprint(RunReader(folder / run.folder()))) {
                begun.push_back({run, std::move(fingerprint)});
            }
        } catch (const Failure &) {
            // A damaged run is told of where it is opened.
        }
    }
    return compareStarts(group, begun);
}

} // namespace

std::vector<RunOutcome> runPlan(const ExperimentConfig &experiment, const StartPlan &plan, const RunnerOptions &options,
                                RunControl &control, TrainingObserver &observer)
{
    const std::vector<RunConfig> &runs = plan.configs;
    const fs::path folder = options.out / experiment.name;
    makeFolder(folder);
    writeFileAtomically(folder / "experiment.json", experiment.document.dump(2) + "\n");

    std::vector<RunOutcome> outcomes;
    for (std::size_t i = 0; i < runs.size(); ++i) {
        const RunStart &start = plan.runs[i];
        outcomes.push_back({start.run, RunState::Queued, start.problem, 0});
        if (start.kind == RunStart::Kind::New) {
            RunWriter::create(folder / start.run, runs[i])->state(RunState::Queued);
        } else if (start.kind == RunStart::Kind::Done) {
            outcomes.back().state = RunState::Finished;
            outcomes.back().step = start.steps;
        } else if (start.kind == RunStart::Kind::Damaged) {
            outcomes.back().state = RunState::Failed;
            outcomes.back().step = start.step;
        }
        observer.onState({start.run, outcomes[i].state, start.problem, outcomes[i].step, start.steps});
    }

    std::map<std::string, std::size_t> places;
    std::vector<std::string> queued;
    for (std::size_t i = 0; i < runs.size(); ++i) {
        places[outcomes[i].run] = i;
        if (outcomes[i].state == RunState::Queued) {
            queued.push_back(outcomes[i].run);
        }
    }
    control.keepWaiting(queued);
    const auto together = [&](const std::string &first, const std::string &next) {
        return experiment.order == RunOrder::Lockstep &&
               runs[places.at(first)].lockstepGroup() == runs[places.at(next)].lockstepGroup();
    };
    while (!control.stopping()) {
        const std::vector<std::string> taken = control.takeWaiting(together);
        if (taken.empty()) {
            break;
        }
        std::vector<RunOutcome *> members;
        std::vector<std::size_t> indices;
        for (const std::string &run : taken) {
            indices.push_back(places.at(run));
            members.push_back(&outcomes[indices.back()]);
        }
        TrainRunOptions training;
        training.device = options.device;
        training.resume = true;
        training.threads = options.threads;
        training.keepTrying = [&control] { return !control.stopping() && !control.skipping(); };
        Group group(members, control);
        for (std::size_t i = 0; i < indices.size(); ++i) {
            const RunConfig &run = runs[indices[i]];
            group.start(i, run, folder / run.folder(), training, observer);
        }
        group.record(compareBegun(runs, runs[indices.front()].lockstepGroup(), folder));
        group.run();
    }
    return outcomes;
}

std::vector<RunOutcome> runExperiment(const ExperimentConfig &experiment, const RunnerOptions &options,
                                      RunControl &control, TrainingObserver &observer)
{
    return runPlan(experiment, planStart(experiment, options), options, control, observer);
}

} // namespace sparsescope
