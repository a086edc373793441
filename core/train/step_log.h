#pragma once

#include "core/base/records.h"
#include "core/train/trainer.h"

#include <c10/core/Event.h>

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

namespace sparsescope {

/// Brings what the steps report to the host, in their order, without waiting for the device: each step's numbers are copied behind
/// it into pinned memory and read when they are there. On the CPU they are there at once.
class StepLog {
public:
    /// What a step worked on, so that it can be looked at again.
    struct Origin {
        int stage = 0;
        std::int64_t batch = 0, mainStep = 0;
    };
    /// A number that is not finite.
    struct Broken {
        std::int64_t step = 0;
        std::string what; ///< "loss became NaN"
        Origin origin;
    };

    StepLog(std::string run, const at::Device &device, std::int64_t tokensPerStep);

    /// `step`: main steps done after this one; `seconds`: what this run spent on it (runs of a group take turns, so the wall
    /// clock between two steps belongs to all of them). Waits until no more than kStepsAhead steps are unfinished on the device.
    void add(std::int64_t step, const Origin &origin, const StepTensors &tensors, double seconds);
    /// Is it time to read what is there?
    bool due() const;
    /// Appends the finished steps to `records`; with `wait` all of them. At a number that is not finite it stops and returns it:
    /// that step has no record.
    std::optional<Broken> drain(std::vector<StepRecord> &records, bool wait);

    /// The host prepares the next step while one runs, and no more, so that a command takes effect at once.
    static constexpr std::size_t kStepsAhead = 2;

private:
    struct Pending {
        std::int64_t step = 0;
        Origin origin;
        bool defined[4] = {};
        double seconds = 0;
        at::Tensor values;                ///< [4] fp32 on the host
        std::optional<c10::Event> copied; ///< none: they are there
        bool there() const { return !copied || copied->query(); }
    };

    std::string m_run;
    at::Device m_device;
    std::int64_t m_tokensPerStep;
    double m_lastDrain;
    at::Tensor m_rows; ///< [n,4] fp32, pinned on a GPU; each step writes the next row
    std::uint64_t m_added = 0;
    std::deque<Pending> m_pending;
};

/// Seconds since the epoch.
double wallClock();

} // namespace sparsescope
