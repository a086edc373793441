#pragma once

#include "widgets/state/run_data.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace sparsescope {

inline bool isBusy(RunState state) { return state == RunState::Running || state == RunState::Paused; }

/// How far the runs of one experiment are, together.
struct TrainingProgress {
    double done = 0, all = 0;         ///< steps
    std::int64_t step = 0, steps = 0; ///< of the runs that train now; steps 0: none does yet
    bool anyRunning = false, anyPaused = false;
};

/// Every run the window knows, live and stored, in the order in which they came. Owns them.
class RunCollection {
public:
    RunData *add(std::unique_ptr<RunData> run);
    /// Hands over the runs of an experiment: views may look at them until they are let go.
    std::vector<std::unique_ptr<RunData>> take(const std::filesystem::path &experimentFolder);
    /// The same of one run; null where there is none of that name.
    std::unique_ptr<RunData> take(const RunData *run);
    /// Null where there is none of that name in that experiment.
    RunData *find(const std::filesystem::path &experimentFolder, const std::string &run) const;
    /// The first run of an experiment that selects keys, else its first: what there is to look at.
    RunData *firstOf(const std::filesystem::path &experimentFolder) const;
    std::vector<RunData *> of(const std::filesystem::path &experimentFolder) const;
    std::vector<RunData *> all() const;
    std::size_t size() const { return m_runs.size(); }
    bool empty() const { return m_runs.empty(); }
    /// Hands on to the views what came in since the last time.
    void flush();
    TrainingProgress progressOf(const std::filesystem::path &experimentFolder) const;

private:
    std::vector<std::unique_ptr<RunData>> m_runs;
};

} // namespace sparsescope
