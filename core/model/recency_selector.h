#pragma once

#include "core/model/selector.h"

namespace sparsescope {

/// The k nearest keys, the query's own included.
class RecencySelector : public Selector {
public:
    SelectorOutput select(const SelectorInput &input) const override;
};

std::unique_ptr<Selector> makeRecencySelector();

} // namespace sparsescope
