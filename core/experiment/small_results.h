#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

namespace sparsescope {

struct SmallResults {
    std::vector<std::filesystem::path> files;    ///< written
    std::vector<std::filesystem::path> tooLarge; ///< figures of more than kLargestFigure bytes, left out
};
constexpr std::uintmax_t kLargestFigure = 1u << 20;

/// Where `out` cannot take the small results of the experiment: it lies in its folder, or is no folder. Throws Failure,
/// with "--small" as the place; to be asked before anything is written.
void demandPlaceBeside(const std::filesystem::path &experimentFolder, const std::filesystem::path &out);

/// Keeps what others need of an experiment and leaves its runs: experiment.json, the summary with the final values of every seed,
/// comparisons.csv, RESULTS_SUMMARY.md, the tables of other selectors and the figures as SVG. They are written into
/// `out`/<name of the experiment>, atomically, from what `report` wrote into the experiment's folder; judgeClaims() says the same
/// of both folders. Throws Failure where there is no report, and as
/// demandPlaceBeside() does.
SmallResults keepSmallResults(const std::filesystem::path &experimentFolder, const std::filesystem::path &out);

} // namespace sparsescope
