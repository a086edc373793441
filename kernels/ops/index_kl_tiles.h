#pragma once

#include "kernels/ops/kernel_path.h"
#include "kernels/ops/reference.h"

/// The indexer's loss tile by tile, where no array of all products is ever written.
namespace dsa {

struct IndexKlInputs {
    Tensor qi, ki, w, q, k, lse;
    Tensor bits, lseSelected, phase; ///< undefined where there are none
    double scale = 1;
    std::int64_t rowStride = 1;
};

/// Null when these kernels take it, else why not. qi [B,T,Hi,Di], ki [B,S,Di], q [B,H,T,D].
const char *indexKlTilesRefusal(const Tensor &qi, const Tensor &ki, const Tensor &q);
/// Which kernels, and what the compiler made of them.
KernelReport indexKlTilesKernel(const Tensor &qi, const Tensor &ki, const Tensor &q);
/// Of checked inputs that are not refused; gradients are fp32.
reference::KlResult indexKlByTiles(const IndexKlInputs &inputs, bool wantGradients);

} // namespace dsa
