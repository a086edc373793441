#pragma once

#include "core/base/error.h"
#include "core/base/series.h"

#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace sparsescope {

/// Curves from elsewhere.
struct CsvSeries {
    std::map<std::string, Series> series; ///< by metric, by step ascending
    std::int64_t lastStep = 0;
};

/// Reads a table with a column `step` (whole numbers, 0 or more) and a column a metric, separated by commas, semicolons or
/// tabs. `loss` means train.loss, `val_loss` val.loss; other names stay as they are, spaces as underscores. An empty cell or
/// nan is no value; of two rows of one step the later one counts. Only the first `lines` are read, the header one of them.
/// Throws CsvFailure naming file, line and column of what is no number (the first ten), Failure where there is nothing to read.
CsvSeries readCsvSeries(const std::filesystem::path &file, std::size_t lines = std::numeric_limits<std::size_t>::max());

/// Words where numbers belong.
class CsvFailure : public ConfigFailure {
public:
    CsvFailure(std::vector<Error> errors, std::size_t lines)
        : ConfigFailure(std::move(errors))
        , m_lines(lines)
    {}
    /// Before the first fault, the header one of them; 0: they hold no value.
    std::size_t lines() const { return m_lines; }

private:
    std::size_t m_lines;
};

} // namespace sparsescope
