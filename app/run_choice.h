#pragma once

#include <QString>

#include <vector>

namespace sparsescope {

class RunData;

/// The run that `--run` names. Throws Failure where none or more than one of these runs has that id, with what there is.
RunData *runWithId(const std::vector<RunData *> &runs, const QString &id);

} // namespace sparsescope
