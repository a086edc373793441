#pragma once

#include "core/base/records.h"
#include "core/base/series.h"
#include "core/base/snapshot.h"
#include "widgets/plots/series_plot.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sparsescope {

class RunData;

/// Values of several seeds. Absent where no run has the metric.
struct SeedValues {
    std::vector<double> values;
    std::optional<double> mean() const;
    std::optional<double> std() const; ///< sample; absent for one seed
};

/// What one family did at one sequence length, at the end of its runs.
struct FamilyResult {
    Family family = Family::Classic;
    std::int64_t sequenceLength = 0;
    SeedValues loss, accuracy;
    SeedValues recall, recallRecency,
        recallRandom;       ///< share of the needed keys (dense top-k) that is selected, by who selects
    SeedValues placeRecall; ///< tasks: share of the answers' own places that is selected, best layer
    SeedValues accuracyRecency, accuracyRandom; ///< of the same weights with another selector
    SeedValues captured;
    std::vector<BandPoint> validation; ///< over steps
};

/// Everything the comparison shows, as values.
struct Comparison {
    std::string experiment, question;
    std::vector<std::int64_t> lengths;
    std::vector<FamilyResult> results; ///< by length, then family
    std::int64_t steps = 0;
    int seeds = 0;
    std::optional<double> chanceLoss, chanceAccuracy;
    std::vector<CheckResult> checks;          ///< what the gates of all its runs found
    bool task = false;                        ///< the answers are known: accuracy and needed keys mean something
    std::shared_ptr<const Snapshot> snapshot; ///< of a sparse run, its newest
    Family snapshotFamily = Family::Sparse;
    QString snapshotRun;
    std::vector<std::string> problems; ///< snapshots that cannot be read; the newest whole one is taken
};

/// Of finished and unfinished runs alike. `readSnapshot`: may read the newest snapshot from disk now (never on a GUI thread
/// that a person waits for); else only one that is in memory is shown.
Comparison comparisonOf(const std::vector<RunData *> &runs, bool readSnapshot = false);

} // namespace sparsescope
