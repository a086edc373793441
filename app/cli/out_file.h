#pragma once

#include <filesystem>
#include <vector>

namespace sparsescope {

/// Can a file be made there? Throws ConfigFailure naming --out: in a folder that is missing, a folder itself. Call it before
/// the work, so that an hour of it does not end there.
void checkOutFile(const std::filesystem::path &file);
/// And would it take the place of one of these files, or of a file in one of these folders?
void checkOutFile(const std::filesystem::path &file, const std::vector<std::filesystem::path> &inputs);

} // namespace sparsescope
