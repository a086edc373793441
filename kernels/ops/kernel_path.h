#pragma once

#include "kernels/ops/dispatch.h"

#include <string>

/// The operations for CUDA tensors: checked, by a kernel where one supports the inputs, else by the plain path.
/// SPARSESCOPE_KERNELS=aten in the environment leaves the kernels of these operations out.
namespace dsa::dispatch::kernel {

Tensor index_scores(const Tensor &q, const Tensor &k, const Tensor &w, std::int64_t offset);
SelectionTensors topk_select(const Tensor &scores, std::int64_t k, std::int64_t offset, bool wantBits, bool wantIdx);
std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor, Tensor> index_select(const Tensor &q, const Tensor &k, const Tensor &w,
                                                                        std::int64_t topK, std::int64_t offset, bool wantBits, bool wantIdx);

} // namespace dsa::dispatch::kernel

namespace dsa {

/// A kernel that would run, and what the compiler made of it.
struct KernelReport {
    bool runs = false;
    std::string why;           ///< which kernel, or why none
    int registers = 0;
    std::int64_t spilledBytes = 0, sharedBytes = 0;
};
KernelReport scoresKernel(const Tensor &q, const Tensor &k, const Tensor &w);
KernelReport selectKernel(const Tensor &scores);
/// Both in turn, for scores that exist a chunk of rows at a time.
KernelReport indexSelectKernel(const Tensor &q, const Tensor &k, const Tensor &w);

} // namespace dsa
