#pragma once

#include "core/base/pair_comparison.h"
#include "core/base/records.h"
#include "widgets/state/x_axis.h"

#include <QString>

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace sparsescope {

class RunData;
struct CompareSide;

/// One run of a comparison, as plain values that another thread may read.
struct SideRun {
    QString id; ///< "seq_64/sparse/seed_0"
    ComparedRun compared;
    RunState state = RunState::Queued;
    std::map<std::string, double> last; ///< newest value of the metrics that the table and the positions need
    std::string device;
    std::string counterfactual; ///< stored table of its selectors; empty: not measured
    std::optional<double> lastOf(const std::string &metric) const;
};

/// One side: runs that differ in their seed.
struct SideData {
    QString title, shortTitle;
    Family family = Family::Classic;
    std::vector<SideRun> runs; ///< by seed
    /// Runs that are done: only their final values are compared, as on the command line.
    std::vector<ComparedRun> finished() const;
    /// Mean over the runs that have it.
    std::optional<double> mean(const std::string &metric) const;
};

/// What the Compare page asks about.
struct CompareInput {
    std::optional<SideData> a, b;
    std::vector<SideData> more; ///< further runs, one each
    XAxis by = XAxis::Step;
    int tag = 0; ///< the asker's own; comes back unchanged
    bool sameFamily() const { return a && b && a->family == b->family; }
};

/// Metrics of which SideRun::last holds the newest value.
const std::vector<std::string> &comparedMetrics();
SideData sideData(const CompareSide &side);

} // namespace sparsescope
