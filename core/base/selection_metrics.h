#pragma once

#include "core/base/snapshot.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace sparsescope {

/// Metrics of one layer's selection on the probe, over rows t >= k (EXPERIMENTS.md 5). Unknown is absent, never 0.
struct SelectionMetrics {
    std::optional<double> massKept, massKeptChance, massKeptWorst, oracleMass, captured;
    std::optional<double> recall, recallChance, lookBack, lookBackChance, coverage, sinkKept, ties;
    std::optional<double> neededRecall, neededRecallChance; ///< tasks with known keys, over the queries that have some
    double effectiveK = 0;             ///< mean |S_t| over all rows
    double pairsKept = 0;              ///< sum |S_t| / sum (t+1)
    std::vector<float> massKeptByRow;  ///< [S]
};
/// Uses the snapshot's selection; `kept = 1 - ...` is never assumed.
SelectionMetrics selectionMetrics(const Snapshot &snapshot, std::size_t layer);
/// 1 - Jaccard of the two selections, mean over rows t >= k. Absent when either has none or shapes differ.
std::optional<double> churn(const Snapshot &now, const Snapshot &before, std::size_t layer);
/// Mean Jaccard of two layers' selections over rows t >= k.
std::optional<double> agreement(const Snapshot &snapshot, std::size_t layerA, std::size_t layerB);

} // namespace sparsescope
