#pragma once

#include "core/base/config.h"

#include <cstdint>
#include <string>
#include <vector>

/// Door to the measurement of whole training steps: `sparsescope-cli bench step`. No torch in this header.
/// Method: the captured and the eager trainer start from the same weights and take the same batches of random tokens; first both
/// do the same steps, whose losses must agree; then they take turns (A B B A) over several steps a sample; wall clock from an idle
/// device to an idle device, median and quartiles of a step.
namespace sparsescope {

struct StepTiming {
    std::string path;   ///< "captured", "eager"
    std::string detail; ///< "as one graph of 1480 operations", "operation by operation: <why>"
    double milliseconds = 0, lower = 0, upper = 0; ///< a step: median and quartiles
    double peakBytes = 0;       ///< allocated at most by trainer and step, weights included; 0 on the CPU
    double reservedBytes = 0;   ///< that this trainer keeps from others between two steps; 0 on the CPU
    int steps = 0, samples = 0; ///< steps a sample, samples
};

struct StepRow {
    std::string run; ///< "seq_256/sparse/seed_0"
    Family family = Family::Classic;
    std::int64_t sequenceLength = 0, batch = 0, topK = 0, parameters = 0;
    int vocabulary = 0;
    std::string wrong = {};    ///< empty when captured and eager agree
    double lossDifference = 0; ///< largest relative difference of the losses compared
    bool sameBits = false;     ///< are all weights equal bit for bit after those steps?
    double flops = 0;          ///< of a step (cost_model.h)
    double bytes =
        0; ///< that any implementation must move: optimiser state, weights, gradients, logits and their gradient
    std::vector<StepTiming> timings; ///< captured first; on the CPU eager alone
};

struct StepBenchOptions {
    int rounds = 5; ///< A B B A: two samples each
};

/// One run of an experiment, its last stage. Throws what a training would throw (CUDA out of memory ...).
StepRow measureStep(const RunConfig &run, int vocabulary, const std::string &device, const StepBenchOptions &options);

} // namespace sparsescope
