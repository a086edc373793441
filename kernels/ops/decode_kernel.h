#pragma once

#include "kernels/ops/kernel_path.h"

/// The operations of dsa_decode.h by kernels, where they support the inputs; decode_kernel.cpp registers them. What decode_select
/// would run is what selectKernel says of its scores.
namespace dsa {

KernelReport indexQuantizeKernel(const Tensor &qi);
KernelReport quantizedScoresKernel(const Tensor &q8, const Tensor &k8);
KernelReport decodeScoresKernel(const Tensor &q8, const Tensor &pages, const Tensor &table);
KernelReport gatheredDecodeKernel(const Tensor &q, const Tensor &pages, const Tensor &table, const Tensor &idx,
                                  std::int64_t dv);

} // namespace dsa
