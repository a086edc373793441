#include "core/train/step_inputs.h"

#include "core/base/error.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/zeros.h>
#include <c10/core/Event.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <fmt/format.h>

#include <algorithm>
#include <bit>

namespace sparsescope {

DeviceBatch toDevice(const Batch &batch, const at::Device &device)
{
    const auto upload = [&](const std::vector<std::int64_t> &values) {
        auto *data = const_cast<std::int64_t *>(values.data()); // from_blob takes no const; copies are made at once
        const at::Tensor host = at::from_blob(data, {batch.rows, batch.length}, at::kLong);
        // Pinned memory is copied without a wait, and torch keeps it until that is done.
        return device.is_cuda() ? host.pin_memory().to(device, /*non_blocking=*/true)
                                : host.to(device, /*non_blocking=*/false, /*copy=*/true);
    };
    return {upload(batch.inputs), upload(batch.targets)};
}

/// Two pieces of pinned memory in turn: while one is copied the other is filled.
struct StepInputs::Staging {
    struct Slot {
        at::Tensor memory;
        c10::Event copied{at::kCUDA};
    };
    Slot slots[2];
    int next = 0;
};

StepInputs::StepInputs(std::int64_t rows, std::int64_t length, const at::Device &device)
    : m_rows(rows)
    , m_length(length)
    , m_device(at::zeros({2 * rows * length + 2}, at::TensorOptions(at::kLong).device(device)))
{
    const std::int64_t tokens = rows * length;
    m_batch = {m_device.narrow(0, 0, tokens).view({rows, length}),
               m_device.narrow(0, tokens, tokens).view({rows, length})};
    if (device.is_cuda()) {
        m_staging = std::make_unique<Staging>();
        for (Staging::Slot &slot : m_staging->slots) {
            slot.memory = at::empty(m_device.sizes(), at::TensorOptions(at::kLong).pinned_memory(true));
        }
    }
}

StepInputs::~StepInputs() = default;

void StepInputs::upload(const Batch &batch, double mainRate, double indexerRate)
{
    if (batch.rows != m_rows || batch.length != m_length) {
        throw Failure({"a batch has another shape than the run's", "", fmt::format("{} x {}", batch.rows, batch.length),
                       fmt::format("{} x {}", m_rows, m_length), ""});
    }
    Staging::Slot *slot = nullptr;
    if (m_staging) {
        slot = &m_staging->slots[m_staging->next];
        m_staging->next ^= 1;
        slot->copied.synchronize();
    }
    auto *target = (slot ? slot->memory : m_device).mutable_data_ptr<std::int64_t>();
    target = std::copy(batch.inputs.begin(), batch.inputs.end(), target);
    target = std::copy(batch.targets.begin(), batch.targets.end(), target);
    target[0] = std::bit_cast<std::int64_t>(mainRate);
    target[1] = std::bit_cast<std::int64_t>(indexerRate);
    if (slot) {
        m_device.copy_(slot->memory, /*non_blocking=*/true);
        const c10::impl::VirtualGuardImpl device(at::kCUDA);
        slot->copied.record(device.getStream(m_device.device()));
    }
}

at::Tensor StepInputs::rates() const
{
    const at::Tensor exact = m_device.narrow(0, 2 * m_rows * m_length, 2).view(at::kDouble);
    return m_device.is_cuda() ? exact.to(at::kFloat) : exact;
}

} // namespace sparsescope
