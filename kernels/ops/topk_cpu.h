#pragma once

#include "kernels/ops/dsa.h"

namespace dsa {

/// The top-k rule of reference::topkMask for fp32 scores [B,c,S] on the CPU, a row at a time without sorting.
struct CpuSelection {
    Tensor mask; ///< bool [B,c,S]
    Tensor tau;  ///< [B,c] lowest selected score, +inf on a row without a key; undefined unless wanted
    Tensor lse;  ///< [B,c] log sum over the selected of exp score; undefined unless wanted
};
CpuSelection selectOnCpu(const Tensor &scores, std::int64_t k, std::int64_t firstRow, std::int64_t offset,
                         bool wantSums);

} // namespace dsa
