#include "app/cli/interrupt.h"

#include "core/base/stop_signals.h"

#include <atomic>
#include <chrono>
#include <csignal>

namespace sparsescope {
namespace {

std::atomic<bool> stopAsked{false}; // all that the handler touches
static_assert(std::atomic<bool>::is_always_lock_free);

extern "C" void askToStop(int) { stopAsked = true; }

} // namespace

Interrupt::Interrupt(RunControl &control)
{
    onStopSignals(askToStop);
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

Interrupt::~Interrupt() { onStopSignals(SIG_DFL); }

bool Interrupt::happened() const { return stopAsked; }

} // namespace sparsescope
