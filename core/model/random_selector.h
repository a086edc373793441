#pragma once

#include "core/model/selector.h"

namespace sparsescope {

/// k keys drawn without replacement. A row's draw depends on (seed, layer, batch row, query) only, not on the text or its length.
class RandomSelector : public Selector {
public:
    SelectorOutput select(const SelectorInput &input) const override;
};

std::unique_ptr<Selector> makeRandomSelector();

} // namespace sparsescope
