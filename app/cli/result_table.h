#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace sparsescope {

class Output;

/// Writes the experiment's summary files, has its figures drawn, prints a line per run and where everything is, and puts
/// "summary" and "figures" into the document. `damages`: what is known to be wrong with other files of the runs. A run that
/// cannot be read is left out, marked in the table and named as an error; then, or when there is other damage or a figure is
/// not drawn, returns false. Throws Failure when the summary cannot be made.
bool writeResults(const std::filesystem::path &experimentFolder, const std::vector<std::string> &damages,
                  Output &output);

} // namespace sparsescope
