#pragma once

#include <string>
#include <vector>

/// What is measured (EXPERIMENTS.md 5), described once: help, labels of the window, command line and exports take their
/// words from here.
namespace sparsescope {

struct MetricInfo {
    std::string key;           ///< as stored: "selection.mass_kept"
    std::string label;         ///< as shown: "Attention mass kept"
    std::string unit;          ///< as stored: nats, share, tokens, bytes, s, FLOPs, ...; empty: a plain number
    std::string formula;       ///< one line, in the letters of the mathematics
    std::string chance;        ///< what blind choice gives, in words; empty: no such value
    bool storesChance = false; ///< `<key>.chance` stands beside it
    bool byLayer = false;      ///< `<key>/<layer>` too
    int parts = 0;             ///< `<key>/0` to `<key>/<parts - 1>` only (buckets of position, quarters of distance)
};

/// In the order in which they are read: loss, answers, indexer, selection, training, cost.
const std::vector<MetricInfo> &metricTable();

/// The metric that a stored key belongs to ("selection.mass_kept/3", "val.loss.chance", "selection.agreement.1"); null for
/// one that is not in the table.
const MetricInfo *metricInfo(const std::string &key);

/// The table as Markdown, without the last line feed: resources/help/metrics.md.
std::string metricsMarkdown();

} // namespace sparsescope
