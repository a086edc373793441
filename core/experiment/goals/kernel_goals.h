#pragma once

#include "core/base/bench_document.h"

#include <nlohmann/json.hpp>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace sparsescope {

/// Which stored measurement a goal is about; what is not given may be anything.
struct GoalRow {
    std::string op; ///< "masked_attention", "training step of sparse"
    std::optional<std::int64_t> batch = {}, keys = {}, k = {}, heads = {}, width = {};
    std::string indexer = {};   ///< of an attention core: "64x128"
    std::string scores = {};    ///< of a selection: "random"
    std::string direction = {}; ///< of the pass that it was timed in: "forward", "training"; a card runs warmer in one

    bool fits(const BenchDocument &bench, const MeasuredRow &row) const;
};

/// What a kernel or a training step is to reach, and what was expected of it before it was written.
struct KernelGoal {
    enum class Measure {
        Microseconds,    ///< of a call
        Milliseconds,    ///< of a step
        TimesOther,      ///< time over that of the other timing, at most the goal
        OverOther,       ///< the other timing over this one, at least the goal
        ShareOfFloor,    ///< floor over time, at least the goal
        TeraFlops,       ///< 10^12 operations a second, at least the goal
        TimesOfOtherRow, ///< time over that of `second`, at most the goal
        PeakMebibytes    ///< allocated during a call beyond its inputs, at most the goal
    };
    std::string part; ///< heading under which it stands
    std::string what;
    GoalRow row;
    Measure measure;
    std::optional<double> goal = {};  ///< none: expectations alone
    std::string other = {};           ///< a timing of the same row: "torch.sdpa", "eager"
    std::optional<GoalRow> plus = {}; ///< a second row whose times are added on both sides
    std::optional<GoalRow> second = {};
    std::string expected = {}; ///< stage by stage, as it was predicted
};

/// KERNELS of the design: small models, training steps, long contexts, decoding.
const std::vector<KernelGoal> &kernelGoals();

/// What the benchmarks stored below a folder reach: {schema, goals: [{part, what, shape, measured, lower, upper, unit, goal, met, expected,
/// floor_share, limit, right, file, card}], counts: {met, missed, not_measured}, problems}. Throws Failure where there is no such folder.
nlohmann::ordered_json judgeGoals(const std::filesystem::path &root);
/// The same, written as goals.json and GOALS.md into the folder, each atomically.
nlohmann::ordered_json writeGoals(const std::filesystem::path &root);
std::string goalsMarkdown(const nlohmann::ordered_json &document);

} // namespace sparsescope
