#pragma once

#include "core/base/config.h"
#include "core/base/records.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

/// Whether two runs differ in what they shall differ in and in nothing else (EXPERIMENTS.md 2).
namespace sparsescope {

/// What a run began with, small enough to be kept beside it and compared years later.
struct RunFingerprint {
    std::string data;                           ///< hash of the first 100 batches
    std::map<std::string, std::string> weights; ///< of every tensor at step 0: "64x256:9f86d081884c7d65"
    std::int64_t parameters = 0;
};
nlohmann::ordered_json toJson(const RunFingerprint &fingerprint);
/// Throws Failure on anything else.
RunFingerprint fingerprintFromJson(const nlohmann::json &document);

struct StartedRun {
    RunConfig config;
    std::optional<RunFingerprint> fingerprint; ///< absent: the start was not recorded
};

/// The gates between runs that are compared with one another; `name` stands in the results. Nothing for a single run.
std::vector<CheckResult> compareStarts(const std::string &name, const std::vector<StartedRun> &runs);

/// The same for each lockstep group of an experiment, and the gates of the experiment as a whole.
std::vector<CheckResult> compareFairness(const std::vector<StartedRun> &runs);

} // namespace sparsescope
