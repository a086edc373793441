#pragma once

#include "kernels/ops/kernel_path.h"

#include <array>

/// Attention by the kernels of launch/masked_attention, where one supports the inputs; attention_kernel.cpp registers it.
namespace dsa {

/// Which kernel would attend; the mask does not matter, and the scale is taken to be more than 0.
KernelReport attentionKernel(const Tensor &q, const Tensor &k, const Tensor &v);
/// The two kernels of its gradients.
KernelReport attentionGradientKernel(const Tensor &q, const Tensor &k, const Tensor &v);

/// Which keys a query sees: those of `bits` (int64 [B,T,ceil(S/64)]), or where it is undefined every key s <= t + offset.
struct AttentionMask {
    Tensor bits;
    Tensor bitsT = {}; ///< int64 [B,ceil(T/64),S]; made from bits where it is undefined and wanted
    std::int64_t offset = 0;
};
/// Gradients in q, k and v, each in its type, from what the forward gave: by the kernels, or by the plain path.
std::array<Tensor, 3> attentionBackward(const Tensor &gradO, const Tensor &q, const Tensor &k, const Tensor &v,
                                        const Tensor &o, const Tensor &lse, const AttentionMask &mask, double scale);

/// Whether attentionBackward should run where the library has a backward of its own: beyond 512 keys the library adds up the
/// gradient of q in the order of arrival. Up to 32 wide this one takes no longer (H100: 173 against 171 us at 16 x 8 x 1024 x 32),
/// 48 wide it costs a training step of 1024 tokens 3 %.
bool ordersGradients(const Tensor &q, const Tensor &k, const Tensor &v);

} // namespace dsa
