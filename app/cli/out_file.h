#pragma once

#include <filesystem>

namespace sparsescope {

/// Can a file be made there? Throws ConfigFailure naming --out: in a folder that is missing, a folder itself. Call it before
/// the work, so that an hour of it does not end there.
void checkOutFile(const std::filesystem::path &file);

} // namespace sparsescope
