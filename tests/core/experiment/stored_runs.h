#pragma once

#include "core/base/config.h"
#include "core/base/run_store.h"
#include "core/base/stored_checks.h"
#include "tests/core/base/sample_runs.h"

#include <filesystem>
#include <fstream>
#include <functional>
#include <vector>

/// Experiments with made-up numbers, in folders as training leaves them.
namespace sparsescope::testing {

/// What a run measured at its end, 10 steps; `train.loss` must be among it.
using LastValues = std::function<std::vector<Scalar>(const RunConfig &)>;

/// experiment.json and its runs, each with a value at step 5 and those of `last` at step 10. `checked`: all gates passed.
inline void storeRuns(const std::filesystem::path &folder, const ExperimentConfig &experiment, const LastValues &last,
                      RunState state = RunState::Finished, bool checked = true)
{
    std::filesystem::create_directories(folder);
    std::ofstream(folder / "experiment.json") << experiment.document;
    for (const RunConfig &run : expand(experiment)) {
        const auto writer = RunWriter::create(folder / run.folder(), run);
        writer->value("parameters", "41216");
        writer->value("device", "cpu");
        writer->value("task", run.data.source == "stories" || run.data.source == "text" ? "no" : "yes");
        if (checked) {
            storeChecks(*writer, passedChecks(run));
            storeFingerprint(*writer, sampleFingerprint(run));
        }
        writer->scalars(5, 1, {{"train.loss", 3}, {"val.loss", 1.0}, {"time.step", 0.2}});
        writer->scalars(10, 2, last(run));
        writer->state(state, state == RunState::Failed ? "loss became NaN at step 10" : "");
    }
}

} // namespace sparsescope::testing
