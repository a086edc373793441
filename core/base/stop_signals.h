#pragma once

#include <csignal>

namespace sparsescope {

/// SIGINT and SIGTERM go to `handler` once: a second one finds the default again and ends the process. SIG_DFL takes it back.
inline void onStopSignals(void (*handler)(int))
{
    struct sigaction action = {};
    action.sa_handler = handler;
    action.sa_flags = SA_RESETHAND | SA_RESTART;
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
}

} // namespace sparsescope
