#pragma once

#include "kernels/ops/dsa.h"

namespace dsa {

/// The top-k rule of reference::topkMask for fp32 scores [B,c,S] on the CPU, a row at a time without sorting: bool [B,c,S].
Tensor topkMaskOnCpu(const Tensor &scores, std::int64_t k, std::int64_t firstRow, std::int64_t offset);

} // namespace dsa
