#pragma once

#include <QElapsedTimer>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <functional>
#include <string>
#include <vector>

/// What benchmarks of the window's thread count and how they say it.
namespace sparsescope {

/// Runs from when it is made. On a busy machine the clock on the wall also counts what others got; the thread's own does not.
class FrameTimer {
public:
    FrameTimer() { m_wall.start(); }
    double wall() const { return static_cast<double>(m_wall.nsecsElapsed()) / 1e6; } ///< ms
    double own() const { return ownClock() - m_own; }                                ///< ms

private:
    static double ownClock()
    {
        timespec now{};
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
        return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
    }
    QElapsedTimer m_wall;
    double m_own = ownClock();
};

struct FrameTimes {
    std::vector<double> wall, own; ///< ms

    void add(const FrameTimer &timer)
    {
        wall.push_back(timer.wall());
        own.push_back(timer.own());
    }
};

/// One line: median, 99th percentile and worst, the thread's own share of the first two, and what of the budget the 99th
/// percentile takes; a budget of 0: there is none. On a machine that others use the wall's clock counts them too.
inline void report(const std::string &what, FrameTimes times, double budget = 0)
{
    if (times.wall.empty()) {
        std::printf("%-58s nothing\n", what.c_str());
        return;
    }
    std::sort(times.wall.begin(), times.wall.end());
    std::sort(times.own.begin(), times.own.end());
    const auto at = [](const std::vector<double> &sorted, double share) {
        return sorted[static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1) + 0.5)];
    };
    const double last = at(times.wall, 0.99), own = at(times.own, 0.99);
    std::printf("%-58s n %5zu  p50 %8.2f  p99 %8.2f  worst %8.2f ms  own p50 %8.2f  p99 %8.2f", what.c_str(),
                times.wall.size(), at(times.wall, 0.5), last, times.wall.back(), at(times.own, 0.5), own);
    if (budget > 0) {
        std::printf("  budget %6.0f: %s", budget,
                    last <= budget  ? "held"
                    : own <= budget ? "held by the thread's own time"
                                    : "BROKEN");
    }
    std::printf("\n");
    std::fflush(stdout);
}

/// An action, some times over.
inline FrameTimes timed(int times, const std::function<void(int)> &action)
{
    FrameTimes measured;
    for (int i = 0; i < times; ++i) {
        const FrameTimer timer;
        action(i);
        measured.add(timer);
    }
    return measured;
}

} // namespace sparsescope
