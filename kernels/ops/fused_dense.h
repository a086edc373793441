#pragma once

#include "kernels/ops/dsa.h"

#include <array>

namespace dsa {

/// Dense causal attention by the fused kernel that scaled_dot_product_attention would pick (cuDNN, flash or memory-efficient),
/// called below it so that the log-sum-exp comes out too.
struct FusedDense {
    std::int64_t kind = 0;       ///< of at::SDPBackend
    Tensor o, lse;               ///< [B,H,T,Dv], [B,H,T]
    Tensor rawLse, seed, offset; ///< as the backward wants them
    std::int64_t maxQueries = 0, maxKeys = 0;
};

/// 0 when none takes these inputs: on the CPU, T != S or an offset, fp64, or sizes that no fused kernel knows.
std::int64_t fusedDenseKind(const Tensor &q, const Tensor &k, const Tensor &v, double scale, std::int64_t offset);
FusedDense fusedDense(std::int64_t kind, const Tensor &q, const Tensor &k, const Tensor &v, double scale);
std::array<Tensor, 3> fusedDenseBackward(const FusedDense &saved, const Tensor &gradO, const Tensor &q, const Tensor &k,
                                         const Tensor &v, double scale);
/// "cudnn", "flash", "efficient"
const char *fusedDenseName(std::int64_t kind);

} // namespace dsa
