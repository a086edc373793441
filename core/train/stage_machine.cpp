#include "core/train/stage_machine.h"

#include <fmt/format.h>

namespace sparsescope {

StageMachine::StageMachine(std::vector<StageConfig> stages)
    : m_stages(std::move(stages))
{
    skipEmpty();
}

void StageMachine::restore(const Position &position)
{
    const bool done = position.stage == static_cast<int>(m_stages.size()) && position.stepInStage == 0;
    const bool inside = position.stage >= 0 && position.stage < static_cast<int>(m_stages.size()) &&
                        position.stepInStage >= 0 && position.stepInStage < m_stages[position.stage].steps;
    if (!done && !inside) {
        throw Failure({"training position is outside the stages", "trainer.json",
                       fmt::format("stage {}, step {}", position.stage, position.stepInStage),
                       fmt::format("{} stages", m_stages.size()), "The checkpoint belongs to another configuration."});
    }
    m_position = position;
}

bool StageMachine::advance()
{
    ++(countsOnAxis(current()) ? m_position.mainSteps : m_position.uncountedSteps);
    if (++m_position.stepInStage < current().steps) {
        return false;
    }
    ++m_position.stage;
    m_position.stepInStage = 0;
    skipEmpty();
    return true;
}

std::int64_t StageMachine::beginOf(int stage) const
{
    std::int64_t steps = 0;
    for (int i = 0; i < stage; ++i) {
        steps += countsOnAxis(m_stages[i]) ? m_stages[i].steps : 0;
    }
    return steps;
}

std::int64_t StageMachine::endOf(int stage) const { return stage < 0 ? 0 : beginOf(stage + 1); }

void StageMachine::skipEmpty()
{
    while (!finished() && current().steps <= 0) {
        ++m_position.stage;
    }
}

} // namespace sparsescope
