#pragma once

#include "kernels/ops/benchmark.h"

#include <functional>
#include <memory>
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

/// Points in a stream of work (on a card), or in time (on the CPU).
class Marks {
public:
    explicit Marks(bool isCuda);
    ~Marks();
    Marks(const Marks &) = delete;
    Marks &operator=(const Marks &) = delete;
    void mark();
    /// Between each point and the one before; waits for the work.
    std::vector<double> microseconds() const;

private:
    struct Points;
    std::unique_ptr<Points> m_points;
};

/// The largest allocation beyond what there is now while `work` runs; 0 without a card.
double peakBytesOf(const std::function<void()> &work, bool isCuda);

/// Median and quartiles of samples, in microseconds.
void summarise(Timing &timing, const std::vector<double> &samples);

/// Times the candidates in turn. On the CPU `launches` is one and graphs are none.
std::vector<Timing> timeInTurn(const std::vector<Candidate> &candidates, int sets, bool isCuda, const Options &options);

} // namespace dsa::benchmark
