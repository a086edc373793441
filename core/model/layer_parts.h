#pragma once

#include "core/model/parameters.h"

#include <ATen/core/Tensor.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

#include <optional>
#include <string>
#include <utility>

// D model width, F inner width
namespace sparsescope {

/// Within its scope autocast does nothing: for what stays in fp32 whatever the precision of the run (router, index weights).
class NoAutocast {
    c10::impl::ExcludeDispatchKeyGuard m_guard{c10::autocast_dispatch_keyset};
};

/// x in the type of its sums: fp64 stays, everything else becomes fp32.
at::Tensor inFullPrecision(const at::Tensor &x);

/// x in the type in which autocast multiplies, where it is on: cast once, not again at each of several products.
at::Tensor forProducts(const at::Tensor &x);

/// An undefined tensor is an absent argument.
inline std::optional<at::Tensor> given(const at::Tensor &tensor)
{
    return tensor.defined() ? std::optional<at::Tensor>(tensor) : std::nullopt;
}

/// Normed rows, as they are and as products take them.
struct NormedRows {
    NormedRows(const at::Tensor &x) // NOLINT(google-explicit-constructor): rows are rows
        : full(x)
        , low(forProducts(x))
    {}
    NormedRows(at::Tensor fullRows, at::Tensor lowRows)
        : full(std::move(fullRows))
        , low(std::move(lowRows))
    {}
    at::Tensor full; ///< undefined where nobody needs it
    at::Tensor low;
};

/// h + branch (h where the branch is undefined) and the norm of it.
struct NormedSum {
    at::Tensor sum;
    NormedRows rows;
};
NormedSum addAndNorm(const at::Tensor &h, const at::Tensor &branch, const at::Tensor &weight, double eps,
                     bool needsFull);

/// w x / sqrt(mean(x^2) + eps) over the last dimension, statistics in fp32, output in x's type (SPEC section 1).
at::Tensor rmsNorm(const at::Tensor &x, const at::Tensor &weight, double eps);

/// Normal with std fan_in^-1/2; projections back into the residual stream are divided by sqrt(2 layers) on top.
Initialisation projectionStart(std::int64_t fanIn, int residualLayers = 0);
inline Initialisation ones() { return {Initialisation::Kind::One, 0.0}; }
inline Initialisation zeros() { return {Initialisation::Kind::Zero, 0.0}; }

/// down_proj(silu(gate_proj x) * up_proj x): the dense feed-forward and the shared expert.
class GatedMlp {
public:
    GatedMlp(Parameters &parameters, const std::string &prefix, int width, int inner, int layers);
    at::Tensor forward(const at::Tensor &x) const;

private:
    at::Tensor m_gate, m_up; ///< [F,D]
    at::Tensor m_down;       ///< [D,F]
};

} // namespace sparsescope
