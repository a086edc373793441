#include "core/train/step_benchmark.h"

#include "core/base/cost_model.h"
#include "core/data/random_stream.h"
#include "core/train/device.h"
#include "core/train/stream_scope.h"
#include "core/train/trainer.h"

#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>

namespace sparsescope {
namespace {

constexpr int kBatches = 8;
constexpr int kStepsBefore = 4; ///< the captured one is recorded in the third
constexpr int kStepsCompared = 8;
constexpr double kSampleSeconds = 0.06;
constexpr int kFewestSteps = 2, kMostSteps = 40;
constexpr double kLossTolerance = 2e-3; ///< of bf16 gradients summed in another order

double seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

std::vector<Batch> randomBatches(const RunConfig &run, int vocabulary)
{
    RandomStream random(run.training.seed, Split::Training, 0, 0);
    std::vector<Batch> batches(kBatches);
    for (Batch &batch : batches) {
        batch.rows = run.training.batchSize;
        batch.length = static_cast<int>(run.training.sequenceLength);
        const std::size_t tokens = static_cast<std::size_t>(batch.rows) * batch.length;
        for (std::vector<std::int64_t> *values : {&batch.inputs, &batch.targets}) {
            values->resize(tokens);
            for (std::int64_t &value : *values) {
                value = static_cast<std::int64_t>(random.below(vocabulary));
            }
        }
    }
    return batches;
}

/// Bytes in use and reserved on the device.
struct Memory {
    double allocated = 0, peak = 0, reserved = 0;

    static Memory of(const at::Device &device)
    {
        if (!device.is_cuda()) {
            return {};
        }
        constexpr auto kAll = static_cast<std::size_t>(c10::CachingAllocator::StatType::AGGREGATE);
        const auto stats = at::getDeviceAllocator(at::kCUDA)->getDeviceStats(device.index());
        return {static_cast<double>(stats.allocated_bytes[kAll].current),
                static_cast<double>(stats.allocated_bytes[kAll].peak),
                static_cast<double>(stats.reserved_bytes[kAll].current)};
    }
};

/// A trainer of one path and what it has done.
class Subject {
public:
    Subject(const RunConfig &run, Captured captured, int vocabulary, const at::Device &device, const StageConfig &stage,
            const std::vector<Batch> &batches)
        : m_device(device)
        , m_stage(stage)
        , m_batches(batches)
    {
        releaseCachedMemory();
        if (device.is_cuda()) {
            at::getDeviceAllocator(at::kCUDA)->resetPeakStats(device.index());
        }
        const Memory before = Memory::of(device);
        RunConfig config = run;
        config.training.captured = captured;
        const bool bf16 = config.training.precision == Precision::Bf16 ||
                          (config.training.precision == Precision::Auto && device.is_cuda());
        m_trainer = std::make_unique<Trainer>(config, vocabulary, device, bf16);
        for (int i = 0; i < kStepsBefore; ++i) {
            step();
        }
        wait();
        timing.peakBytes = Memory::of(device).peak - before.allocated;
        releaseCachedMemory();
        timing.reservedBytes = std::max(0.0, Memory::of(device).reserved - before.reserved);
        timing.path = captured == Captured::Off ? "eager" : "captured";
        timing.detail = m_trainer->path();
    }

    StepTensors step()
    {
        const StepTensors result = m_trainer->step(m_stage, m_batches[m_step % kBatches], m_step);
        ++m_step;
        return result;
    }

    double loss() { return step().loss.item<double>(); }

    void wait() const
    {
        if (m_device.is_cuda()) {
            const c10::impl::VirtualGuardImpl guard(at::kCUDA);
            guard.synchronizeStream(guard.getStream(m_device));
        }
    }

    void chooseSteps()
    {
        const double once = std::max(1e-6, sample(kFewestSteps));
        timing.steps = std::clamp(static_cast<int>(kSampleSeconds / once), kFewestSteps, kMostSteps);
    }

    /// Seconds of a step.
    double sample(int steps)
    {
        wait();
        const double begin = seconds();
        for (int i = 0; i < steps; ++i) {
            step();
        }
        wait();
        return (seconds() - begin) / steps;
    }

