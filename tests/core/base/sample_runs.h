#pragma once

#include "core/base/gates.h"
#include "core/base/pair_comparison.h"

#include <map>
#include <string>
#include <vector>

/// Finished runs with made-up numbers whose gates all hold, for tests of what is said about them.
namespace sparsescope::testing {

inline RunFingerprint sampleFingerprint(const RunConfig &config)
{
    RunFingerprint fingerprint;
    fingerprint.data = "d" + std::to_string(config.training.seed);
    fingerprint.weights["model.norm.weight"] = "32:1234";
    fingerprint.parameters = 1000;
    return fingerprint;
}

/// All gates that the run has, passed.
inline std::vector<CheckResult> passedChecks(const RunConfig &config)
{
    std::vector<CheckResult> results = completed(config, {});
    for (CheckResult &result : results) {
        result.outcome = CheckOutcome::Passed;
        result.value = 0;
        result.limit = 1;
        result.measured = "as it should be";
    }
    return results;
}

/// The runs of an experiment of 100 steps; their validation curve falls on a line from 5 to `last`, one point every 50 steps.
inline std::vector<ComparedRun> sampleRuns(const nlohmann::ordered_json &sweep,
                                           const std::map<std::string, double> &last)
{
    const nlohmann::ordered_json document = {{"schema", 1},
                                             {"name", "sample"},
                                             {"model", {{"d_model", 32}, {"n_heads", 2}, {"n_layers", 2}}},
                                             {"training", {{"steps", 100}, {"recipe", "scratch"}}},
                                             {"sweep", sweep}};
    std::vector<ComparedRun> runs;
    for (const RunConfig &config : expand(parseExperiment(document, "sample"))) {
        const auto found = last.find(config.folder());
        const double end = found == last.end() ? 2.0 : found->second;
        ComparedRun run;
        run.started = {config, sampleFingerprint(config)};
        run.checks = passedChecks(config);
        run.steps = 100;
        run.validation = {{0, 5}, {50, (5 + end) / 2}, {100, end}};
        run.chanceLoss = 5.5;
        runs.push_back(std::move(run));
    }
    return runs;
}

} // namespace sparsescope::testing
