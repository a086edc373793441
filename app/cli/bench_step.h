#pragma once

#include "app/cli/output.h"
#include "kernels/ops/benchmark.h"

#include <string>
#include <vector>

namespace sparsescope {

struct BenchStepOptions {
    std::vector<std::string> changes; ///< PATH=VALUE, of the fields of an experiment
    std::vector<int> vocabularies;    ///< empty: 257 and 49152
    std::string out;
    int rounds = 5;
};

/// `bench step`: whole training steps of the four families, captured and eager, in one process.
int benchStep(const BenchStepOptions &options, const dsa::benchmark::Machine &machine, const std::string &note,
              Output &output);

} // namespace sparsescope
