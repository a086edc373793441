#pragma once

#include <ATen/core/Tensor.h>

#include <cstring>
#include <vector>

namespace sparsescope {

/// The values of a tensor on the host, as `type`, whose element is a T.
template <class T>
std::vector<T> hostValues(const at::Tensor &tensor, at::ScalarType type)
{
    const at::Tensor host = tensor.detach().to(at::kCPU, type).contiguous();
    std::vector<T> values(static_cast<std::size_t>(host.numel()));
    std::memcpy(values.data(), host.const_data_ptr(), values.size() * sizeof(T));
    return values;
}

} // namespace sparsescope
