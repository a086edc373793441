#pragma once

#include "core/model/attention.h"

#include <cstdint>
#include <optional>
#include <vector>

// T queries, S keys
namespace sparsescope {

/// How far selections differ from what the layers' own indexers select from the same hidden states, over the rows that choose
/// (t >= k) of all layers. Absent where no such row was seen.
class ChangedKeys {
public:
    explicit ChangedKeys(std::int64_t topK)
        : m_topK(topK)
    {}
    /// Layers without an indexer or a selection are left out. Waits for the device.
    void add(const std::vector<AttentionTrace> &trace);
    std::optional<double> rows() const; ///< share of the rows whose set is another one
    std::optional<double> keys() const; ///< share of the indexer's keys that were not selected

private:
    std::int64_t m_topK;
    double m_rows = 0, m_rowsChanged = 0, m_keys = 0, m_keysChanged = 0;
};

} // namespace sparsescope
