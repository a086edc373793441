#pragma once

#include "widgets/plots/view.h"

#include <QString>

#include <filesystem>
#include <memory>

namespace sparsescope {

/// A figure of an experiment whose runs are elsewhere, as far as its summary has the numbers: comparison, selectors or needle.
/// Throws Failure for the others, which need the runs.
std::unique_ptr<ExportableView> figureOfSummary(const QString &figure, const std::filesystem::path &folder);

} // namespace sparsescope
