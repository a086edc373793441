#pragma once

#include "core/experiment/run_files.h"

#include <filesystem>
#include <string>
#include <vector>

namespace sparsescope {

class Output;

/// Writes the experiment's summary files, has its figures drawn, prints a line per run and where everything is, and puts
/// "summary" and "figures" into the document. `examined`: what is known to be wrong with other files of the runs. A run that
/// cannot be read is left out, marked in the table and named as an error; then, or when other files are damaged or lack among
/// their kind or a figure is not drawn, returns false. Throws Failure when the summary cannot be made.
bool writeResults(const std::filesystem::path &experimentFolder, const std::vector<ExaminedRun> &examined,
                  Output &output);

} // namespace sparsescope
