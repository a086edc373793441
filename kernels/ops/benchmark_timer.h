#pragma once

#include "kernels/ops/benchmark.h"

#include <functional>
#include <string>
#include <vector>

namespace dsa::benchmark {

/// Something to time: call(i) works on input set i and keeps nothing.
struct Candidate {
    std::string name, backend;
    std::function<void(int set)> call;
};

/// Microseconds that the work takes on the current stream of the card; waits for it. Needs a build with kernels.
double microsecondsOnCard(const std::function<void()> &work);

/// Times the candidates in turn. On the CPU `launches` is one and graphs are none.
std::vector<Timing> timeInTurn(const std::vector<Candidate> &candidates, int sets, bool isCuda, const Options &options);

} // namespace dsa::benchmark
