#pragma once

#include "core/base/config.h"
#include "core/train/train_run.h"

#include <chrono>
#include <map>
#include <string>
#include <vector>

namespace sparsescope {

class Output;

/// Shows training on standard error: one live line with bar, time left and the current losses on a terminal, plain lines
/// every few seconds elsewhere.
class Progress : public TrainingObserver {
public:
    Progress(const std::vector<RunConfig> &runs, Output &output);

    void onState(const StateChange &change) override;
    void onStage(const StageChange &change) override;
    void onStep(const StepRecord &record) override;
    void onLog(const LogRecord &record) override;
    /// Ends the live line.
    void finish();

private:
    struct RunProgress {
        std::string label; ///< "DSA"
        std::string group;
        std::int64_t step = 0, steps = 0;
        double loss = 0;
        bool hasLoss = false;
        bool waits = false; ///< paused by itself, for a reason
        std::vector<StageConfig> stages;
        const StageConfig *indexerStage = nullptr; ///< while only its indexer learns, which counts no main step
        std::int64_t indexerSteps = 0;             ///< of that stage, since this process took it up
    };
    using Clock = std::chrono::steady_clock;

    void show(bool now);
    std::string status() const;         ///< "43 %, 12 s left, loss Classic 2.31, DSA 2.35"
    void say(const std::string &text);  ///< a whole line, above the live one
    void warn(const std::string &text); ///< the same, whatever --quiet says
    void clearLine();

    Output &m_output;
    const bool m_terminal;
    std::map<std::string, RunProgress> m_runs;
    std::string m_group; ///< the one that trains now
    Clock::time_point m_start, m_lastShown;
    std::int64_t m_total = 0, m_before = 0; ///< main steps of all runs; those done before this process
    bool m_started = false, m_lineOpen = false;
};

/// "12 s", "3 min 20 s", "2 h 5 min".
std::string duration(double seconds);

} // namespace sparsescope
