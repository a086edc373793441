#include "core/train/label_losses.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cross_entropy_loss.h>

#include <cstring>

namespace sparsescope {

LabelLosses labelLosses(const at::Tensor &logits, const DeviceBatch &batch)
{
    const at::Tensor flat = logits.reshape({-1, logits.size(-1)}).to(at::kFloat), targets = batch.targets.reshape({-1});
    const at::Tensor nll =
        at::cross_entropy_loss(flat, targets, {}, /*reduction=*/0, /*ignore_index=*/-1).to(at::kCPU, at::kDouble);
    const at::Tensor right = flat.argmax(1).eq(targets).to(at::kCPU, at::kByte).contiguous();
    const at::Tensor labels = targets.to(at::kCPU).contiguous();
    const auto count = static_cast<std::size_t>(labels.numel());
    LabelLosses losses;
    losses.length = batch.targets.size(1);
    losses.labels.resize(count);
    losses.nll.resize(count);
    losses.right.resize(count);
    std::memcpy(losses.labels.data(), labels.const_data_ptr<std::int64_t>(), count * sizeof(std::int64_t));
    std::memcpy(losses.nll.data(), nll.contiguous().const_data_ptr<double>(), count * sizeof(double));
    std::memcpy(losses.right.data(), right.const_data_ptr<std::uint8_t>(), count);
    return losses;
}

} // namespace sparsescope
