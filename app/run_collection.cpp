#include "app/run_collection.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace sparsescope {

RunData *RunCollection::add(std::unique_ptr<RunData> run)
{
    m_runs.push_back(std::move(run));
    return m_runs.back().get();
}

std::vector<std::unique_ptr<RunData>> RunCollection::take(const std::filesystem::path &experimentFolder)
{
    const auto mid = std::stable_partition(
        m_runs.begin(), m_runs.end(), [&](const auto &run) { return run->experimentFolder() != experimentFolder; });
    std::vector<std::unique_ptr<RunData>> taken(std::make_move_iterator(mid), std::make_move_iterator(m_runs.end()));
    m_runs.erase(mid, m_runs.end());
    return taken;
}

std::unique_ptr<RunData> RunCollection::take(const RunData *run)
{
    const auto found = std::find_if(m_runs.begin(), m_runs.end(), [run](const auto &r) { return r.get() == run; });
    if (found == m_runs.end()) {
        return nullptr;
    }
    std::unique_ptr<RunData> taken = std::move(*found);
    m_runs.erase(found);
    return taken;
}

RunData *RunCollection::find(const std::filesystem::path &experimentFolder, const std::string &run) const
{
    const QString id = QString::fromStdString(run);
    const auto found = std::find_if(m_runs.begin(), m_runs.end(), [&](const auto &r) {
        return r->id() == id && r->experimentFolder().native() == experimentFolder.native();
    });
    return found == m_runs.end() ? nullptr : found->get();
}

RunData *RunCollection::firstOf(const std::filesystem::path &experimentFolder) const
{
    // DSA before MHLA+DSA before the dense ones; then in the order of the queue.
    const auto rank = [](const RunData *run) {
        const Family family = run->config().model.family;
        return family == Family::Sparse ? 0 : isSparse(family) ? 1 : 2;
    };
    const std::vector<RunData *> runs = of(experimentFolder);
    const auto first = std::min_element(runs.begin(), runs.end(),
                                        [&](const RunData *a, const RunData *b) { return rank(a) < rank(b); });
    return first == runs.end() ? nullptr : *first;
}

std::vector<RunData *> RunCollection::of(const std::filesystem::path &experimentFolder) const
{
    std::vector<RunData *> runs;
    for (const auto &run : m_runs) {
        if (run->experimentFolder() == experimentFolder) {
            runs.push_back(run.get());
        }
    }
    return runs;
}

std::vector<RunData *> RunCollection::all() const
{
    std::vector<RunData *> runs;
    for (const auto &run : m_runs) {
        runs.push_back(run.get());
    }
    return runs;
}

void RunCollection::flush()
{
    for (const auto &run : m_runs) {
        run->flush();
    }
}

TrainingProgress RunCollection::progressOf(const std::filesystem::path &experimentFolder) const
{
    TrainingProgress progress;
    for (const RunData *run : of(experimentFolder)) {
        progress.done += static_cast<double>(run->step());
        progress.all += static_cast<double>(run->steps());
        if (isBusy(run->state())) {
            progress.step = std::max(progress.step, run->step());
            progress.steps = run->steps();
            progress.anyRunning = progress.anyRunning || run->state() == RunState::Running;
            progress.anyPaused = progress.anyPaused || run->state() == RunState::Paused;
        }
    }
    return progress;
}

} // namespace sparsescope
