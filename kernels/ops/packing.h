#pragma once

#include "kernels/ops/dsa.h"

namespace dsa {

/// A mask as a Selection stores it.
struct PackedMask {
    Tensor bits;  ///< int64 [B,T,ceil(S/64)]
    Tensor bitsT; ///< int64 [B,ceil(T/64),S]
    Tensor count; ///< int32 [B,T]
};
/// mask [B,T,S] bool, cut to s <= t + offset: by the CUDA kernel where it was built, by a loop on the CPU, by plainPack elsewhere.
PackedMask packMask(const Tensor &mask, std::int64_t offset);
/// The same in plain tensor operations, on any device.
PackedMask plainPackMask(const Tensor &mask, std::int64_t offset);
/// Whether packMask would launch the kernel for this mask; `why` says why not.
bool packsWithKernel(const Tensor &mask, const char **why);

} // namespace dsa
