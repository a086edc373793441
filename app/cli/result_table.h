#pragma once

#include <filesystem>

namespace sparsescope {

class Output;

/// Writes the experiment's summary files, has its figures drawn, prints a line per run and where everything is, and puts
/// "summary" and "figures" into the document. A run that cannot be read is left out, marked in the table and named as an
/// error; then, or when another file of the experiment is damaged or a figure is not drawn, returns
/// false. Throws Failure when the summary cannot be made.
bool writeResults(const std::filesystem::path &experimentFolder, Output &output);

} // namespace sparsescope
