#pragma once

#include <filesystem>

namespace sparsescope {

class Output;

/// Writes the experiment's summary files, has its figures drawn, prints a line per run and where everything is, and puts
/// "summary" and "figures" into the document. Throws Failure when the summary cannot be made.
void writeResults(const std::filesystem::path &experimentFolder, Output &output);

} // namespace sparsescope
