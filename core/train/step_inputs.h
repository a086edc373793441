#pragma once

#include "core/data/data_source.h"

#include <ATen/core/Tensor.h>

#include <array>
#include <optional>

namespace sparsescope {

/// Batch tokens and targets on the device, int64 [B,L].
struct DeviceBatch {
    at::Tensor inputs, targets;
};
/// A copy of its own, for which the host waits.
DeviceBatch toDevice(const Batch &batch, const at::Device &device);

/// What a training step reads, at the same place on the device at every step: a batch and the rates of the two optimiser groups.
/// They travel in one copy, for which the host does not wait.
class StepInputs {
public:
    StepInputs(std::int64_t rows, std::int64_t length, const at::Device &device);
    ~StepInputs();

    /// Throws Failure when the batch has another shape. Waits only where the copy before the last is not over.
    void upload(const Batch &batch, double mainRate, double indexerRate);

    const DeviceBatch &batch() const { return m_batch; }
    /// [2]: main, indexer; fp32 on a GPU, fp64 on the CPU, as the fused optimiser reads them.
    at::Tensor rates() const;

private:
    struct Staging;
    std::int64_t m_rows, m_length;
    at::Tensor m_device;                ///< int64 [2 B L + 2]: tokens, targets, the bits of the rates
    DeviceBatch m_batch;                ///< views of it
    std::unique_ptr<Staging> m_staging; ///< pinned memory, on a GPU only
};

} // namespace sparsescope
