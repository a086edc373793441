#pragma once

#include "kernels/ops/dsa.h"

#include <ATen/TensorOperators.h>

/// Moves and comparisons between the card and the CPU.
namespace sparsescope::testing {

inline at::Tensor onCard(const at::Tensor &x) { return x.to(at::Device(at::kCUDA)); }

inline at::Tensor exact(const at::Tensor &x) { return x.detach().cpu().to(at::kDouble); }

/// ||found - expected|| / ||expected||; NaN stays NaN, which passes no limit.
inline double off(const at::Tensor &found, const at::Tensor &expected)
{
    const at::Tensor a = exact(found), b = exact(expected);
    return ((a - b).norm() / b.norm().clamp_min(1e-12)).item<double>();
}

/// Bit for bit, and of the same parts.
inline bool equalSelections(const dsa::Selection &a, const dsa::Selection &b)
{
    const auto equal = [](const at::Tensor &x, const at::Tensor &y) {
        return x.defined() == y.defined() && (!x.defined() || x.cpu().equal(y.cpu()));
    };
    return equal(a.bits, b.bits) && equal(a.bitsT, b.bitsT) && equal(a.count, b.count) && equal(a.idx, b.idx);
}

} // namespace sparsescope::testing
