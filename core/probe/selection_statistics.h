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
    /// Weighted values, of which those of a device stay there until all are asked for: nothing waits in between.
    class Mean {
    public:
        void add(double value, double weight = 1) { m_parts.push_back({value, weight, {}}); }
        void add(const at::Tensor &value, double weight = 1) { m_parts.push_back({0, weight, value}); }
        struct Part {
            double value, weight;
            at::Tensor onDevice; ///< [] in its place where defined
        };
        const std::vector<Part> &parts() const { return m_parts; }

    private:
        std::vector<Part> m_parts;
    };
    /// Metric -> layer -> mean; NaN and parts of no weight do not count.
    std::map<std::string, std::map<int, double>> means() const;
    /// Where the needed keys of a batch stand in the words of a mask; undefined where it has none.
    struct KnownKeys {
        at::Tensor words, shifts; ///< int64 [keys]: place in the flat mask, bit
        double chance = 0;
    };
    KnownKeys knownKeys(const Batch &batch, const AttentionTrace &trace) const;
    void addLayer(int layer, const AttentionTrace &trace, const KnownKeys &known);
    /// What another selector takes for the same queries.
    dsa::Selection selectionOf(const char *selector, int layer, const AttentionTrace &trace) const;
    /// Do the heads of an indexer choose alike, each by its own term of the score?
    void addHeads(int layer, const AttentionTrace &trace, std::int64_t rowsFrom);
    void addKnownKeys(int layer, const AttentionTrace &trace, const KnownKeys &known);

    std::int64_t m_topK;
    double m_scale;
    std::uint64_t m_seed;
    std::map<std::string, std::map<int, Mean>> m_means;
    std::map<int, std::vector<at::Tensor>> m_kept, m_keptRandom; ///< rows, for the percentile
    at::Tensor m_previousMask;                                   ///< of the layer before, for agreement
};

} // namespace sparsescope
