#pragma once

#include "kernels/ops/dsa.h"

#include <string>

/// Which kernel an operation on CUDA tensors would run; kernel_path.cpp registers the operations that have one, and what no
/// kernel supports takes the plain path. SPARSESCOPE_KERNELS=aten in the environment leaves these kernels out, sm80 those that only
/// Hopper runs.
namespace dsa {

/// A kernel that would run, and what the compiler made of it.
struct KernelReport {
    bool runs = false;
    std::string why = {}; ///< which kernel, or why none
    int registers = 0;
    std::int64_t spilledBytes = 0, sharedBytes = 0;
    bool hopper = false; ///< a kernel of sm_90a
    /// "sm90", "sm80" or "aten".
    const char *backend() const { return !runs ? "aten" : hopper ? "sm90" : "sm80"; }
};
KernelReport scoresKernel(const Tensor &q, const Tensor &k);
KernelReport selectKernel(const Tensor &scores);
/// Both in turn, for scores that exist a chunk of rows at a time.
KernelReport indexSelectKernel(const Tensor &q, const Tensor &k);

} // namespace dsa
