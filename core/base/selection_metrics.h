#pragma once

#include "core/base/maps.h"
#include "core/base/snapshot.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace sparsescope {

/// Metrics of one layer's selection on the probe, over rows t >= k (EXPERIMENTS.md 5). Unknown is absent, never 0.
struct SelectionMetrics {
    std::optional<double> massKept, massKeptChance, oracleMass, captured;
    std::optional<double> massKeptWorst, massKeptWorstChance; ///< 5th percentile over rows (linear between ranks)
    std::optional<double> recall, recallChance, lookBack, lookBackChance;
    std::optional<double> coverage, coverageChance, sinkKept, sinkKeptChance;
    std::optional<double> ties; ///< absent where the selection was not made from scores of this layer
    std::optional<double> neededRecall, neededRecallChance; ///< tasks with known keys, over the queries that have some
    double effectiveK = 0;                                  ///< mean |S_t| over all rows
    double pairsKept = 0;                                   ///< sum |S_t| / sum (t+1)
    std::vector<float> massKeptByRow;                       ///< [S] every row, also t < k; empty without a selection
};
/// Formulas and chance: EXPERIMENTS.md 5, with p = head mean of exp(scale q.k - lseDense). The chance of
/// massKeptWorst and of coverage is the mean over kRandomDraws draws of a random set of k keys a row, from a fixed seed.
/// A layer without a selection has effectiveK and pairsKept of dense attention, and nothing else.
constexpr int kRandomDraws = 3;
SelectionMetrics selectionMetrics(const Snapshot &snapshot, std::size_t layer);
/// The same from a dense head mean and index scores (0 x 0 where the selection was not made from them) that are there already.
SelectionMetrics selectionMetrics(const Snapshot &snapshot, std::size_t layer, const Map &dense, const Map &scores);
/// KL(p, softmax I) in nats of query t over the keys that attention may read (EXPERIMENTS.md 5, indexer.kl): all visible ones,
/// or the selected ones of a snapshot whose attention is sparse. `dense` and `scores` hold t + 1 values. Absent where no
/// mass lies on those keys.
std::optional<double> indexerDivergence(const Snapshot &snapshot, std::size_t layer, int query, const float *dense,
                                        const float *scores);
/// 1 - Jaccard of the two selections, mean over rows t >= k. Absent when either has none or shapes differ.
std::optional<double> churn(const Snapshot &now, const Snapshot &before, std::size_t layer);
/// What churn would be between two random selections: 1 - mean over rows of a/(2-a), a = k/(t+1). Absent without a row.
std::optional<double> churnChance(int length, std::int64_t topK);
/// Mean Jaccard of two layers' selections over rows t >= k.
std::optional<double> agreement(const Snapshot &snapshot, std::size_t layerA, std::size_t layerB);

} // namespace sparsescope
