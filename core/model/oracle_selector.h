#pragma once

#include "core/model/selector.h"

namespace sparsescope {

/// The k keys on which the dense attention of this layer puts the most weight, mean over its heads.
class OracleSelector : public Selector {
public:
    SelectorOutput select(const SelectorInput &input) const override;
};

/// Head mean of the dense attention of the layer, fp32 (fp64 for fp64 inputs) [B,T,S]; 0 beyond causality.
at::Tensor denseHeadMean(const SelectorInput &input);

std::unique_ptr<Selector> makeOracleSelector();

} // namespace sparsescope
