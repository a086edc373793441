#pragma once

#include "core/model/selector.h"

namespace sparsescope {

/// As many keys as it takes to hold the share `topP` of a distribution over the visible keys, best first and at least one:
/// the number of keys follows the query (top-p). The distribution is softmax of the index scores, or the head mean of the
/// layer's dense attention. Holds a [B,T,S] array: for looking at models, not for long contexts.
class TopPSelector : public Selector {
public:
    enum class Of { IndexScores, DenseAttention };
    explicit TopPSelector(Of of)
        : m_of(of)
    {}
    SelectorOutput select(const SelectorInput &input) const override;

private:
    Of m_of;
};

std::unique_ptr<Selector> makeTopPSelector();
std::unique_ptr<Selector> makeTopPOracleSelector();

} // namespace sparsescope
