#pragma once

#include "core/base/series.h"

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

namespace sparsescope {

/// Curves from elsewhere.
struct CsvSeries {
    std::map<std::string, Series> series; ///< by metric, by step ascending
    std::int64_t lastStep = 0;
};

/// Reads a table with a column `step` (whole numbers, 0 or more) and a column a metric, separated by commas, semicolons or
/// tabs. `loss` means train.loss, `val_loss` val.loss; other names stay as they are, spaces as underscores. An empty cell or
/// nan is no value; of two rows of one step the later one counts. Throws ConfigFailure naming file, line and column of what is
/// no number (the first ten), Failure where there is nothing to read.
CsvSeries readCsvSeries(const std::filesystem::path &file);

} // namespace sparsescope
