#pragma once

#include "kernels/ops/dsa.h"

#include <array>

namespace dsa {

/// LayerNorm of the indexer's keys over the last dim, eps 1e-6, statistics in fp32 (fp64 for fp64), bias included (SPEC section 3).
struct KeyLayerNorm {
    Tensor out, mean, inverseDeviation; ///< out in the accumulation type
};
KeyLayerNorm keyLayerNorm(const Tensor &x, const Tensor &weight, const Tensor &bias);
/// Gradients in x, weight, bias.
std::array<Tensor, 3> keyLayerNormBackward(const Tensor &grad, const Tensor &x, const Tensor &mean,
                                           const Tensor &inverseDeviation, const Tensor &weight, const Tensor &bias);

/// Tables of the queries, a head dim inserted: they are the last T of the S positions.
struct PreparePositions {
    Tensor cosQueries, sinQueries; ///< [T,1,rot/2]
    PreparePositions(const Tensor &queries, const Tensor &keys, const Tensor &cos, const Tensor &sin);
};

} // namespace dsa
