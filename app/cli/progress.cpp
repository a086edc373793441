#include "app/cli/progress.h"

#include "app/cli/output.h"

#include <fmt/format.h>

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace sparsescope {
namespace {

using namespace std::chrono_literals;

constexpr auto kTerminalInterval = 200ms;
constexpr auto kPlainInterval = 10s;
constexpr int kBarWidth = 24;

std::string bar(double share)
{
    const int full = static_cast<int>(std::lround(share * kBarWidth));
    return "[" + std::string(full, '#') + std::string(kBarWidth - full, '.') + "]";
}

} // namespace

std::string duration(double seconds)
{
    const auto whole = static_cast<long long>(std::llround(std::max(0.0, seconds)));
    if (whole < 60)
        return fmt::format("{} s", whole);
    if (whole < 3600)
        return fmt::format("{} min {} s", whole / 60, whole % 60);
    return fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60);
}

Progress::Progress(const std::vector<RunConfig> &runs, Output &output)
    : m_output(output)
    , m_terminal(isatty(STDERR_FILENO) == 1)
    , m_start(Clock::now())
    , m_lastShown(m_start)
{
    for (const RunConfig &run : runs) {
        RunProgress progress;
        progress.label = displayName(run.model.family);
        progress.group = run.lockstepGroup();
        progress.steps = run.training.steps;
        progress.stages = stagesOf(run);
        m_runs[run.folder()] = progress;
        m_total += run.training.steps;
    }
}

void Progress::onState(const StateChange &change)
{
    const auto found = m_runs.find(change.run);
    if (found == m_runs.end())
        return;
    RunProgress &run = found->second;
    if (change.step > run.step) {
        if (!m_started)
            m_before += change.step - run.step; // restored, not trained here
        run.step = change.step;
    }
    if (change.state == RunState::Running)
        m_group = run.group;
    const bool waits = change.state == RunState::Paused && !change.reason.empty();
    if (waits)
        warn(fmt::format("{}: paused at step {}: {} Trying again every few seconds; Ctrl+C gives up.", change.run,
                         change.step, change.reason));
    else if (run.waits && change.state != RunState::Failed)
        warn(fmt::format("{}: goes on at step {}", change.run, change.step));
    run.waits = waits;
    if (change.state == RunState::Failed)
        say(fmt::format("{}: failed at step {}: {}", change.run, change.step, change.reason));
    else if (change.state == RunState::Finished || change.state == RunState::Stopped)
        say(fmt::format("{}: {} at step {}", change.run, change.state == RunState::Finished ? "done" : "stopped",
                        change.step));
}

void Progress::onStage(const StageChange &change)
{
    say(fmt::format("{}: {} from step {}: {}", change.run, change.name, change.step, change.audit));
    const auto found = m_runs.find(change.run);
    if (found == m_runs.end())
        return;
    RunProgress &run = found->second;
    const auto index = static_cast<std::size_t>(change.index);
    run.indexerStage = change.endStep == change.step && index < run.stages.size() ? &run.stages[index] : nullptr;
    run.indexerSteps = 0;
}

void Progress::onStep(const StepRecord &record)
{
    const auto found = m_runs.find(record.run);
    if (found == m_runs.end())
        return;
    if (!m_started) {
        m_started = true;
        m_start = Clock::now();
    }
    found->second.step = std::max(found->second.step, record.step);
    if (found->second.indexerStage)
        ++found->second.indexerSteps;
    m_group = found->second.group;
    for (const Scalar &scalar : record.scalars) {
        if (scalar.metric == "train.loss" && std::isfinite(scalar.value)) {
            found->second.loss = scalar.value;
            found->second.hasLoss = true;
        }
    }
    show(false);
}

void Progress::onLog(const LogRecord &record)
{
    if (record.level == LogLevel::Check) // errors come as states, too
        say(fmt::format("{}: {}", record.run, record.text));
}

std::string Progress::status() const
{
    std::int64_t done = 0;
    for (const auto &[folder, run] : m_runs)
        done += std::min(run.step, run.steps);
    const double seconds = std::chrono::duration<double>(Clock::now() - m_start).count();
    const std::int64_t here = done - m_before;
    std::string text = fmt::format("{:3.0f} %", 100.0 * static_cast<double>(done) /
                                                    static_cast<double>(std::max<std::int64_t>(1, m_total)));
    if (here > 0)
        text += ", " + duration(seconds * static_cast<double>(m_total - done) / static_cast<double>(here)) + " left";
    std::string losses;
    std::string step, stage;
    for (const auto &[folder, run] : m_runs) {
        if (run.group != m_group)
            continue;
        if (step.empty())
            step = fmt::format(", {} step {} of {}", m_group, run.step, run.steps);
        if (run.indexerStage)
            stage = fmt::format(", {} {} step {} of {}", run.label, run.indexerStage->name, run.indexerSteps,
                                run.indexerStage->steps);
        if (run.hasLoss)
            losses += fmt::format("{}{} {:.3f}", losses.empty() ? ", loss " : "  ", run.label, run.loss);
    }
    return text + step + stage + losses;
}

void Progress::show(bool now)
{
    if (m_output.quiet())
        return;
    const auto time = Clock::now();
    if (!now && time - m_lastShown < (m_terminal ? std::chrono::milliseconds(kTerminalInterval)
                                                 : std::chrono::milliseconds(kPlainInterval)))
        return;
    m_lastShown = time;
    if (!m_terminal) {
        m_output.note(status());
        return;
    }
    std::int64_t done = 0;
    for (const auto &[folder, run] : m_runs)
        done += std::min(run.step, run.steps);
    fmt::print(stderr, "\r\033[K{} {}",
               bar(static_cast<double>(done) / static_cast<double>(std::max<std::int64_t>(1, m_total))), status());
    std::fflush(stderr);
    m_lineOpen = true;
}

void Progress::say(const std::string &text)
{
    if (m_output.quiet())
        return;
    clearLine();
    m_output.note(text);
    if (m_terminal && m_started)
        show(true);
}

void Progress::warn(const std::string &text)
{
    clearLine();
    m_output.warning(text);
}

void Progress::clearLine()
{
    if (m_lineOpen)
        fmt::print(stderr, "\r\033[K");
    m_lineOpen = false;
}

void Progress::finish() { clearLine(); }

} // namespace sparsescope
