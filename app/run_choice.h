#pragma once

#include "widgets/state/compare_sides.h"

#include <QString>

#include <utility>
#include <vector>

namespace sparsescope {

/// The run that `--run` names. Throws Failure where none or more than one of these runs has that id, with what there is.
RunData *runWithId(const std::vector<RunData *> &runs, const QString &id);

/// Keys of the sides that `--a` and `--b` name, groups or single runs; what is empty is proposed. Throws Failure likewise.
std::pair<QString, QString> namedSides(const std::vector<CompareSide> &sides, const QString &a, const QString &b);

} // namespace sparsescope
