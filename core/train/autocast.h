#pragma once

#include <ATen/core/Tensor.h>

namespace sparsescope {

/// bf16 autocast on CUDA for as long as it lives; does nothing when `enabled` is false.
class AutocastScope {
public:
    explicit AutocastScope(bool enabled);
    ~AutocastScope();
    AutocastScope(const AutocastScope &) = delete;
    AutocastScope &operator=(const AutocastScope &) = delete;

private:
    bool m_enabled, m_before = false;
    at::ScalarType m_typeBefore = at::kHalf;
};

} // namespace sparsescope
