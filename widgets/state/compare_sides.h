#pragma once

#include "widgets/state/run_data.h"

#include <QString>

#include <string>
#include <vector>

namespace sparsescope {

/// "seq_64/sparse": what the seeds of one group share.
std::string withoutSeed(const RunConfig &config);

/// What can stand on a side of a comparison: the runs of an experiment that differ in their seed only, or one run.
struct CompareSide {
    QString key;        ///< the same in the next session: folder of the experiment and what is in it
    QString title;      ///< "DSA k32, seeds 0–2", "DSA k32 s1"
    QString shortTitle; ///< of a group without seeds: "DSA k32"
    QString experiment;
    std::vector<RunData *> runs; ///< by seed, at least one
    bool single = false;         ///< one run of a group that has more
};

/// Groups in the order of the runs, each followed by its single runs where it has several seeds.
std::vector<CompareSide> sidesOf(const std::vector<RunData *> &runs);
/// Null when there is none.
const CompareSide *sideOf(const std::vector<CompareSide> &sides, const QString &key);
/// The group of a run: all its seeds.
QString groupKeyOf(const RunData &run);
QString singleKeyOf(const RunData &run);
/// The experiment that a key belongs to: experimentKey().
QString experimentPart(const QString &key);

/// Two groups that are worth looking at where nobody chose, of one experiment: a selecting one as A against its dense
/// counterpart, else the first two. Empty keys where there are no two.
std::pair<QString, QString> proposedSides(const std::vector<CompareSide> &sides, const QString &experimentKey);

} // namespace sparsescope
