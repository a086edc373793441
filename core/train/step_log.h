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
        bool counted =
            true; ///< on the axis; else many steps stand at one place of it, and none of them has a time there
        KlTarget kl = KlTarget::Visible; ///< what trained the indexer: the name of its loss
    };
    /// A number that is not finite.
    struct Broken {
        std::int64_t step = 0;
        std::string what; ///< "loss became NaN"
        Origin origin;
    };

    StepLog(std::string run, const at::Device &device, std::int64_t tokensPerStep);

    /// The next step begins here: its time runs from now, or from when the device is done with all that was put out before
    /// (steps of the other runs of a group, an evaluation), until its numbers are there.
    void begin();
    /// The step that begin() began has been put out. `step`: main steps done after it. Waits until no more than kStepsAhead
    /// steps are unfinished on the device.
    void add(std::int64_t step, const Origin &origin, const StepTensors &tensors);
    /// Is it time to read what is there?
    bool due() const;
    /// Appends the finished steps to `records`; with `wait` all of them. At a number that is not finite it stops and returns it:
    /// that step has no record.
    std::optional<Broken> drain(std::vector<StepRecord> &records, bool wait);

    /// Seconds spent on all steps that were drained, indexer-only ones too; a resumed run goes on from what it had.
    double trained() const { return m_trained; }
    void resumeAt(double seconds) { m_trained = seconds; }

    /// The host prepares the next step while one runs, and no more, so that a command takes effect at once.
    static constexpr std::size_t kStepsAhead = 2;

private:
    struct Pending {
        std::int64_t step = 0;
        Origin origin;
        bool defined[4] = {};
        at::Tensor values;                       ///< [4] fp32 on the host
        double seconds = 0;                      ///< on the CPU, where the step is done when it has been put out
        std::optional<c10::Event> began, copied; ///< on CUDA: the device's own clock at both ends
        bool there() const { return !copied || copied->query(); }
    };

    std::string m_run;
    at::Device m_device;
    std::int64_t m_tokensPerStep;
    double m_lastDrain, m_trained = 0;
    double m_began = 0;               ///< wall clock
    std::optional<c10::Event> m_mark; ///< the same place in the device's work
    at::Tensor m_rows;                ///< [n,4] fp32, pinned on a GPU; each step writes the next row
    std::uint64_t m_added = 0;
    std::deque<Pending> m_pending;
};

/// Seconds since the epoch.
double wallClock();

} // namespace sparsescope
