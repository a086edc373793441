#pragma once

#include "core/model/selector.h"

// B batch, T queries, S keys, k keys per query
namespace sparsescope {

/// Selections that learn nothing: what the indexer has to beat, and what it can at best reach.
/// Each gives exactly min(k, visible keys) keys a row and looks at no key after the query.

/// The k nearest keys, the query's own included.
class RecencySelector : public Selector {
public:
    SelectorOutput select(const SelectorInput &input) const override;
};

/// The first min(4, k-1) keys of the text and, for the rest of k, the nearest ones (Xiao et al., arXiv 2309.17453).
class SinkWindowSelector : public Selector {
public:
    static constexpr std::int64_t kSinks = 4;
    SelectorOutput select(const SelectorInput &input) const override;
};

/// k keys drawn without replacement. A row's draw depends on (seed, layer, batch row, query) only, not on the text or its length.
class RandomSelector : public Selector {
public:
    SelectorOutput select(const SelectorInput &input) const override;
};

/// The k keys on which the dense attention of this layer puts the most weight, mean over its heads.
class OracleSelector : public Selector {
public:
    SelectorOutput select(const SelectorInput &input) const override;
};

std::unique_ptr<Selector> makeRecencySelector();
std::unique_ptr<Selector> makeSinkWindowSelector();
std::unique_ptr<Selector> makeRandomSelector();
std::unique_ptr<Selector> makeOracleSelector();

} // namespace sparsescope
