#pragma once

#include "core/model/selector.h"

namespace sparsescope {

/// The k keys of highest index score; the lower key wins a tie (SPEC section 3). Serves the trained
/// indexer, the untrained one, and that of another layer.
class TopKSelector : public Selector {
public:
    SelectorOutput select(const SelectorInput &input) const override;
};

std::unique_ptr<Selector> makeTopKSelector();

} // namespace sparsescope
