#pragma once

#include "kernels/ops/kernel_path.h"

#include <array>

/// Attention over listed rows by the kernels of launch/gathered_attention, where they support the inputs; gathered_kernel.cpp
/// registers it.
namespace dsa {

/// Which kernel would attend; the scale is taken to be more than 0.
KernelReport gatheredKernel(const Tensor &q, const Tensor &kv, const Tensor &idx, std::int64_t dv);
/// The kernel of its gradients where `deterministic` is false: its sums over queries come in the order of arrival. A
/// deterministic backward runs in plain tensor operations.
KernelReport gatheredGradientKernel(const Tensor &q, const Tensor &kv, const Tensor &idx, std::int64_t dv,
                                    bool deterministic);

/// What the forward of a backward saw and gave.
struct GatheredForward {
    Tensor q, kv, idx, sink, o, lse; ///< sink may be undefined
    std::int64_t dv = 0;
    double scale = 1;
};
/// Gradients in q, kv and the sink (undefined without one), each in its type: by the kernel, or by the plain path.
std::array<Tensor, 3> gatheredBackward(const Tensor &gradO, const GatheredForward &forward, bool deterministic);

} // namespace dsa
