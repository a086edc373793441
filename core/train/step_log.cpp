#include "core/train/step_log.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/full.h>
#include <ATen/ops/stack.h>

#include <fmt/format.h>

#include <chrono>
#include <cmath>

namespace sparsescope {
namespace {

constexpr std::size_t kStepsOnDevice = 16;
constexpr double kSecondsOnDevice = 0.25;

} // namespace

double wallClock()
{
    return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

StepLog::StepLog(std::string run, bool onDevice, std::int64_t tokensPerStep)
    : m_run(std::move(run))
    , m_onDevice(onDevice)
    , m_tokensPerStep(tokensPerStep)
    , m_lastDrain(wallClock())
{}

void StepLog::add(std::int64_t step, const StepTensors &tensors, double seconds)
{
    m_pending.push_back({step, tensors});
    m_seconds += seconds;
}

bool StepLog::due() const
{
    return !m_onDevice || m_pending.size() >= kStepsOnDevice || wallClock() - m_lastDrain > kSecondsOnDevice;
}

void StepLog::drain(std::vector<StepRecord> &records)
{
    if (m_pending.empty()) {
        m_lastDrain = wallClock();
        return;
    }
    const double begin = wallClock();
    const at::Tensor missing = at::full({}, std::nan(""), at::TensorOptions(at::kFloat));
    std::vector<at::Tensor> values;
    for (const Pending &pending : m_pending) {
        for (const at::Tensor &tensor :
             {pending.tensors.loss, pending.tensors.kl, pending.tensors.gradMain, pending.tensors.gradIndexer}) {
            values.push_back(tensor.defined() ? tensor.to(at::kFloat) : missing.to(m_onDevice ? at::kCUDA : at::kCPU));
        }
    }
    const at::Tensor host = at::stack(values).cpu();
    const float *value = host.const_data_ptr<float>();

    const double now = wallClock();
    const double seconds = (m_seconds + now - begin) / static_cast<double>(m_pending.size());
    m_lastDrain = now;
    m_seconds = 0;
    std::vector<Pending> pending = std::move(m_pending);
    m_pending.clear();
    for (std::size_t i = 0; i < pending.size(); ++i) {
        const StepTensors &tensors = pending[i].tensors;
        StepRecord record{m_run, pending[i].step, now, {}};
        const char *names[] = {"train.loss", "indexer.kl", "grad.norm", "grad.indexer"};
        const bool defined[] = {tensors.loss.defined(), tensors.kl.defined(), tensors.gradMain.defined(),
                                tensors.gradIndexer.defined()};
        for (int j = 0; j < 4; ++j) {
            const double number = value[i * 4 + j];
            if (!defined[j]) {
                continue;
            }
            if (!std::isfinite(number)) {
                throw Failure({fmt::format("{} became {} at step {}", j == 0 ? "loss" : names[j],
                                           std::isnan(number) ? "NaN" : "infinite", pending[i].step),
                               m_run, "", "", "Halve training.learning_rate, or go on from the last checkpoint."});
            }
            record.scalars.push_back({names[j], number});
        }
        record.scalars.push_back({"time.step", seconds});
        record.scalars.push_back({"time.tokens_per_s", static_cast<double>(m_tokensPerStep) / seconds});
        records.push_back(std::move(record));
    }
}

} // namespace sparsescope
