#include "core/base/records.h"

#include "core/base/error.h"
#include "core/base/nearest_name.h"

namespace sparsescope {
namespace {

struct StateWords {
    RunState state;
    const char *stored;
    const char *shown;
};
constexpr StateWords kStates[] = {
    {RunState::Queued, "queued", "Queued"},
    {RunState::Running, "running", "Running"},
    {RunState::Paused, "paused", "Paused"},
    {RunState::Finished, "finished", "Done"},
    {RunState::Stopped, "stopped", "Stopped"},
    {RunState::Failed, "failed", "Failed"},
    {RunState::Interrupted, "interrupted", "Cut off"},
};

const StateWords &wordsOf(RunState state) { return kStates[static_cast<int>(state)]; }

} // namespace

std::string toString(RunState state) { return wordsOf(state).stored; }

std::string displayName(RunState state) { return wordsOf(state).shown; }

RunState runStateFrom(const std::string &stored)
{
    std::vector<std::string> known;
    for (const StateWords &words : kStates) {
        if (stored == words.stored)
            return words.state;
        known.push_back(words.stored);
    }
    throw Failure({"unknown run state", "", "\"" + stored.substr(0, 60) + "\"", listed(known), ""});
}

std::string toString(LogLevel level)
{
    switch (level) {
    case LogLevel::Info:
        return "info";
    case LogLevel::Check:
        return "check";
    case LogLevel::Saved:
        return "saved";
    case LogLevel::Error:
        return "error";
    }
    return "error";
}

} // namespace sparsescope
