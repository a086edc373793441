#pragma once

#include "core/base/config.h"

#include <filesystem>

namespace sparsescope {

/// Makes a finished run of the curves in a table, in a new folder below `out`: it stands beside other runs in every plot, has
/// no checks, no snapshots and no checkpoint, and says where it came from. Returns the folder of its experiment. Throws as readCsvSeries() and
/// RunWriter do. `family`: whose colours it shall have.
std::filesystem::path importCsv(const std::filesystem::path &table, Family family, const std::filesystem::path &out,
                                std::size_t lines);

} // namespace sparsescope
