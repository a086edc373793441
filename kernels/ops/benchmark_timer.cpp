#include "kernels/ops/benchmark_timer.h"

#include <algorithm>
#include <chrono>
#include <memory>

#ifdef SPARSESCOPE_HAS_KERNELS
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#endif

namespace dsa::benchmark {

namespace {

/// One timed unit: `launches` calls.
struct Unit {
    std::function<double()> run; ///< microseconds of all its calls
    int launches = 1;
    std::vector<double> samples;
};

double quantile(std::vector<double> values, double share)
{
    std::sort(values.begin(), values.end());
    return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1) + 0.5)];
}

Unit onCpu(const Candidate &candidate, int sets)
{
    candidate.call(0);
    Unit unit;
    unit.run = [&candidate, sets, next = 0]() mutable {
        const auto begin = std::chrono::steady_clock::now();
        candidate.call(next++ % sets);
        return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin).count();
    };
    return unit;
}

#ifdef SPARSESCOPE_HAS_KERNELS

constexpr double kLongestGraph = 0.1e6; // microseconds: a slow baseline gets fewer launches

class Event {
public:
    Event() { C10_CUDA_CHECK(cudaEventCreate(&m_event)); }
    ~Event() { C10_CUDA_CHECK_WARN(cudaEventDestroy(m_event)); }
    Event(const Event &) = delete;
    Event &operator=(const Event &) = delete;
    void record() { C10_CUDA_CHECK(cudaEventRecord(m_event, c10::cuda::getCurrentCUDAStream())); }
    double microsecondsTo(const Event &end) const
    {
        C10_CUDA_CHECK(cudaEventSynchronize(end.m_event));
        float milliseconds = 0;
        C10_CUDA_CHECK(cudaEventElapsedTime(&milliseconds, m_event, end.m_event));
        return milliseconds * 1e3;
    }

private:
    cudaEvent_t m_event = nullptr;
};

double peakBytesOf(const Candidate &candidate)
{
    namespace allocator = c10::cuda::CUDACachingAllocator;
    const c10::DeviceIndex device = c10::cuda::current_device();
    allocator::resetPeakStats(device);
    const auto before = allocator::getDeviceStats(device).allocated_bytes[0].current;
    candidate.call(0);
    return static_cast<double>(allocator::getDeviceStats(device).allocated_bytes[0].peak - before);
}

Unit onCard(const Candidate &candidate, int sets, int wanted)
{
    candidate.call(0); // loads what is loaded lazily
    const double once = microsecondsOnCard([&] { candidate.call(sets > 1 ? 1 : 0); });
    Unit unit;
    unit.launches = std::clamp(static_cast<int>(kLongestGraph / std::max(once, 1.0)), 1, std::max(wanted, sets));
    const auto graph = std::make_shared<at::cuda::CUDAGraph>();
    graph->capture_begin();
    for (int i = 0; i < unit.launches; ++i) {
        candidate.call(i % sets);
    }
    graph->capture_end();
    graph->replay();
    unit.run = [graph] { return microsecondsOnCard([&] { graph->replay(); }); };
    return unit;
}

#endif

} // namespace

#ifdef SPARSESCOPE_HAS_KERNELS
double microsecondsOnCard(const std::function<void()> &work)
{
    Event begin, end;
    begin.record();
    work();
    end.record();
    return begin.microsecondsTo(end);
}
#endif

std::vector<Timing> timeInTurn(const std::vector<Candidate> &candidates, int sets, bool isCuda, const Options &options)
{
    std::vector<Unit> units;
    std::vector<Timing> timings;
#ifdef SPARSESCOPE_HAS_KERNELS
    std::unique_ptr<c10::cuda::CUDAStreamGuard> own; // a graph is not captured on the default stream
    if (isCuda) {
        C10_CUDA_CHECK(cudaDeviceSynchronize());
        own = std::make_unique<c10::cuda::CUDAStreamGuard>(c10::cuda::getStreamFromPool());
    }
#endif
    for (const Candidate &candidate : candidates) {
        Timing timing{candidate.name, candidate.backend};
#ifdef SPARSESCOPE_HAS_KERNELS
        if (isCuda) {
            units.push_back(onCard(candidate, sets, options.launches));
            timing.peakBytes = peakBytesOf(candidate);
        }
#endif
        if (!isCuda) {
            units.push_back(onCpu(candidate, sets));
        }
        timing.launches = units.back().launches;
        timings.push_back(timing);
    }
    for (int round = 0; round < options.rounds; ++round) {
        for (std::size_t i = 0; i < units.size(); ++i) {
            units[i].samples.push_back(units[i].run() / units[i].launches);
        }
        for (std::size_t i = units.size(); i-- > 0;) {
            units[i].samples.push_back(units[i].run() / units[i].launches);
        }
    }
    for (std::size_t i = 0; i < units.size(); ++i) {
        timings[i].microseconds = quantile(units[i].samples, 0.5);
        timings[i].lower = quantile(units[i].samples, 0.25);
        timings[i].upper = quantile(units[i].samples, 0.75);
        timings[i].samples = static_cast<int>(units[i].samples.size());
    }
    return timings;
}

} // namespace dsa::benchmark
