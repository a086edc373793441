#pragma once

#include "core/base/config.h"

#include <functional>

namespace sparsescope {

/// All that is wrong with the data of a run: files, options of its source, sizes.
using DataErrors = std::function<std::vector<Error>(const RunConfig &)>;

/// parseExperiment() and loadExperiment() (config.h), where the errors of the data are to stand beside those of the fields:
/// what is refused anyway is asked about its data too. An experiment without errors is not: planStart() reads its data.
ExperimentConfig parseExperiment(const nlohmann::ordered_json &document, const std::string &origin,
                                 const std::vector<Override> &overrides, const DataErrors &dataErrors);
ExperimentConfig loadExperiment(const std::filesystem::path &file, const std::vector<Override> &overrides,
                                const DataErrors &dataErrors);

} // namespace sparsescope
