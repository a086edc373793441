#include "app/run_queue.h"

#include <algorithm>

namespace sparsescope {

RunQueue::RunQueue(Engine engine, std::filesystem::path out, QObject *parent)
    : QObject(parent)
    , m_out(std::move(out))
    , m_thread(std::move(engine))
{
    connect(&m_thread, &TrainingThread::finished, this, &RunQueue::ended);
}

std::string RunQueue::freeName(const std::string &name) const
{
    constexpr std::size_t kLongest = 64;
    const auto taken = [&](const std::string &candidate) {
        std::error_code ignored;
        const std::filesystem::path folder = m_out / candidate;
        return std::filesystem::exists(folder, ignored) || (m_current && m_current->folder == folder) ||
               std::any_of(m_waiting.begin(), m_waiting.end(),
                           [&](const QueuedExperiment &q) { return q.folder == folder; });
    };
    std::string candidate = name;
    for (int number = 2; taken(candidate); ++number) {
        const std::string suffix = "-" + std::to_string(number);
        candidate = name.substr(0, kLongest - suffix.size()) + suffix;
    }
    return candidate;
}

void RunQueue::put(QueuedExperiment entry)
{
    if (entry.runs.empty()) {
        for (const RunConfig &run : expand(entry.config)) {
            entry.runs.push_back(run.folder());
        }
    }
    m_waiting.push_back(entry);
    Q_EMIT added(entry);
}

QueuedExperiment RunQueue::placed(const ExperimentConfig &experiment, std::vector<std::string> runs) const
{
    nlohmann::ordered_json document = experiment.document;
    const std::string name = freeName(experiment.name);
    document["name"] = name;
    return {parseExperiment(document, experiment.origin), m_out / name, false, std::move(runs)};
}

void RunQueue::setOut(const std::filesystem::path &out)
{
    m_out = out;
    for (QueuedExperiment &entry : m_waiting) {
        if (entry.resume || entry.folder.parent_path() == out) {
            continue;
        }
        const QueuedExperiment before = entry;
        entry = placed(before.config, before.runs);
        Q_EMIT removed(before);
        Q_EMIT added(QueuedExperiment(entry));
    }
    Q_EMIT changed();
}

void RunQueue::add(const ExperimentConfig &experiment, std::vector<std::string> runs)
{
    put(placed(experiment, std::move(runs)));
    if (m_going && !m_current) {
        startNext();
    }
    Q_EMIT changed();
}

void RunQueue::addResume(const std::filesystem::path &folder, std::vector<std::string> runs)
{
    if (placeOf(folder) >= 0 || (m_current && m_current->folder == folder)) {
        return; // asked twice
    }
    put({loadExperiment(folder / "experiment.json"), folder, true, std::move(runs)});
    Q_EMIT changed();
}

int RunQueue::placeOf(const std::filesystem::path &folder) const
{
    const auto found = std::find_if(m_waiting.begin(), m_waiting.end(),
                                    [&](const QueuedExperiment &entry) { return entry.folder == folder; });
    return found == m_waiting.end() ? -1 : static_cast<int>(found - m_waiting.begin());
}

bool RunQueue::move(const std::filesystem::path &folder, int place)
{
    const int from = placeOf(folder);
    if (from < 0) {
        return false;
    }
    QueuedExperiment entry = std::move(m_waiting[static_cast<std::size_t>(from)]);
    m_waiting.erase(m_waiting.begin() + from);
    const int to = std::clamp(place, 0, static_cast<int>(m_waiting.size()));
    m_waiting.insert(m_waiting.begin() + to, std::move(entry));
    Q_EMIT changed();
    return true;
}

bool RunQueue::remove(const std::filesystem::path &folder)
{
    const int at = placeOf(folder);
    if (at < 0) {
        return false;
    }
    const QueuedExperiment entry = std::move(m_waiting[static_cast<std::size_t>(at)]);
    m_waiting.erase(m_waiting.begin() + at);
    Q_EMIT removed(entry);
    Q_EMIT changed();
    return true;
}

std::vector<std::string> RunQueue::waitingRuns(const std::filesystem::path &folder) const
{
    if (m_current && m_current->folder == folder) {
        return m_thread.waitingRuns();
    }
    const int at = placeOf(folder);
    return at < 0 ? std::vector<std::string>() : m_waiting[static_cast<std::size_t>(at)].runs;
}

bool RunQueue::moveRun(const std::filesystem::path &folder, const std::string &run, int place)
{
    const int at = placeOf(folder);
    const bool moved = m_current && m_current->folder == folder ? m_thread.moveRun(run, place)
                       : at >= 0 ? moveTo(m_waiting[static_cast<std::size_t>(at)].runs, run, place)
                                 : false;
    if (moved) {
        Q_EMIT changed();
    }
    return moved;
}

bool RunQueue::removeRun(const std::filesystem::path &folder, const std::string &run)
{
    if (m_current && m_current->folder == folder) {
        if (!m_thread.removeRun(run)) {
            return false;
        }
        std::erase(m_current->runs, run); // nor when the experiment goes on another time
        Q_EMIT runRemoved(*m_current, run);
    } else {
        const int at = placeOf(folder);
        if (at < 0) {
            return false;
        }
        QueuedExperiment &entry = m_waiting[static_cast<std::size_t>(at)];
        if (entry.runs == std::vector{run}) {
            return remove(folder);
        }
        if (std::erase(entry.runs, run) == 0) {
            return false;
        }
        Q_EMIT runRemoved(QueuedExperiment(entry), run);
    }
    Q_EMIT changed();
    return true;
}

void RunQueue::setContinueOnError(bool on)
{
    m_continueOnError = on;
    Q_EMIT changed();
}

void RunQueue::start()
{
    m_going = true;
    if (!m_current) {
        startNext();
    } else {
        resume();
    }
}

void RunQueue::startNext()
{
    if (m_waiting.empty()) {
        m_going = false;
        Q_EMIT changed();
        return;
    }
    m_current = std::move(m_waiting.front());
    m_waiting.pop_front();
    RunnerOptions options;
    options.out = m_current->folder.parent_path();
    options.device = m_device;
    options.resume = m_current->resume;
    options.runs = m_current->runs;
    m_thread.start(m_current->config, options);
    Q_EMIT started(*m_current);
    Q_EMIT changed();
}

void RunQueue::pause()
{
    m_thread.pause();
    Q_EMIT changed();
}

void RunQueue::resume()
{
    m_thread.resume();
    Q_EMIT changed();
}

void RunQueue::stop()
{
    m_going = false;
    m_thread.stop();
    Q_EMIT changed();
}

void RunQueue::ended(const ExperimentOutcome &outcome)
{
    const QueuedExperiment done = std::move(*m_current);
    m_current.reset();
    const bool failed =
        !outcome.failure.isEmpty() || std::any_of(outcome.runs.begin(), outcome.runs.end(),
                                                  [](const RunOutcome &run) { return run.state == RunState::Failed; });
    m_going = m_going && (m_continueOnError || !failed);
    Q_EMIT finished(done, outcome);
    if (m_going) {
        startNext();
    }
    Q_EMIT changed();
}

} // namespace sparsescope
