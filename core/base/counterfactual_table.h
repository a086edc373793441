#pragma once

#include "core/base/statistics.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

/// What a frozen checkpoint answers when something else chooses its keys (EXPERIMENTS.md 5). Stored in the run under
/// kCounterfactualKey; the command line, the exports and the views read it from there.
namespace sparsescope {

constexpr const char *kCounterfactualKey = "counterfactual";
constexpr const char *kCounterfactualFile = "counterfactual.csv";                ///< a row a selector and k
constexpr const char *kCounterfactualWindowsFile = "counterfactual_windows.csv"; ///< a row a validation window

/// Losses of one selector over the validation windows, in their order.
struct WindowLosses {
    std::vector<double> nll;   ///< summed over the labels of a window, nats
    std::vector<double> right; ///< labels that were the most likely token
    std::vector<double> count; ///< labels

    double loss() const;     ///< nats per label; NaN without one
    double accuracy() const; ///< NaN without a label
};

/// One selector at one k. Unknown is absent.
struct CounterfactualRow {
    std::string selector; ///< as registered: "lightning", "oracle", "other-layer", ...
    std::string title;    ///< "Learned", "Oracle", "Other layer", ...
    std::int64_t topK = 0;
    double loss = 0;              ///< nats per label
    double increase = 0;          ///< over the dense attention of the same weights
    std::optional<Interval> ci95; ///< of the increase, over validation windows (core/base/bootstrap)
    double accuracy = 0;          ///< share of labels
    std::optional<double> exact;  ///< tasks: share of answers with every label right
    std::optional<double> keys;   ///< a query, mean over all rows and layers
    std::optional<double> massKept, massKeptChance, massKeptOracle, massKeptWorst, captured, recall, recallChance;
    std::optional<double> needed, neededBestLayer, neededChance; ///< tasks: share of the known keys found
    std::optional<double>
        rowsChanged; ///< share of the rows with t >= k whose keys are not those of the layer's own indexer
    std::optional<double> keysChanged; ///< share of that indexer's keys in these rows that are not selected
    WindowLosses windows;              ///< not part of the stored document
};

struct Counterfactual {
    std::string run;       ///< "seq_64/sparse/seed_0"
    std::int64_t step = 0; ///< of the checkpoint
    std::string indexer;   ///< whose: "of the run", "made here: 250 steps, main model frozen"
    bool task = false;     ///< accuracy means a right answer
    int length = 0;        ///< L
    double denseLoss = 0, denseAccuracy = 0;
    std::optional<double> denseExact;
    std::optional<double> accuracyChance, exactChance;
    WindowLosses dense;                  ///< not part of the stored document
    std::vector<CounterfactualRow> rows; ///< by k, then in the order of the registry

    const CounterfactualRow *at(const std::string &selector, std::int64_t topK) const;
};

/// Which share of the way from random keys to the oracle's a selector goes, in loss: (random - it) / (random - oracle).
/// Absent where either is missing or lies less than kLeastGap apart: there any selector would do.
constexpr double kLeastGap = 1e-3; // nats
std::optional<double> gapClosed(const Counterfactual &table, const CounterfactualRow &row);

nlohmann::ordered_json toJson(const Counterfactual &table);
/// Throws Failure naming `origin` where the document is no such table.
Counterfactual counterfactualFromJson(const nlohmann::ordered_json &document, const std::string &origin);

/// Full precision, unknown empty. The first line names the columns.
std::string counterfactualCsv(const std::vector<Counterfactual> &tables);
std::string counterfactualWindowsCsv(const Counterfactual &table);

} // namespace sparsescope
