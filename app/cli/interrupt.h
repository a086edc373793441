#pragma once

#include "core/experiment/runner.h"

#include <thread>

namespace sparsescope {

/// While it lives, the first SIGINT or SIGTERM asks the runner to stop after the step at hand, with a checkpoint, and says
/// so unless `quiet`; a second one of either kind ends the process at once. The handler only sets a flag, a thread of ours
/// carries it to the runner.
class Interrupt {
public:
    Interrupt(RunControl &control, bool quiet);
    ~Interrupt();
    Interrupt(const Interrupt &) = delete;
    Interrupt &operator=(const Interrupt &) = delete;

    /// Was the runner asked to stop by a signal?
    bool happened() const;

private:
    std::jthread m_watcher;
};

} // namespace sparsescope
