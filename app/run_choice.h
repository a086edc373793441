#pragma once

#include "widgets/state/compare_sides.h"

#include <QString>

#include <filesystem>
#include <utility>
#include <vector>

namespace sparsescope {

/// The run that `--run` names. Throws Failure where none or more than one of these runs has that id, with what there is.
RunData *runWithId(const std::vector<RunData *> &runs, const QString &id);

/// The folder below `runs` of the run that `--run` names, by its id or by a path. Empty where none is named so, or several.
std::filesystem::path namedRunFolder(const std::filesystem::path &runs, const QString &name);

/// As runWithId(), of the runs found below a folder, where a path to one names it too; a run that is there and cannot be
/// read is told from one that is not there.
RunData *chosenRun(const std::vector<RunData *> &runs, const std::filesystem::path &below, const QString &name);

/// Keys of the sides that `--a` and `--b` name, groups or single runs; what is empty is proposed. Throws Failure likewise.
std::pair<QString, QString> namedSides(const std::vector<CompareSide> &sides, const QString &a, const QString &b);

} // namespace sparsescope
