#pragma once

#include "kernels/ops/dsa.h"

/// Moves and comparisons between the card and the CPU.
namespace sparsescope::testing {

inline at::Tensor onCard(const at::Tensor &x) { return x.to(at::Device(at::kCUDA)); }

inline at::Tensor exact(const at::Tensor &x) { return x.detach().cpu().to(at::kDouble); }

/// Bit for bit, and of the same parts.
inline bool equalSelections(const dsa::Selection &a, const dsa::Selection &b)
{
    const auto equal = [](const at::Tensor &x, const at::Tensor &y) {
        return x.defined() == y.defined() && (!x.defined() || x.cpu().equal(y.cpu()));
    };
    return equal(a.bits, b.bits) && equal(a.bitsT, b.bitsT) && equal(a.count, b.count) && equal(a.idx, b.idx);
}

} // namespace sparsescope::testing
