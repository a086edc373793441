#include "core/train/step_log.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/zeros.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>

namespace sparsescope {
namespace {

constexpr std::size_t kStepsTogether = 16;
constexpr double kSecondsTogether = 0.25;
constexpr const char *kNames[] = {"train.loss", "indexer.kl", "grad.norm", "grad.indexer"};

constexpr const char *kWords[] = {"loss", "indexer loss", "gradient norm", "gradient norm of the indexer"};

/// What value `index` of a step is called.
std::string nameOf(int index, KlTarget kl)
{
    return index == 1 && !comparesWithAttention(kl) ? "indexer." + toString(kl) : kNames[index];
}

/// A place in the work of the current stream. Its clock tells when the device came there, which is not when it was put out.
c10::Event markOn(const at::Device &device)
{
    c10::Event mark(at::kCUDA, c10::EventFlag::BACKEND_DEFAULT); // the only kind with a clock
    mark.record(c10::impl::VirtualGuardImpl(at::kCUDA).getStream(device));
    return mark;
}

} // namespace

double wallClock()
{
    return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

StepLog::StepLog(std::string run, const at::Device &device, std::int64_t tokensPerStep)
    : m_run(std::move(run))
    , m_device(device)
    , m_tokensPerStep(tokensPerStep)
    , m_lastDrain(wallClock())
    , m_rows(at::zeros({2 * static_cast<std::int64_t>(kStepsTogether), 4},
                       at::TensorOptions(at::kFloat).pinned_memory(device.is_cuda())))
{}

void StepLog::begin()
{
    m_began = wallClock();
    if (m_device.is_cuda()) {
        m_mark.emplace(markOn(m_device));
    }
}

void StepLog::add(std::int64_t step, const Origin &origin, const StepTensors &tensors)
{
    Pending pending;
    pending.step = step;
    pending.origin = origin;
    const at::Tensor *all[] = {&tensors.loss, &tensors.kl, &tensors.gradMain, &tensors.gradIndexer};
    std::transform(std::begin(all), std::end(all), pending.defined, [](const at::Tensor *x) { return x->defined(); });
    pending.values = m_rows.select(0, static_cast<std::int64_t>(m_added++ % m_rows.size(0)));
    pending.values.copy_(tensors.values, /*non_blocking=*/true);
    if (m_device.is_cuda()) {
        pending.began.emplace(std::move(*m_mark));
        pending.copied.emplace(markOn(m_device));
        if (m_pending.size() >= kStepsAhead) {
            m_pending[m_pending.size() - kStepsAhead].copied->synchronize();
        }
    } else {
        pending.seconds = wallClock() - m_began;
    }
    m_pending.push_back(std::move(pending));
}

bool StepLog::due() const
{
    return !m_device.is_cuda() || m_pending.size() >= kStepsTogether || wallClock() - m_lastDrain > kSecondsTogether;
}

std::optional<StepLog::Broken> StepLog::drain(std::vector<StepRecord> &records, bool wait)
{
    m_lastDrain = wallClock();
    while (!m_pending.empty() && (wait || m_pending.front().there())) {
        const Pending pending = std::move(m_pending.front());
        m_pending.pop_front();
        double seconds = pending.seconds;
        if (pending.copied) {
            pending.copied->synchronize();
            seconds = pending.began->elapsedTime(*pending.copied) * 1e-3;
        }
        m_trained += seconds;
        StepRecord record{m_run, pending.step, wallClock(), {}};
        const float *values = pending.values.const_data_ptr<float>();
        for (int i = 0; i < 4; ++i) {
            if (!pending.defined[i]) {
                continue;
            }
            const double value = values[i];
            if (!std::isfinite(value)) {
                return Broken{pending.step,
                              fmt::format("{} became {}", kWords[i], std::isnan(value) ? "NaN" : "infinite"),
                              pending.origin};
            }
            record.scalars.push_back({nameOf(i, pending.origin.kl), value});
        }
        if (pending.origin.counted) {
            record.scalars.push_back({"time.step", seconds});
            record.scalars.push_back({"time.tokens_per_s", static_cast<double>(m_tokensPerStep) / seconds});
        }
        records.push_back(std::move(record));
    }
    return std::nullopt;
}

} // namespace sparsescope
