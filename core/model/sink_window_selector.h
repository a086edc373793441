#pragma once

#include "core/model/selector.h"

namespace sparsescope {

/// The first min(4, k-1) keys of the text and, for the rest of k, the nearest ones (Xiao et al., arXiv 2309.17453).
class SinkWindowSelector : public Selector {
public:
    static constexpr std::int64_t kSinks = 4;
    SelectorOutput select(const SelectorInput &input) const override;
};

std::unique_ptr<Selector> makeSinkWindowSelector();

} // namespace sparsescope
