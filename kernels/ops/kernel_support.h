#pragma once

#include "kernels/ops/kernel_path.h"

#ifdef SPARSESCOPE_HAS_KERNELS
#include "kernels/launch/kernel_info.h"

#include <c10/cuda/CUDAException.h>
#endif

/// What the operations with kernels share on their way to a launch.
namespace dsa {

/// Why no kernel of ours may run for this tensor, whatever its sizes; null when one may.
const char *kernelRefusal(const Tensor &x);
/// Why kernels that only Hopper runs are left out; null when they are not.
const char *hopperRefusal();
/// Rows that the kernels can read: a unit last stride, every row on 16 bytes.
Tensor readable(const Tensor &x);

#ifdef SPARSESCOPE_HAS_KERNELS
template <class Params>
KernelReport describedKernel(const Params &params, cudaError_t (*describe)(const Params &, launch::KernelInfo &))
{
    launch::KernelInfo info;
    C10_CUDA_CHECK(describe(params, info));
    return {true,
            info.name,
            info.registers,
            static_cast<std::int64_t>(info.spilledBytes),
            static_cast<std::int64_t>(info.sharedBytes),
            info.hopper};
}
#endif

} // namespace dsa
