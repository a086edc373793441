#pragma once

#include "app/cli/output.h"
#include "kernels/ops/benchmark.h"

#include <string>
#include <vector>

namespace sparsescope {

struct BenchLongOptions {
    std::vector<std::string> contexts; ///< lengths, or "from..to": doubled from one to the other
    std::string indexer = "64x128";    ///< heads x width; with -e4m3 behind it in that type
    std::string direction = "forward"; ///< or "training"
    std::vector<std::string> changes;  ///< FIELD=VALUE of k and heads
    std::string out;
    dsa::benchmark::Options method;
};

/// `bench attention --context`: one attention layer's core at length, its parts and the library's dense attention.
int benchLong(const BenchLongOptions &options, const dsa::benchmark::Machine &machine, const std::string &note,
              Output &output);
/// What is wrong with the options is thrown before anything is measured.
std::vector<dsa::benchmark::LongShape> longShapes(const BenchLongOptions &options);

} // namespace sparsescope
