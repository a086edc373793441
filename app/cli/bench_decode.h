#pragma once

#include "app/cli/bench_long.h"

namespace sparsescope {

/// `bench decode`: one attention layer's core for a new token of each request, its parts and the library's dense products.
/// `options.direction` is of no matter.
int benchDecode(const BenchLongOptions &options, std::int64_t requests, const dsa::benchmark::Machine &machine,
                const std::string &note, Output &output);

} // namespace sparsescope
