#pragma once

#include <QElapsedTimer>

#include <algorithm>
#include <cstdio>
#include <ctime>
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

/// One line: median, 99th percentile and worst, and the thread's own share of the first two.
inline void report(const char *what, FrameTimes times)
{
    if (times.wall.empty()) {
        std::printf("%-54s nothing\n", what);
        return;
    }
    std::sort(times.wall.begin(), times.wall.end());
    std::sort(times.own.begin(), times.own.end());
    const auto at = [](const std::vector<double> &sorted, double share) {
        return sorted[static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1) + 0.5)];
    };
    const auto over = [&](double limit) {
        return static_cast<int>(times.wall.end() - std::upper_bound(times.wall.begin(), times.wall.end(), limit));
    };
    std::printf(
        "%-54s n %5zu  p50 %7.2f  p99 %7.2f  worst %7.2f ms  own p50 %7.2f  p99 %7.2f  > 16 ms %d  > 50 ms %d\n", what,
        times.wall.size(), at(times.wall, 0.5), at(times.wall, 0.99), times.wall.back(), at(times.own, 0.5),
        at(times.own, 0.99), over(16), over(50));
    std::fflush(stdout);
}

} // namespace sparsescope
