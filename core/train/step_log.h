#pragma once

#include "core/base/records.h"
#include "core/train/trainer.h"

#include <cstdint>
#include <string>
#include <vector>

namespace sparsescope {

/// Keeps the [] tensors of recent steps on the device and brings them to the host together, so that a step on the GPU waits
/// for nothing. On the CPU every step is brought over at once.
class StepLog {
public:
    StepLog(std::string run, bool onDevice, std::int64_t tokensPerStep);

    /// `step`: main steps done after this one; `seconds`: what this run spent on it (runs of a group take turns, so the wall
    /// clock between two steps belongs to all of them).
    void add(std::int64_t step, const StepTensors &tensors, double seconds);
    /// Is it time to bring the steps over?
    bool due() const;
    /// Waits for the device. Throws Failure naming the step at which the loss became NaN or infinite; what came before that
    /// step is in `records` all the same.
    void drain(std::vector<StepRecord> &records);

private:
    struct Pending {
        std::int64_t step;
        StepTensors tensors;
    };
    std::string m_run;
    bool m_onDevice;
    std::int64_t m_tokensPerStep;
    double m_lastDrain;
    double m_seconds = 0; ///< spent on the pending steps
    std::vector<Pending> m_pending;
};

/// Seconds since the epoch.
double wallClock();

} // namespace sparsescope
