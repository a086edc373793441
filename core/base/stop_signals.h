#pragma once

#include <csignal>

namespace sparsescope {

namespace stop_signals {

inline void (*handler)(int) = SIG_DFL;

extern "C" inline void first(int signal)
{
    std::signal(SIGINT, SIG_DFL);
    std::signal(SIGTERM, SIG_DFL);
    handler(signal);
}

} // namespace stop_signals

/// The first SIGINT or SIGTERM goes to `handler`: a second one, of either kind, finds the default again and ends the process.
/// SIG_DFL takes it back.
inline void onStopSignals(void (*handler)(int))
{
    stop_signals::handler = handler;
    struct sigaction action = {};
    action.sa_handler = handler == SIG_DFL ? SIG_DFL : stop_signals::first;
    action.sa_flags = SA_RESTART;
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
}

} // namespace sparsescope