    void takeSample() { m_samples.push_back(sample(timing.steps)); }

    void finish()
    {
        std::sort(m_samples.begin(), m_samples.end());
        const auto quantile = [&](double share) {
            return 1e3 * m_samples[static_cast<std::size_t>(share * static_cast<double>(m_samples.size() - 1) + 0.5)];
        };
        timing.milliseconds = quantile(0.5);
        timing.lower = quantile(0.25);
        timing.upper = quantile(0.75);
        timing.samples = static_cast<int>(m_samples.size());
    }

    Trainer &trainer() { return *m_trainer; }

    StepTiming timing;

private:
    at::Device m_device;
    StageConfig m_stage;
    const std::vector<Batch> &m_batches;
    std::unique_ptr<Trainer> m_trainer;
    std::int64_t m_step = 0;
    std::vector<double> m_samples;
};

bool sameWeights(Trainer &a, Trainer &b)
{
    const auto &left = a.model().parameters().entries(), &right = b.model().parameters().entries();
    return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                      [](const auto &x, const auto &y) { return x.tensor.equal(y.tensor); });
}

void compare(std::vector<Subject> &subjects, StepRow &row)
{
    for (int i = 0; i < kStepsCompared; ++i) {
        const double expected = subjects.back().loss();
        const double found = subjects.size() > 1 ? subjects.front().loss() : expected;
        row.lossDifference = std::max(row.lossDifference, std::abs(found - expected) / std::abs(expected));
        if (!std::isfinite(found) || !std::isfinite(expected)) {
            row.wrong = "a loss is no finite number";
        }
    }
    row.sameBits = sameWeights(subjects.front().trainer(), subjects.back().trainer());
    if (row.wrong.empty() && row.lossDifference > kLossTolerance) {
        row.wrong = fmt::format("losses of the captured and the eager steps are {:.1e} apart", row.lossDifference);
    }
}

/// AdamW reads weight, gradient and two moments and writes all but the gradient; the gradient was written and the weight read
/// once more; logits and their gradient are written and read.
double leastBytes(const StepRow &row, double bytesPerActivation)
{
    const double logits = static_cast<double>(row.batch * row.sequenceLength) * row.vocabulary;
    return 36.0 * static_cast<double>(row.parameters) + 4 * bytesPerActivation * logits;
}

} // namespace

StepRow measureStep(const RunConfig &run, int vocabulary, const std::string &device, const StepBenchOptions &options)
{
    const at::Device place = resolveDevice(device);
    const StreamScope stream(place);
    const dsa::KernelScope kernels(kernelUse(run.training.kernels));
    const StageConfig stage = stagesOf(run).back();
    const std::vector<Batch> batches = randomBatches(run, vocabulary);
    StepRow row;
    row.run = run.folder();
    row.family = run.model.family;
    row.sequenceLength = run.training.sequenceLength;
    row.batch = run.training.batchSize;
    row.topK = isSparse(run.model.family) ? run.topK() : 0;
    row.vocabulary = vocabulary;
    row.parameters = parameterCount(run, vocabulary).total();
    row.flops = stepFlops(run, vocabulary, stage).total();
    row.bytes = leastBytes(row, place.is_cuda() ? 2 : 4);

    std::vector<Subject> subjects;
    if (place.is_cuda()) {
        subjects.emplace_back(run, Captured::Auto, vocabulary, place, stage, batches);
    }
    subjects.emplace_back(run, Captured::Off, vocabulary, place, stage, batches);
    compare(subjects, row);
    for (Subject &subject : subjects) {
        subject.chooseSteps();
    }
    for (int round = 0; round < options.rounds; ++round) {
        for (Subject &subject : subjects) {
            subject.takeSample();
        }
        for (auto subject = subjects.rbegin(); subject != subjects.rend(); ++subject) {
            subject->takeSample();
        }
    }
    for (Subject &subject : subjects) {
        subject.finish();
        row.timings.push_back(subject.timing);
    }
    return row;
}

} // namespace sparsescope
