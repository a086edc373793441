#pragma once

#include "core/base/config.h"

#include <cstdint>
#include <vector>

namespace sparsescope {

/// Where a run stands in its stages. Steps of an indexer-only stage are counted apart: they move neither the axis, nor the
/// data position of the main model, nor the schedule (CONTRACTS.md 2).
class StageMachine {
public:
    struct Position {
        int stage = 0;
        std::int64_t stepInStage = 0;
        std::int64_t mainSteps = 0;
        std::int64_t uncountedSteps = 0;
        bool operator==(const Position &) const = default;
    };

    explicit StageMachine(std::vector<StageConfig> stages);

    bool finished() const { return m_position.stage >= static_cast<int>(m_stages.size()); }
    const StageConfig &current() const { return m_stages.at(m_position.stage); }
    const std::vector<StageConfig> &stages() const { return m_stages; }
    const Position &position() const { return m_position; }
    /// Throws Failure when the position lies outside the stages.
    void restore(const Position &position);
    /// One optimiser step is done. True when it was the last of its stage.
    bool advance();
    /// Main steps at which a stage begins and ends.
    std::int64_t beginOf(int stage) const;
    std::int64_t endOf(int stage) const;
    std::int64_t mainStepsInAll() const { return endOf(static_cast<int>(m_stages.size()) - 1); }

private:
    void skipEmpty();
    std::vector<StageConfig> m_stages;
    Position m_position;
};

} // namespace sparsescope
