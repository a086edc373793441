#pragma once

#include "core/model/selector.h"

namespace sparsescope {

/// A fault on purpose: the newest k keys, chosen after the future was only made unlikely (-1e9) and with no mask afterwards. Where
/// fewer than k keys are visible, the places that are left go to the future, the next token first. Shows what such a mask does
/// to a loss, and that the gates find it.
class PlantedLeakSelector : public Selector {
public:
    SelectorOutput select(const SelectorInput &input) const override;
};

std::unique_ptr<Selector> makePlantedLeakSelector();

} // namespace sparsescope
