#include "app/cli/interrupt.h"

#include <atomic>
#include <chrono>
#include <csignal>

namespace sparsescope {
namespace {

std::atomic<bool> stopAsked{false}; // all that the handler touches
static_assert(std::atomic<bool>::is_always_lock_free);

extern "C" void askToStop(int) { stopAsked = true; }

void install(void (*handler)(int))
{
    struct sigaction action = {};
    action.sa_handler = handler;
    action.sa_flags = SA_RESETHAND | SA_RESTART; // a second signal finds the default again
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
}

} // namespace

Interrupt::Interrupt(RunControl &control)
{
    install(askToStop);
    m_watcher = std::jthread([&control](std::stop_token stop) {
        while (!stop.stop_requested()) {
            if (stopAsked) {
                control.stop();
                return;
            }
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
    });
}

Interrupt::~Interrupt() { install(SIG_DFL); }

bool Interrupt::happened() const { return stopAsked; }

} // namespace sparsescope
