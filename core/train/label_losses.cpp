#include "core/train/label_losses.h"

#include "core/probe/host_values.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cross_entropy_loss.h>

namespace sparsescope {

LabelTensors labelTensors(const at::Tensor &logits, const DeviceBatch &batch)
{
    const at::Tensor flat = logits.reshape({-1, logits.size(-1)}).to(at::kFloat), targets = batch.targets.reshape({-1});
    return {batch.targets.size(1), targets,
            at::cross_entropy_loss(flat, targets, {}, /*reduction=*/0, /*ignore_index=*/-1),
            flat.argmax(1).eq(targets)};
}

LabelLosses LabelTensors::read() const
{
    return {length, hostValues<std::int64_t>(labels, at::kLong), hostValues<double>(nll, at::kDouble),
            hostValues<std::uint8_t>(right, at::kByte)};
}

LabelLosses labelLosses(const at::Tensor &logits, const DeviceBatch &batch)
{
    return labelTensors(logits, batch).read();
}

} // namespace sparsescope
