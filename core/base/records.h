#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

/// What training tells the world. Plain values that cross threads and processes.
namespace sparsescope {

enum class RunState { Queued, Running, Paused, Finished, Stopped, Failed, Interrupted };
std::string toString(RunState);    ///< as stored: "queued", ... (CONTRACTS.md 3)
std::string displayName(RunState); ///< as shown: "Queued", "Running", "Paused", "Done", "Stopped", "Failed", "Cut off"
RunState runStateFrom(const std::string &stored); ///< throws Failure on an unknown word

enum class LogLevel { Info, Check, Saved, Error };
std::string toString(LogLevel); ///< "info", "check", "saved", "error"

/// One value of one metric. Keys: CONTRACTS.md 4 ("val.loss", "selection.mass_kept/3").
struct Scalar {
    std::string metric;
    double value = 0;
};

/// All values of one optimiser step that reached the host. `step` counts main-model steps.
struct StepRecord {
    std::string run; ///< RunConfig::folder()
    std::int64_t step = 0;
    double wall = 0; ///< seconds since the epoch
    std::vector<Scalar> scalars;
};

/// All values of one evaluation.
struct EvalRecord {
    std::string run;
    std::int64_t step = 0;
    double wall = 0;
    std::vector<Scalar> scalars;
};

struct StageChange {
    std::string run;
    std::int64_t step = 0;    ///< first step of the stage
    std::int64_t endStep = 0; ///< first step after it (equal to step for an indexer-only stage)
    int index = 0;
    std::string name;  ///< "Dense training"
    std::string audit; ///< what it trains: "main 41,216 parameters by LM, indexer 9,344 by KL over visible keys"
};

struct LogRecord {
    std::string run;
    double wall = 0;
    std::int64_t step = 0;
    LogLevel level = LogLevel::Info;
    std::string text;
};

struct StateChange {
    std::string run;
    RunState state = RunState::Queued;
    std::string reason;     ///< why it failed, in words
    std::int64_t step = 0;  ///< main-model steps done
    std::int64_t steps = 0; ///< of
};

struct RunOutcome {
    std::string run;
    RunState state = RunState::Finished; ///< Finished, Stopped, Failed
    std::string reason;
    std::int64_t step = 0;
};

enum class CheckOutcome { Passed, Warning, Failed, NotRun };
std::string toString(CheckOutcome); ///< "passed", "warning", "failed", "not run"

/// What one gate found. Which gates there are: core/base/gates.h.
struct CheckResult {
    std::string gate; ///< name of the gate: "causality"
    std::string run;  ///< RunConfig::folder(); the lockstep group for a gate between runs
    CheckOutcome outcome = CheckOutcome::NotRun;
    std::optional<double> value, limit; ///< what was measured and what it is judged by; nothing where no number says it
    std::string measured;               ///< in words, with the unit; why, where it was not run
};

} // namespace sparsescope
