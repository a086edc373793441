#pragma once

#include "core/base/config.h"
#include "core/base/counterfactual_table.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

/// Door: a frozen checkpoint with other selectors in place of its own (EXPERIMENTS.md 5). No torch in this header.
namespace sparsescope {

struct CounterfactualOptions {
    std::string device = "auto";
    Precision precision = Precision::Auto; ///< auto: as the run was trained
    std::filesystem::path checkpoint;      ///< of the run; its weights answer
    std::vector<std::int64_t> topK;        ///< keys a query; empty: counterfactualSweep of the run's length
    std::vector<std::string> selectors;    ///< registered names; empty: all of fixed k that the model allows
    int batches = 0;                       ///< validation batches; 0: training.eval_batches
    std::int64_t indexerSteps = 250;       ///< that make an indexer for a checkpoint without a trained one
    std::function<void(const std::string &)> onProgress; ///< "k = 8: Learned", before each row
    std::function<bool()> cancelled;                     ///< asked before each row
};

/// L/16, L/8, L/4, L/2, each once.
std::vector<std::int64_t> counterfactualSweep(std::int64_t sequenceLength);
/// Every registered selector, in the order of the table.
std::vector<std::string> counterfactualSelectors();
/// Whether it is the learned selection in another precision; false for a name that is not registered. Measured only where it
/// is asked for by name.
bool isRounded(const std::string &selector);

/// Loss and answers of every selector at every k, on the same validation windows, against the dense attention of the same
/// weights; nothing is trained. A checkpoint whose indexer was never trained, or that has none, first gets one by
/// `indexerSteps` steps of the indexer alone (dense attention, main model frozen, batches that no run trains on).
/// Random keys are the mean of three draws; "untrained" is the indexer of step 0; "other-layer" needs two layers that own
/// one and is left out otherwise.
/// Adaptive ones (top-p) are calibrated to the mean number of keys that k gives, by ten halvings on batches that no run trains
/// on. Throws ConfigFailure where the data cannot be read, Failure where the checkpoint cannot or a
/// selector is unknown.
Counterfactual measureCounterfactual(const RunConfig &config, const CounterfactualOptions &options);

} // namespace sparsescope
