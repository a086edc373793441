#pragma once

#include "core/base/records.h"
#include "core/data/data_source.h"
#include "core/model/attention.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

// B batch, T queries = keys, H heads
namespace sparsescope {

/// Collects the selection metrics of EXPERIMENTS.md section 5 over validation batches, layer by layer, on the device that
/// evaluates, in row chunks (no [B,H,T,T] array). Rows t >= k only; a metric without a row is absent, never 0.
/// The formulas stand also in core/base/selection_metrics (on a snapshot, without torch); a test holds them together.
class SelectionStatistics {
public:
    /// `topK` keys a query; `seed` draws the random sets of the chance baselines.
    SelectionStatistics(std::int64_t topK, double attentionScale, std::uint64_t seed);

    void add(const std::vector<AttentionTrace> &trace, const Batch &batch);
    /// Means over layers ("selection.mass_kept"), per layer ("selection.mass_kept/3") and chance ("selection.mass_kept.chance").
    std::vector<Scalar> scalars() const;

private:
    struct Sum {
        double total = 0, weight = 0;
        void add(double value, double by = 1);
    };
    void addLayer(int layer, const AttentionTrace &trace, const Batch &batch);
    /// What another selector takes for the same queries.
    dsa::Selection selectionOf(const char *selector, int layer, const AttentionTrace &trace) const;
    /// Do the heads of an indexer choose alike, each by its own term of the score?
    void addHeads(int layer, const AttentionTrace &trace, std::int64_t rowsFrom);
    void addKnownKeys(int layer, const AttentionTrace &trace, const Batch &batch);

    std::int64_t m_topK;
    double m_scale;
    std::uint64_t m_seed;
    std::map<std::string, std::map<int, Sum>> m_sums;            ///< metric -> layer -> sum
    std::map<int, std::vector<at::Tensor>> m_kept, m_keptRandom; ///< rows, for the percentile
    at::Tensor m_previousMask;                                   ///< of the layer before, for agreement
};

} // namespace sparsescope
