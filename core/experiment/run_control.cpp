#include "core/experiment/runner.h"

#include <algorithm>

namespace sparsescope {

std::vector<std::string> RunControl::waiting() const
{
    const std::lock_guard lock(m_mutex);
    return m_waiting.value_or(std::vector<std::string>());
}

bool RunControl::moveWaiting(const std::string &run, int place)
{
    const std::lock_guard lock(m_mutex);
    return m_waiting && moveTo(*m_waiting, run, place);
}

bool RunControl::removeWaiting(const std::string &run)
{
    const std::lock_guard lock(m_mutex);
    return m_waiting && std::erase(*m_waiting, run) > 0;
}

void RunControl::setWaiting(std::vector<std::string> runs)
{
    const std::lock_guard lock(m_mutex);
    m_waiting = std::move(runs);
}

void RunControl::keepWaiting(const std::vector<std::string> &runs)
{
    const std::lock_guard lock(m_mutex);
    if (!m_waiting) {
        m_waiting = runs;
    }
    std::erase_if(*m_waiting,
                  [&](const std::string &run) { return std::find(runs.begin(), runs.end(), run) == runs.end(); });
}

std::vector<std::string>
RunControl::takeWaiting(const std::function<bool(const std::string &first, const std::string &next)> &together)
{
    const std::lock_guard lock(m_mutex);
    if (!m_waiting || m_waiting->empty()) {
        m_waiting.reset(); // another experiment may follow
        return {};
    }
    const auto end = std::find_if(m_waiting->begin() + 1, m_waiting->end(),
                                  [&](const std::string &next) { return !together(m_waiting->front(), next); });
    const std::vector<std::string> taken(m_waiting->begin(), end);
    m_waiting->erase(m_waiting->begin(), end);
    return taken;
}

bool moveTo(std::vector<std::string> &list, const std::string &entry, int place)
{
    const auto from = std::find(list.begin(), list.end(), entry);
    if (from == list.end()) {
        return false;
    }
    const auto to = list.begin() + std::clamp(place, 0, static_cast<int>(list.size()) - 1);
    if (to < from) {
        std::rotate(to, from, from + 1);
    } else {
        std::rotate(from, from + 1, to + 1);
    }
    return true;
}

} // namespace sparsescope
