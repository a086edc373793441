#include "core/train/label_losses.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cross_entropy_loss.h>

#include <cstring>

namespace sparsescope {

namespace {

template <class T>
std::vector<T> onHost(const at::Tensor &tensor, at::ScalarType type)
{
    const at::Tensor host = tensor.to(at::kCPU).to(type).contiguous();
    std::vector<T> values(static_cast<std::size_t>(host.numel()));
    std::memcpy(values.data(), host.const_data_ptr(), values.size() * sizeof(T));
    return values;
}

} // namespace

LabelTensors labelTensors(const at::Tensor &logits, const DeviceBatch &batch)
{
    const at::Tensor flat = logits.reshape({-1, logits.size(-1)}).to(at::kFloat), targets = batch.targets.reshape({-1});
    return {batch.targets.size(1), targets,
            at::cross_entropy_loss(flat, targets, {}, /*reduction=*/0, /*ignore_index=*/-1),
            flat.argmax(1).eq(targets)};
}

LabelLosses LabelTensors::read() const
{
    return {length, onHost<std::int64_t>(labels, at::kLong), onHost<double>(nll, at::kDouble),
            onHost<std::uint8_t>(right, at::kByte)};
}

LabelLosses labelLosses(const at::Tensor &logits, const DeviceBatch &batch)
{
    return labelTensors(logits, batch).read();
}

} // namespace sparsescope
