#include "app/cli/interrupt.h"

#include "core/base/stop_signals.h"

#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>

namespace sparsescope {
namespace {

std::atomic<bool> stopAsked{false}; // all that the handler touches
static_assert(std::atomic<bool>::is_always_lock_free);

extern "C" void askToStop(int) { stopAsked = true; }

} // namespace

Interrupt::Interrupt(RunControl &control, bool quiet)
{
    onStopSignals(askToStop);
    m_watcher = std::jthread([&control, quiet](std::stop_token stop) {
        while (!stop.stop_requested()) {
            if (stopAsked) {
                control.stop();
                if (!quiet)
                    fmt::print(stderr,
                               "\nStopping after the step at hand, with a checkpoint. Once more ends it at once, "
                               "and what came after the last checkpoint is lost.\n");
                return;
            }
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
    });
}

Interrupt::~Interrupt() { onStopSignals(SIG_DFL); }

bool Interrupt::happened() const { return stopAsked; }

} // namespace sparsescope
