#pragma once

#include "core/base/records.h"
#include "core/base/series.h"
#include "core/base/snapshot.h"
#include "core/base/swept_values.h"
#include "widgets/plots/series_plot.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sparsescope {

class RunData;
struct StoredSummary;

/// Values of several seeds. Absent where no run has the metric.
struct SeedValues {
    std::vector<double> values;
    std::optional<double> mean() const;
    std::optional<double> std() const; ///< sample; absent for one seed
};

/// What the seeds of one group did at one sequence length, at the end of their runs. Runs of a group differ in length and seed
/// alone: everything else that was swept makes another group.
struct GroupResult {
    Family family = Family::Classic;
    SweptAxes axes;
    QString label;   ///< the family and the swept values that differ: "DSA, recipe joint"
    int variant = 0; ///< which of the combinations of swept values, in the order of the sweep
    std::int64_t sequenceLength = 0;
    int seeds = 0;
    SeedValues loss, accuracy;
    SeedValues recall, recallRecency,
        recallRandom;       ///< share of the needed keys (dense top-k) that is selected, by who selects
    SeedValues placeRecall; ///< tasks: share of the answers' own places that is selected, best layer
    SeedValues accuracyRecency, accuracyRandom; ///< of the same weights with another selector
    SeedValues captured;
    std::vector<BandPoint> validation; ///< over steps
};

/// The stored metric that each of a group's values is.
struct ResultMetric {
    const char *metric;
    SeedValues GroupResult::*values;
};
inline constexpr ResultMetric kResultMetrics[] = {
    {"val.loss", &GroupResult::loss},
    {"val.accuracy", &GroupResult::accuracy},
    {"selection.recall", &GroupResult::recall},
    {"selection.recall.recency", &GroupResult::recallRecency},
    {"selection.recall.random", &GroupResult::recallRandom},
    {"oracle.recall.best_layer", &GroupResult::placeRecall},
    {"counterfactual.accuracy.recency", &GroupResult::accuracyRecency},
    {"counterfactual.accuracy.random", &GroupResult::accuracyRandom},
    {"indexer.captured", &GroupResult::captured},
};

/// Everything the comparison shows, as values.
struct Comparison {
    std::string experiment, question;
    std::vector<std::int64_t> lengths;
    std::vector<GroupResult> results; ///< by length, then family, then the order of the sweep
    std::int64_t steps = 0;
    int fewestSeeds = 0, seeds = 0; ///< of one group at one length
    std::optional<double> chanceLoss, chanceAccuracy;
    std::vector<CheckResult> checks;          ///< what the gates of all its runs found
    bool task = false;                        ///< the answers are known: accuracy and needed keys mean something
    bool fromSummary = false;                 ///< final values alone: the runs are elsewhere
    std::shared_ptr<const Snapshot> snapshot; ///< of a sparse run, its newest
    Family snapshotFamily = Family::Sparse;
    QString snapshotRun;
    std::vector<std::string> problems; ///< snapshots that cannot be read; the newest whole one is taken

    /// One result a group, of whatever length: what a legend names.
    std::vector<const GroupResult *> groups() const;
};

/// Of finished and unfinished runs alike. `readSnapshot`: may read the newest snapshot from disk now (never on a GUI thread
/// that a person waits for); else only one that is in memory is shown.
Comparison comparisonOf(const std::vector<RunData *> &runs, bool readSnapshot = false);
/// Of an experiment whose runs are elsewhere: what its summary lacks is left out.
Comparison comparisonOf(const StoredSummary &summary);

} // namespace sparsescope
