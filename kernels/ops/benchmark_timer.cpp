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

struct Marks::Points {
    bool isCuda = false;
    std::vector<std::chrono::steady_clock::time_point> times;
#ifdef SPARSESCOPE_HAS_KERNELS
    std::vector<std::unique_ptr<Event>> events;
#endif
};

Marks::Marks(bool isCuda)
    : m_points(std::make_unique<Points>())
{
    m_points->isCuda = isCuda;
}

Marks::~Marks() = default;

void Marks::mark()
{
#ifdef SPARSESCOPE_HAS_KERNELS
    if (m_points->isCuda) {
        m_points->events.push_back(std::make_unique<Event>());
        m_points->events.back()->record();
        return;
    }
#endif
    m_points->times.push_back(std::chrono::steady_clock::now());
}

std::vector<double> Marks::microseconds() const
{
    std::vector<double> result;
#ifdef SPARSESCOPE_HAS_KERNELS
    for (std::size_t i = 1; i < m_points->events.size(); ++i) {
        result.push_back(m_points->events[i - 1]->microsecondsTo(*m_points->events[i]));
    }
#endif
    for (std::size_t i = 1; i < m_points->times.size(); ++i) {
        result.push_back(
            std::chrono::duration<double, std::micro>(m_points->times[i] - m_points->times[i - 1]).count());
    }
    return result;
}

double peakBytesOf(const std::function<void()> &work, bool isCuda)
{
#ifdef SPARSESCOPE_HAS_KERNELS
    if (isCuda) {
        namespace allocator = c10::cuda::CUDACachingAllocator;
        const c10::DeviceIndex device = c10::cuda::current_device();
        allocator::resetPeakStats(device);
        const auto before = allocator::getDeviceStats(device).allocated_bytes[0].current;
        work();
        return static_cast<double>(allocator::getDeviceStats(device).allocated_bytes[0].peak - before);
    }
#endif
    static_cast<void>(isCuda);
    work();
    return 0;
}

void summarise(Timing &timing, const std::vector<double> &samples)
{
    timing.microseconds = quantile(samples, 0.5);
    timing.lower = quantile(samples, 0.25);
    timing.upper = quantile(samples, 0.75);
    timing.samples = static_cast<int>(samples.size());
}

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
            timing.peakBytes = peakBytesOf([&] { candidate.call(0); }, isCuda);
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
        summarise(timings[i], units[i].samples);
    }
    return timings;
}

} // namespace dsa::benchmark
